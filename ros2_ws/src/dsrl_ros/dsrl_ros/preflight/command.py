"""A preflight from a folder or from simulated trials, as JSON."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from dsrl_core.data.episode_store import EPISODES
from dsrl_core.data.ledger import LEDGER
from dsrl_core.errors import DsrlError, InvalidValue
from dsrl_core.policies import load_policy
from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.specs import PolicySpec, RobotSpec, TaskSpec
from dsrl_core.steering.preflight.examination import Effort, conclude, examine
from dsrl_core.steering.preflight.judging import judge
from dsrl_core.steering.preflight.noise_kinds import NoiseKind
from dsrl_core.steering.preflight.preflight_file import to_json
from dsrl_core.steering.preflight.recorded import read_recorded
from dsrl_core.steering.preflight.thresholds import THRESHOLDS
from dsrl_core.steering.preflight.views import views_of

_DRAWS: Final = 4
"""Simulated trials at each reset."""
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Asked:
    """What the command line asked for."""

    task: TaskSpec
    robot: RobotSpec
    policy: PolicySpec
    recorded: Path | None
    """None: simulate."""
    out: Path | None
    episodes: int
    seed: int
    effort: Effort


def perform(asked: Asked, tell: Tell) -> tuple[dict[str, Any], Path]:
    """The finished preflight, and the folder that it belongs into.

    Raises:
        DsrlError: there is nothing to measure on, or what is there does not fit the policy.
    """
    import torch

    # As in the nodes: times and the last bit are those of a run.
    torch.set_num_threads(1)
    folder = _folder_of(asked)
    source = asked.recorded or folder
    if asked.recorded is None:
        tell(f"simulating {2 * asked.episodes} episodes in {folder}")
        _simulate(asked, folder, "--replays", "1")
        _simulate(asked, folder, "--held")
    policy = load_policy(asked.policy)
    try:
        return _measure(asked, policy, source, folder, tell), folder
    finally:
        policy.close()


def _measure(
    asked: Asked, policy: PolicyBackend, source: Path, folder: Path, tell: Tell
) -> dict[str, Any]:
    episodes, trials = read_recorded(source)
    views = views_of(episodes, asked.effort.views, policy.spec)
    tell(f"measuring on {len(views)} observations of {len(episodes)} episodes")
    measured = examine(asked.task, asked.robot, policy, views, asked.seed, asked.effort)
    advice = measured.recommendation
    if asked.recorded is None and advice is not None:
        tell(f"simulating {asked.episodes} episodes with {advice.kind.name}")
        _simulate(asked, folder, *_shape_of(advice.kind))
        _, trials = read_recorded(source)
    found = conclude(asked.task, policy.spec, measured, trials, len(views))
    about = {"source": str(source), "simulated": asked.recorded is None, "seed": asked.seed}
    return to_json(found, judge(found, THRESHOLDS), THRESHOLDS, about)


def _folder_of(asked: Asked) -> Path:
    """Where the result goes; simulated episodes never mix with others."""
    if asked.recorded is not None:
        folder = asked.out or asked.recorded
    else:
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
        folder = asked.out or Path("runs") / f"preflight-{stamp}"
        if any((folder / name).exists() for name in (EPISODES, LEDGER)):
            raise InvalidValue(f"{folder} holds episodes already; give another folder with --out")
    if asked.recorded is not None and not asked.recorded.is_dir():
        raise InvalidValue(f"there is no folder {asked.recorded}; expected one of a run or import")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DsrlError(f"{folder} cannot be made: {error.strerror}") from error
    return folder


def _simulate(asked: Asked, folder: Path, *arguments: str) -> None:
    """By the simulator's own program: this package does not know the simulator."""
    resets = max(1, round(asked.episodes / _DRAWS))
    options = {
        "task": asked.task.name,
        "policy": asked.policy.name,
        "seed": asked.seed,
        "resets": resets,
        "draws": min(_DRAWS, asked.episodes),
        "out": folder,
    }
    told = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "dsrl_sim.trials", *told, *arguments]
    finished = subprocess.run(command, capture_output=True, text=True)
    if finished.returncode:
        lines = finished.stderr.strip().splitlines() or ["it did not say why"]
        raise DsrlError(f"the simulated trials failed: {lines[-1]}")


def _shape_of(kind: NoiseKind) -> list[str]:
    options = ["--shape", kind.shape, "--bound", f"{kind.bound:g}"]
    return [*options, "--knots", str(kind.knots)] if kind.shape == "knots" else options
