"""What a learner writes down of itself, so that its run can be repeated and compared.

<run>/learner.json                 seed, task, policy and settings
<run>/checkpoints/versions.jsonl   every version of the weights: its SHA-256 and what it is
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from dsrl_core.errors import DsrlError, InvalidFile
from dsrl_core.learning.guard import GuardConfig
from dsrl_core.learning.learner import LearnedTask
from dsrl_core.learning.training_run import Version

CHECKPOINTS: Final = "checkpoints"
_ABOUT: Final = "learner.json"
_VERSIONS: Final = "versions.jsonl"


def about_run(
    learned: LearnedTask, seed: int, guard: GuardConfig, prior: list[str]
) -> dict[str, Any]:
    """All that decides what is learned, beside episodes and labels."""
    task, policy = learned.task, learned.policy.spec
    return {
        "seed": seed,
        "task": task.name,
        "policy": policy.name,
        "policy_sha256": policy.weights_sha256,
        "steering": asdict(task.steering),
        "reward": asdict(task.reward),
        "guard": asdict(guard),
        "prior": prior,
    }


def read_about(run: Path) -> dict[str, Any] | None:
    """What a run's learner wrote of itself; None where none has learned.

    Raises:
        InvalidFile: it cannot be read.
    """
    path = run / _ABOUT
    if not path.exists():
        return None
    try:
        about = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InvalidFile(f"{path} cannot be read: {error}") from error
    expected = {"seed", "task", "policy", "steering", "reward", "guard", "prior"}
    if not isinstance(about, dict) or not expected <= set(about):
        raise InvalidFile(f"{path} lacks some of {', '.join(sorted(expected))}")
    return about


def read_versions(run: Path) -> dict[int, str]:
    """SHA-256 of every version that a run's learner had, by number; a last half line is left."""
    path = run / CHECKPOINTS / _VERSIONS
    if not path.exists():
        return {}
    versions = {}
    for line in path.read_text().splitlines():
        try:
            entry = json.loads(line)
            versions[int(entry["version"])] = str(entry["sha256"])
        except (ValueError, KeyError, TypeError):
            continue
    return versions


class RunRecord:
    """Writes both files for a run that begins or is gone on with."""

    def __init__(self, run: Path, about: Mapping[str, Any], resumed_at: int = 0) -> None:
        """`resumed_at`: version that a new start goes on from; those up to it stay written.

        Raises:
            DsrlError: the folder cannot be written.
        """
        self._before = read_versions(run)
        self._path = run / CHECKPOINTS / _VERSIONS
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            (run / _ABOUT).write_text(json.dumps(about, indent=2) + "\n")
            lines = self._path.read_text().splitlines() if resumed_at else []
            part = self._path.with_suffix(".part")
            part.write_text("".join(f"{line}\n" for line in lines if _is_up_to(resumed_at, line)))
            part.replace(self._path)
        except OSError as error:
            raise DsrlError(f"{run} cannot be written: {error}") from error

    def add(self, version: Version) -> str:
        """Write a version down. What is wrong with it, for people; empty: nothing.

        After a new start the same versions come again, from the same episodes and labels.
        """
        entry = {
            "version": version.number,
            "sha256": version.sha256,
            "updates": version.updates,
            "entries": version.entries,
            "restored_from": version.restored_from,
        }
        try:
            with self._path.open("a") as file:
                file.write(json.dumps(entry) + "\n")
        except OSError as error:
            return f"version {version.number} could not be written to {self._path}: {error}"
        before = self._before.get(version.number)
        if before is None or before == version.sha256:
            return ""
        return (
            f"version {version.number} is not what it was before the new start (SHA-256 "
            f"{version.sha256[:12]}, was {before[:12]}): settings, episodes, program or machine "
            "have changed"
        )


def _is_up_to(version: int, line: str) -> bool:
    try:
        return int(json.loads(line)["version"]) <= version
    except (ValueError, KeyError, TypeError):
        return False
