"""What a demonstration is to do: asked for now, or in an earlier sitting that is gone on with."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from dsrl_core.catalog import Catalog
from dsrl_core.errors import DsrlError
from dsrl_core.evaluation.summary import Measured, Measurement, Settings, Status, Summary
from dsrl_core.evaluation.summary_file import SUMMARY_FILE, check_same_settings, read_summary
from dsrl_core.policies import file_sha256
from dsrl_ros.demo.history import training_outcomes, versions

CURVE_EVERY: Final = 10
CURVE_EPISODES: Final = 25
ACTOR_EPISODES: Final = 50
RUNS: Final = Path("runs")


def settings_of(
    catalog: Catalog, task: str, seed: int, episodes: int, eval_episodes: int, realtime: bool
) -> Settings:
    """Complete settings from what the command line asks for.

    Raises:
        DsrlError: the task, or what it names, is unknown or not valid.
    """
    spec = catalog.task(task)
    catalog.robot(spec.robot)
    catalog.policy(spec.policy)
    return Settings(
        task=task,
        robot=spec.robot,
        policy=spec.policy,
        seed=seed,
        warm_up_episodes=spec.steering.warm_up_episodes,
        episodes=episodes,
        eval_episodes=eval_episodes,
        actor_episodes=min(ACTOR_EPISODES, eval_episodes),
        curve_every=CURVE_EVERY,
        curve_episodes=min(CURVE_EPISODES, eval_episodes),
        realtime=realtime,
    )


def new_folder() -> Path:
    """A name for a run that was given none."""
    return RUNS / f"demo-{datetime.now():%Y%m%d-%H%M%S}"


def require_empty(out: Path) -> None:
    """Refuse to mix a new run with anything else.

    Raises:
        DsrlError: the folder holds something; says how to go on with a run that is in it.
    """
    if out.is_dir() and any(out.iterdir()):
        hint = ", or go on with that run by --resume" if (out / SUMMARY_FILE).is_file() else ""
        raise DsrlError(f"output folder {out} is not empty; choose another with --out{hint}")


def begin(settings: Settings, catalog: Catalog) -> Summary:
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


def resume(out: Path, asked: Settings, catalog: Catalog) -> Summary:
    """The summary of an earlier sitting, made to agree with the episodes and labels on disk.

    Raises:
        DsrlError: there is no run in the folder, or it was another one than is asked for now.
    """
    if not (out / SUMMARY_FILE).is_file():
        known = sorted(str(path.parent) for path in RUNS.glob(f"*/{SUMMARY_FILE}"))
        raise DsrlError(
            f"cannot resume: there is no {SUMMARY_FILE} in {out}; runs to resume: "
            f"{', '.join(known) or 'none'}"
        )
    earlier = read_summary(out)
    check_same_settings(earlier, asked, out)
    sha256 = file_sha256(catalog.policy(asked.policy))
    if earlier.policy_sha256_before != sha256:
        raise DsrlError(
            f"cannot resume: policy '{asked.policy}' has sha256 {sha256}, the run in {out} was "
            f"begun with {earlier.policy_sha256_before}"
        )
    outcomes = training_outcomes(out)
    warm_up = asked.warm_up_episodes
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
