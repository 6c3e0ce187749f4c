"""What a demonstration is to do: asked for now, or in an earlier sitting that is gone on with."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from dsrl_core.catalog import Catalog
from dsrl_core.errors import DsrlError, InvalidValue
from dsrl_core.evaluation.summary import Measured, Measurement, Settings, Status, Summary
from dsrl_core.evaluation.summary_file import SUMMARY_FILE, check_same_settings, read_summary
from dsrl_core.policies import file_sha256
from dsrl_ros.demo.history import training_outcomes, versions

TASK: Final = "franka_pick"
EPISODES: Final = 40
EVAL_EPISODES: Final = 100
CURVE_EVERY: Final = 10
CURVE_EPISODES: Final = 25
ACTOR_EPISODES: Final = 50
RUNS: Final = Path("runs")


@dataclass(frozen=True)
class Asked:
    """The command line; None is what was not given."""

    task: str | None = None
    episodes: int | None = None
    seed: int | None = None
    eval_episodes: int | None = None
    out: Path | None = None
    resume: bool = False
    headless: bool = False
    viewer: bool = False
    realtime: bool = False


def plan(asked: Asked, catalog: Catalog) -> tuple[Path, Summary]:
    """The folder of a run, and its summary: a new one, or that of the run that is gone on with.

    Raises:
        DsrlError: what is asked for contradicts itself, does not exist, or is another run than the
            one in the folder.
    """
    if asked.viewer and asked.headless:
        raise InvalidValue("--viewer and --headless exclude each other; give one of them")
    if not asked.resume:
        folder = asked.out or RUNS / f"demo-{datetime.now():%Y%m%d-%H%M%S}"
        _require_empty(folder)
        return folder, _begin(_settings(asked, catalog, None), catalog)
    if asked.out is None:
        raise InvalidValue("--resume needs the folder of the run that it goes on with: --out DIR")
    if not (asked.out / SUMMARY_FILE).is_file():
        known = sorted(str(path.parent) for path in RUNS.glob(f"*/{SUMMARY_FILE}"))
        raise InvalidValue(
            f"cannot resume: there is no {SUMMARY_FILE} in {asked.out}; runs to resume: "
            f"{', '.join(known) or 'none'}"
        )
    earlier = read_summary(asked.out)
    settings = _settings(asked, catalog, earlier.settings)
    return asked.out, _resume(asked.out, earlier, settings, catalog)


def _settings(asked: Asked, catalog: Catalog, earlier: Settings | None) -> Settings:
    """Complete: what is not given is as it was, or the default."""

    def given(name: str, default: Any) -> Any:
        value = getattr(asked, name)
        return getattr(earlier, name, default) if value is None else value

    task = catalog.task(given("task", TASK))
    catalog.robot(task.robot)
    catalog.policy(task.policy)
    trials = given("eval_episodes", EVAL_EPISODES)
    return Settings(
        task=task.name,
        robot=task.robot,
        policy=task.policy,
        seed=given("seed", 0),
        warm_up_episodes=task.steering.warm_up_episodes,
        episodes=given("episodes", EPISODES),
        eval_episodes=trials,
        actor_episodes=min(ACTOR_EPISODES, trials),
        curve_every=CURVE_EVERY,
        curve_episodes=min(CURVE_EPISODES, trials),
        realtime=asked.realtime or (earlier is not None and earlier.realtime),
    )


def _require_empty(out: Path) -> None:
    """Refuse to mix a new run with anything else."""
    if out.is_dir() and any(out.iterdir()):
        hint = ", or go on with that run by --resume" if (out / SUMMARY_FILE).is_file() else ""
        raise DsrlError(f"output folder {out} is not empty; choose another with --out{hint}")


def _begin(settings: Settings, catalog: Catalog) -> Summary:
    """The summary of a run of which nothing is done yet."""
    return Summary(
        settings=settings,
        measurements={Measured.ORACLE: Measurement(settings.eval_episodes)},
        policy_sha256_before=file_sha256(catalog.policy(settings.policy)),
        sittings=1,
        command_line=shlex.join(["./dsrl", *sys.argv[1:]]),
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions(),
    )


def _resume(out: Path, earlier: Summary, settings: Settings, catalog: Catalog) -> Summary:
    """The summary of an earlier sitting, made to agree with the episodes and labels on disk."""
    check_same_settings(earlier, settings, out)
    sha256 = file_sha256(catalog.policy(settings.policy))
    if earlier.policy_sha256_before != sha256:
        raise DsrlError(
            f"cannot resume: policy '{settings.policy}' has sha256 {sha256}, the run in {out} was "
            f"begun with {earlier.policy_sha256_before}"
        )
    if earlier.status is Status.COMPLETE:
        return earlier
    outcomes = training_outcomes(out)
    warm_up = settings.warm_up_episodes
    return replace(
        earlier,
        status=Status.RUNNING,
        message="",
        notes=(),
        warm_up_outcomes=outcomes[:warm_up],
        training_outcomes=outcomes[warm_up:],
        sittings=earlier.sittings + 1,
        versions=versions(),
    )
