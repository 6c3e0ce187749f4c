"""summary.json: written whole after every episode, read back and checked to go on from it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from dsrl_core.errors import DsrlError, InvalidFile
from dsrl_core.evaluation.summary import Measured, Settings, Summary

SUMMARY_FILE: Final = "summary.json"
FORMAT: Final = 1
"""Raised when an older file can no longer be read."""

_ADAPTER: Final = TypeAdapter(Summary)


def to_json(summary: Summary) -> dict[str, Any]:
    """The file's content: rates, curve and verdict first, then all that they come from."""
    stored = _ADAPTER.dump_python(summary, mode="json")
    return {"format": FORMAT, **_computed(summary), **stored}


def write_summary(folder: Path, summary: Summary) -> Path:
    """Write summary.json whole or not at all: a reader never sees half of it.

    Raises:
        DsrlError: the folder cannot be written to.
    """
    path = folder / SUMMARY_FILE
    part = path.with_suffix(".json.part")
    try:
        with part.open("w") as file:
            json.dump(to_json(summary), file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise DsrlError(f"{path} cannot be written: {error.strerror}") from error
    return path


def read_summary(folder: Path) -> Summary:
    """summary.json of an earlier run.

    Raises:
        InvalidFile: it is absent, not a summary, of another format, or contradicts itself.
    """
    path = folder / SUMMARY_FILE
    content = _read(path)
    own = {field.name for field in fields(Summary)}
    try:
        summary = _ADAPTER.validate_python({k: v for k, v in content.items() if k in own})
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"]) or "(file)"
        raise InvalidFile(f"{path} is not valid: {place}: {problem['msg']}") from error
    expected = json.loads(json.dumps(_computed(summary)))
    stated = {key: value for key, value in content.items() if key not in own | {"format"}}
    for key in sorted(stated.keys() | expected.keys()):
        if stated.get(key) != expected.get(key):
            raise InvalidFile(
                f"{path} contradicts itself: {key} is {stated.get(key)}, "
                f"its outcomes give {expected.get(key)}"
            )
    return summary


def check_same_settings(earlier: Summary, asked: Settings, folder: Path) -> None:
    """Refuse to go on with a run under other settings than it was begun with.

    Raises:
        DsrlError: it names every difference.
    """
    differences = [
        f"{field.name} is {getattr(earlier.settings, field.name)} in {folder}, "
        f"asked for is {getattr(asked, field.name)}"
        for field in fields(Settings)
        if getattr(asked, field.name) != getattr(earlier.settings, field.name)
    ]
    if differences:
        raise DsrlError("cannot resume: " + "; ".join(differences) + "; choose another --out")


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise InvalidFile(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidFile(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise InvalidFile(f"{path} holds {type(content).__name__}, expected a map")
    if content.get("format") != FORMAT:
        raise InvalidFile(f"{path} has format {content.get('format')}, expected {FORMAT}")
    return content


def _computed(summary: Summary) -> dict[str, Any]:
    counts = {what: summary.count(what) for what in Measured}
    return {
        "verdict": summary.verdict,
        **{str(what): asdict(count) if count else None for what, count in counts.items()},
        "curve": [
            {
                "online_episodes": point.online_episodes,
                **asdict(count),
                "weights_version": point.measurement.weights_version,
            }
            for point in summary.curve
            if (count := point.measurement.count) is not None
        ],
        "policy_is_unchanged": summary.policy_is_unchanged,
        "real_time_factor": summary.real_time_factor,
        "seed": summary.settings.seed,
    }
