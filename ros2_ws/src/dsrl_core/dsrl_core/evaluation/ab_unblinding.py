"""Opening a comparison's key: once, by somebody, at a time that is written down for good."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from dsrl_core.errors import DsrlError, InvalidFile
from dsrl_core.evaluation.ab_report import Unblinding
from dsrl_core.evaluation.ab_run import PlannedRun


def unblinding_of(folder: Path, planned: PlannedRun) -> Unblinding | None:
    """When and by whom it was opened; None: it is still sealed.

    Raises:
        InvalidFile: what is written down of it cannot be read.
    """
    path = _path(folder, planned)
    if not path.exists():
        return None
    try:
        return Unblinding(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise InvalidFile(f"{path} does not say who opened the comparison: {error}") from error


def unblind(
    folder: Path, planned: PlannedRun, author: str, stamp_ns: int, entries: int
) -> Unblinding:
    """Open the key; the first time counts. `entries`: in the ledger by then.

    Raises:
        DsrlError: it cannot be written down, and so it stays sealed.
    """
    opened = Unblinding(author, stamp_ns, entries)
    try:
        with _path(folder, planned).open("x") as file:
            json.dump(asdict(opened), file)
    except FileExistsError:
        before = unblinding_of(folder, planned)
        assert before is not None
        return before
    except OSError as error:
        raise DsrlError(f"the comparison stays sealed: {error}") from error
    return opened


def _path(folder: Path, planned: PlannedRun) -> Path:
    # Not *.json: plans are.
    return folder / f"ab-{planned.first_episode:06d}.unblinded"
