"""Environments of other frameworks: made beside ours, whole or not at all.

Such a framework pins torch, numpy and transformers against ours; it gets a virtual environment of
its own, with exact versions. We are not installed there: its worker imports us through a link, so
that both are always of one version.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from dsrl_core.errors import DsrlError
from dsrl_core.policies.recipes import Recipe, recipe, recipe_names
from dsrl_core.policies.worker_process import Worker, last_lines, variables_for

ENVIRONMENTS_VARIABLE: Final = "DSRL_ENVIRONMENTS"
"""Environment variable that names the folder of all environments."""
_US: Final = Path(__file__).parents[1]
_MANIFEST: Final = "environment.json"
_DOWNLOADS: Final = ".downloads"
_UNFINISHED: Final = ".part"
_LOGS_KEPT: Final = 20
_GB: Final = 1e9

Say = Callable[[str], None]


class NotInstalled(DsrlError):
    """A framework's environment is missing, or was made from another recipe."""


@dataclass(frozen=True)
class Environment:
    """An environment that is there."""

    framework: str
    folder: Path
    python: Path
    version: str
    """What its worker tells of the framework."""
    recipe_sha256: str
    """Empty for an environment that somebody else made."""

    @property
    def worker(self) -> Worker:
        module = recipe(self.framework).worker
        return Worker(self.framework, self.python, module, (self.folder / "link",))


def environments_folder() -> Path:
    """$DSRL_ENVIRONMENTS, or a place in our own environment's cache, or in the user's."""
    if ENVIRONMENTS_VARIABLE in os.environ:
        return Path(os.environ[ENVIRONMENTS_VARIABLE])
    if sys.prefix != sys.base_prefix:
        return Path(sys.prefix) / "cache" / "environments"
    return Path.home() / ".cache" / "dsrl" / "environments"


def environment_of_framework(framework: str) -> Environment:
    """The environment of a framework.

    Raises:
        UnknownName: no such framework.
        NotInstalled: it is not there, or not as its recipe says.
    """
    wanted = recipe(framework)
    folder = environments_folder() / framework
    command = f"./dsrl policy install {framework}"
    if not (folder / _MANIFEST).is_file():
        raise NotInstalled(f"{framework} is not installed in {folder.parent}; install: {command}")
    found = json.loads((folder / _MANIFEST).read_text())
    environment = Environment(
        framework, folder, Path(found["python"]), found["version"], found["recipe_sha256"]
    )
    if environment.recipe_sha256 not in ("", _sha256(wanted)):
        raise NotInstalled(f"{framework} in {folder} is of another recipe; make it anew: {command}")
    if not environment.python.exists():
        raise NotInstalled(f"{environment.python} is gone; make the environment anew: {command}")
    if not (folder / "link" / "dsrl_core" / "__init__.py").is_file():
        raise NotInstalled(f"{folder} belongs to a checkout that is gone; make it anew: {command}")
    return environment


def installed() -> list[Environment]:
    """Every environment that can be used."""
    found = []
    for framework in recipe_names():
        try:
            found.append(environment_of_framework(framework))
        except NotInstalled:
            continue
    return found


def install(framework: str, say: Say, python: Path | None = None) -> Environment:
    """Make a framework's environment, or take one that exists; an earlier one is replaced.

    With `python`, the environment that this interpreter belongs to is used as it is; nothing is
    installed into it.

    Raises:
        UnknownName: no such framework.
        DsrlError: it is installed by hand, the disk is too small, a download or the check failed.
            What there was before is still there.
    """
    wanted = recipe(framework)
    root = environments_folder()
    if wanted.by_hand:
        script = _US / "policies" / "workers" / wanted.worker
        raise DsrlError(
            f"{framework} is on no package index, and serves itself: {wanted.by_hand} {script}"
        )
    root.mkdir(parents=True, exist_ok=True)
    with _alone(root):
        for unfinished in root.glob(f"*{_UNFINISHED}"):
            shutil.rmtree(unfinished)
        part = Path(tempfile.mkdtemp(prefix=f"{framework}.", suffix=_UNFINISHED, dir=root))
        try:
            (part / "link").mkdir()
            (part / "link" / "dsrl_core").symlink_to(_US)
            if python is None:
                _build(wanted, part, say)
            interpreter = part / "venv" / "bin" / "python" if python is None else python.absolute()
            say("Check: its worker can be imported")
            version = _check(wanted, interpreter, part)
            final = root / framework
            if python is None:
                _write_manifest(part, final / "venv" / "bin" / "python", version, _sha256(wanted))
            else:
                _write_manifest(part, interpreter, version, "")
            _replace(final, part)
        finally:
            if part.exists():
                shutil.rmtree(part)
        shutil.rmtree(root / _DOWNLOADS, ignore_errors=True)
    return environment_of_framework(framework)


def remove(framework: str) -> None:
    """Delete a framework's environment.

    Raises:
        UnknownName: no such framework.
        NotInstalled: there is none.
    """
    folder = environments_folder() / recipe(framework).name
    if not folder.exists():
        raise NotInstalled(f"{framework} is not installed in {folder.parent}")
    with _alone(folder.parent):
        shutil.rmtree(folder)
        shutil.rmtree(folder.parent / _DOWNLOADS, ignore_errors=True)


def new_log(name: str) -> Path:
    """A file for the output of a worker; of earlier ones the newest are kept."""
    logs = environments_folder() / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    old = sorted(logs.glob("*.log"), key=lambda path: path.stat().st_mtime)
    for path in old[:-_LOGS_KEPT]:
        path.unlink(missing_ok=True)
    number, made = tempfile.mkstemp(prefix=f"{name}.", suffix=".log", dir=logs)
    os.close(number)
    return Path(made)


def _build(wanted: Recipe, part: Path, say: Say) -> None:
    free_gb = shutil.disk_usage(part).free / _GB
    say(
        f"{wanted.name} takes {wanted.disk_gb:g} GB of disk with torch's CPU build, "
        f"{wanted.disk_cuda_gb:g} GB with CUDA; {free_gb:.0f} GB are free"
    )
    if free_gb < 2.0 * wanted.disk_gb:
        raise DsrlError(
            f"{free_gb:.1f} GB are free in {part.parent}; downloads included, {wanted.name} needs "
            f"{2.0 * wanted.disk_gb:g} GB"
        )
    venv, versions, others = part / "venv", part / "versions.txt", part / "others.txt"
    python = str(venv / "bin" / "python")
    versions.write_text("\n".join(wanted.pins))
    others.write_text("\n".join(wanted.other_pins))
    base = getattr(sys, "_base_executable", sys.executable)
    say("Virtual environment")
    _run(wanted, part, [_uv(), "venv", "--python", base, "--no-project", str(venv)])
    # By pip, with the machine's pip configuration: where a CPU build is offered there, it is taken.
    say(f"{', '.join(wanted.torch_pins)} (the largest download)")
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    pip += ["install", "--no-compile", "--constraint", str(versions)]
    _run(wanted, part, pip + list(wanted.torch_pins))
    # The recipe names every dependency; what a package says of its own is not asked, since there
    # it refuses the torch that it was tried with.
    say(f"{len(wanted.other_pins)} other packages")
    uv = [_uv(), "pip", "install", "--python", python, "--no-deps", "--requirement", str(others)]
    _run(wanted, part, uv)


def _check(wanted: Recipe, python: Path, part: Path) -> str:
    worker = Worker(wanted.name, python, wanted.worker, (part / "link",))
    variables = variables_for(worker)
    if not python.exists():
        raise DsrlError(f"there is no {python}")
    return _run(wanted, part, [str(python), "-m", wanted.worker, "--check"], variables).strip()


def _run(
    wanted: Recipe, part: Path, command: list[str], variables: dict[str, str] | None = None
) -> str:
    """What a step says on standard output."""
    if variables is None:
        downloads = part.parent / _DOWNLOADS
        variables = variables_for(None) | {
            "UV_CACHE_DIR": str(downloads / "uv"),
            "PIP_CACHE_DIR": str(downloads / "pip"),
            "UV_PYTHON_DOWNLOADS": "never",
        }
    log = part / "step.log"
    with log.open("wb") as errors:
        step = subprocess.run(
            command, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
        )
    if step.returncode:
        log.write_bytes(step.stdout + log.read_bytes())
        raise DsrlError(
            f"{wanted.name} was not installed, and nothing of it is left: "
            f"`{' '.join(command[:4])} ...` failed:\n{last_lines(log)}\n"
            "A download that failed: is the package index reachable? Run it again to go on."
        )
    return step.stdout.decode(errors="replace")


def _uv() -> str:
    beside = Path(sys.prefix) / "bin" / "uv"
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise DsrlError("uv is missing; install it: pip install uv")
    return found


def _write_manifest(part: Path, python: Path, version: str, recipe_sha256: str) -> None:
    content = {"python": str(python), "version": version, "recipe_sha256": recipe_sha256}
    (part / _MANIFEST).write_text(json.dumps(content, indent=2))


def _replace(final: Path, part: Path) -> None:
    """Put the finished environment in its place; whatever was there goes last."""
    if not final.exists():
        part.rename(final)
        return
    old = Path(tempfile.mkdtemp(suffix=_UNFINISHED, dir=final.parent))
    final.rename(old / final.name)
    part.rename(final)
    shutil.rmtree(old)


def _sha256(wanted: Recipe) -> str:
    return hashlib.sha256(json.dumps(asdict(wanted)).encode()).hexdigest()


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """One installation at a time."""
    with (root / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DsrlError(f"another installation into {root} is running") from error
        yield
