"""Reports of a run's blinded comparisons."""

from __future__ import annotations

import getpass
import time
from collections.abc import Mapping
from pathlib import Path

from dsrl_core.evaluation.ab_report import AbFacts, write_ab_report
from dsrl_core.evaluation.ab_run import expectation, read_plans, recorded_test
from dsrl_core.evaluation.ab_unblinding import unblind, unblinding_of
from dsrl_core.evaluation.run_data import RunData


def write_ab_reports(run: RunData, versions: Mapping[str, str], open_early: bool) -> list[Path]:
    """One file per comparison. One that is over is opened, which is written down; another only if
    `open_early`.

    Raises:
        DsrlError: a plan was changed, or a file cannot be written.
    """
    written = []
    for planned in read_plans(run.folder):
        test = recorded_test(run.folder, planned)
        opened = unblinding_of(run.folder, planned)
        if opened is None and (open_early or test.should_stop):
            opened = unblind(
                run.folder, planned, getpass.getuser(), time.time_ns(), len(run.entries)
            )
        about = run.about
        title = f"{about.get('task', run.name)}, policy {about.get('policy', 'not known')}"
        facts = AbFacts(
            title,
            planned_at=planned.planned_at,
            seal=planned.seal,
            forecast=expectation(planned.rule, planned.pairs),
            resets_match=planned.resets_match,
            versions=versions,
        )
        path = run.folder / f"ab-{planned.first_episode:06d}.html"
        written.append(write_ab_report(test, facts, opened, path))
    return written
