"""A preflight from a folder, from simulated trials or with the robot, as JSON."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dsrl_core.data.episode_store import EPISODES
from dsrl_core.data.ledger import LEDGER
from dsrl_core.errors import DsrlError, InvalidValue, UnknownName
from dsrl_core.policies import load_policy
from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.specs import PolicySpec, RobotSpec, TaskSpec
from dsrl_core.steering.preflight.examination import (
    Effort,
    Measured,
    Preflight,
    conclude,
    examine,
)
from dsrl_core.steering.preflight.judging import judge
from dsrl_core.steering.preflight.noise_kinds import NoiseKind
from dsrl_core.steering.preflight.preflight_file import to_json
from dsrl_core.steering.preflight.recorded import read_recorded
from dsrl_core.steering.preflight.thresholds import THRESHOLDS
from dsrl_core.steering.preflight.to_try import noises_to_try
from dsrl_core.steering.preflight.trials import Trial
from dsrl_core.steering.preflight.verdict import Level, verdict_of
from dsrl_core.steering.preflight.views import views_of

if TYPE_CHECKING:
    from dsrl_ros.preflight.robot import RobotTrials

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
    """None: simulate, or what the graph has recorded."""
    out: Path | None
    episodes: int
    seed: int
    effort: Effort
    each: int = 0
    """On a running graph, so many episodes of each noise; 0: nothing moves."""
    namespace: str = ""
    """Of that graph."""


def perform(asked: Asked, tell: Tell) -> tuple[dict[str, Any], Path]:
    """The finished preflight, and the folder that it belongs into.

    Raises:
        DsrlError: there is nothing to measure on, or what is there does not fit the policy; with
            the robot also, no graph can play trials, or they came to no end.
    """
    import torch

    # As in the nodes: times and the last bit are those of a run.
    torch.set_num_threads(1)
    if asked.each:
        # Here, because nothing else of a preflight needs ROS.
        from dsrl_ros.client import GraphClient
        from dsrl_ros.preflight.robot import RobotTrials

        with closing(GraphClient("dsrl_preflight", asked.namespace)) as client:
            graph = RobotTrials(client, asked.task, asked.policy, tell)
            return with_robot(asked, graph, tell)
    folder = _folder_of(asked)
    source = asked.recorded or folder
    if asked.recorded is None:
        tell(f"simulating {2 * asked.episodes} episodes in {folder}")
        _simulate(asked, folder, "--replays", "1")
        _simulate(asked, folder, "--held")
    with closing(load_policy(asked.policy)) as policy:
        measured, trials, views = _measure(asked, policy, source, tell)
    advice = measured.recommendation
    if asked.recorded is None and advice is not None:
        tell(f"simulating {asked.episodes} episodes with {advice.kind.name}")
        _simulate(asked, folder, *_shape_of(advice.kind))
        trials = read_recorded(source)[1]
    found = conclude(asked.task, asked.policy, measured, trials, views)
    return _written(found, asked, source, asked.recorded is None), folder


def with_robot(asked: Asked, graph: RobotTrials, tell: Tell) -> tuple[dict[str, Any], Path]:
    """Without any motion first; unless that says stop, trials on the graph, and all of it again.

    Raises:
        DsrlError: as `perform`.
    """
    source = asked.recorded or graph.folder
    folder = asked.out or graph.folder
    _make(folder)
    with closing(load_policy(asked.policy)) as policy:
        graph.require(policy)
        try:
            measured, _, views = _measure(asked, policy, source, tell)
        except (InvalidValue, UnknownName) as error:
            raise InvalidValue(
                f"{error}. Before anything moves noise is measured on observations: let the graph "
                "play a few base episodes (a run of mode base) and label them, or name the folder "
                "of a run or import: ./dsrl preflight RUN --robot"
            ) from error
    plan = noises_to_try(measured, THRESHOLDS)
    found = conclude(asked.task, asked.policy, measured, read_recorded(graph.folder)[1], views)
    before = verdict_of(judge(found, THRESHOLDS))
    is_played = before is not Level.STOP
    if is_played:
        total = asked.each * len(plan.noises)
        tell(
            f"{before} without any motion; now the arm plays {total} episodes, {asked.each} of "
            f"each of {len(plan.noises)} noises, in an order that nobody knows: label each"
        )
        for reason in plan.left_out:
            tell(f"not played: {reason}")
        played = graph.play(plan.noises, asked.each, asked.seed)
        trials = read_recorded(graph.folder)[1]
        in_turn = read_recorded(graph.folder, played)[1]
        found = conclude(asked.task, asked.policy, measured, trials, views, in_turn=in_turn)
    else:
        tell("stop, without any motion: the arm is left where it is")
    robot = {
        "folder": str(graph.folder),
        "verdict_before": before,
        "noises": plan.noises if is_played else (),
        "each": asked.each if is_played else 0,
        "left_out": plan.left_out,
    }
    return _written(found, asked, source, False, robot=robot), folder


def _measure(
    asked: Asked, policy: PolicyBackend, source: Path, tell: Tell
) -> tuple[Measured, tuple[Trial, ...], int]:
    """What noise does, the labelled trials of the folder, and at how many views."""
    episodes, trials = read_recorded(source)
    views = views_of(episodes, asked.effort.views, policy.spec)
    tell(f"measuring on {len(views)} observations of {len(episodes)} episodes")
    measured = examine(asked.task, asked.robot, policy, views, asked.seed, asked.effort)
    return measured, trials, len(views)


def _written(
    found: Preflight, asked: Asked, source: Path, simulated: bool, **more: object
) -> dict[str, Any]:
    about = {"source": str(source), "simulated": simulated, "seed": asked.seed, **more}
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
    _make(folder)
    return folder


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DsrlError(f"{folder} cannot be made: {error.strerror}") from error


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
