"""Where things lie: policies, configuration, the output folder, the policy server's socket."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from ament_index_python.packages import get_package_share_directory

from dsrl_core.catalog import POLICIES_VARIABLE, Catalog
from dsrl_core.data.episode_store import EPISODES
from dsrl_core.errors import DsrlError
from dsrl_core.steering.kept_weights import WEIGHTS
from dsrl_ros.namespaces import digest

FREE_BYTES_MIN: Final = 50_000_000
"""A run is refused when the output folder's disk has less: an episode takes about 50 kB."""


def share() -> Path:
    """The installed share folder of this package."""
    return Path(get_package_share_directory("dsrl_ros"))


def use_installed_policies() -> None:
    """Let this process and its children find policies: $DSRL_POLICIES, or the installed ones."""
    os.environ.setdefault(POLICIES_VARIABLE, str(share() / "policies"))


def catalog() -> Catalog:
    """The catalog, with the installed policies unless $DSRL_POLICIES names others."""
    use_installed_policies()
    return Catalog.default()


def policy_endpoint(domain: int, namespace: str = "") -> str:
    """Where the policy server of a graph answers: a socket that only this user can reach.

    The same for every start, so that a client finds a server that was started again.
    """
    folder = Path(tempfile.gettempdir()) / f"dsrl-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o077:
        raise DsrlError(f"{folder} belongs to somebody else or is open to others: remove it")
    return f"ipc://{folder}/policy-{domain}{digest(namespace)}"


def prepare_output(out: Path) -> Path:
    """The output folder, made if needed, absolute, writable and with space.

    Raises:
        DsrlError: it is not; says which.
    """
    out = out.expanduser().absolute()
    try:
        for folder in (out, out / EPISODES, out / "log", out / "tensorboard"):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as probe:
                probe.write(b"\0" * 4096)
                probe.flush()
    except OSError as error:
        raise DsrlError(
            f"output folder {out} cannot be written: {error.strerror}; give another with --out"
        ) from error
    free = shutil.disk_usage(out).free
    if free < FREE_BYTES_MIN:
        raise DsrlError(
            f"output folder {out} has {free / 1e6:.0f} MB free, expected at least "
            f"{FREE_BYTES_MIN / 1e6:.0f} MB; give another with --out"
        )
    return out


def prepare_robot_output(out: Path, robot: str) -> Path:
    """The folder of one of several robots below the graph's own, as `prepare_output`.

    Weights are kept once, by the learner that serves them all: the robot's folder leads there.

    Raises:
        DsrlError: it cannot be written.
    """
    folder = prepare_output(out / robot)
    link = folder / WEIGHTS
    try:
        if not link.is_symlink():
            link.symlink_to(Path("..") / WEIGHTS)
    except OSError as error:
        raise DsrlError(
            f"{link} cannot be made: {error.strerror}; expected a folder of one of several robots, "
            "give another with --out"
        ) from error
    return folder


def domain() -> int:
    """$ROS_DOMAIN_ID as a number, 0 if it is not set."""
    text = os.environ.get("ROS_DOMAIN_ID", "") or "0"
    if not text.isdigit() or int(text) > 232:
        raise DsrlError(f"ROS_DOMAIN_ID is '{text}', expected 0 to 232")
    return int(text)
