"""The label ledger: what was said of which episode, when and by whom; added to, never changed.

One file per run, one JSON object per line, entry n on line n. What holds for an episode is its
last entry, unless that takes the label back (`undo`); an episode without a label is not a failure,
it is unlabelled.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
from collections.abc import Iterable
from dataclasses import asdict, fields, replace
from pathlib import Path
from types import TracebackType
from typing import Final

from dsrl_core.errors import DsrlError, InvalidFile, InvalidValue
from dsrl_core.types import Label, Outcome

LEDGER: Final = "ledger.jsonl"
"""File of the labels in a run's folder."""
_KEYS = tuple(part.name for part in fields(Label))
_NEEDED = frozenset(_KEYS) - {"moment_ns", "conflicts_with"}
"""What every line has; ledgers from before there were marks and conflicts have only these."""


class LabelLedger:
    """The one writer of a ledger file; readers use `LedgerFollower`."""

    def __init__(self, path: Path) -> None:
        """Open or begin the ledger at `path`.

        A last line that was cut off (by a loss of power, a full disk) was never acknowledged: it is
        moved to `<path>.torn`, and `torn` says so.

        Raises:
            DsrlError: another process writes it, or it cannot be written.
            InvalidFile: another line than the last is no entry.
        """
        self.path = path
        self.torn: str | None = None
        """What was set aside when the ledger was opened, for people; None if nothing was."""
        self._in_effect: dict[int, Label] = {}
        self._entries: tuple[Label, ...] = ()
        try:
            is_new = not path.exists()
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise DsrlError(f"the label ledger {path} cannot be written: {error}") from error
        try:
            self._lock()
            if is_new:
                _sync_folder(path.parent)
            self._recover()
        except BaseException:
            os.close(self._file)
            raise

    @property
    def entries(self) -> tuple[Label, ...]:
        """Every entry ever made, in order; entry n is at index n - 1."""
        return self._entries

    def current(self) -> dict[int, Label]:
        """The label that holds, by episode; unlabelled episodes are absent."""
        return dict(self._in_effect)

    def label_of(self, episode: int) -> Label | None:
        """The label that holds for an episode, or None while it is unlabelled."""
        return self._in_effect.get(episode)

    def outcome_of(self, episode: int) -> Outcome | None:
        """What holds for an episode, or None while it is unlabelled."""
        label = self._in_effect.get(episode)
        return label.outcome if label else None

    def append(self, label: Label) -> Label:
        """Write a label to disk; it is safe there when this returns.

        Returns it with its entry number, and with the entry that it supersedes filled in: the one
        that holds for the episode, unless the label names another. Two people who did not know of
        each other's word are both kept, and the later entry names the other (`conflicts_with`).

        Raises:
            InvalidValue: it is no possible label, or there is nothing to take back.
            DsrlError: it could not be written; the ledger is as it was before.
        """
        _check(label)
        written = replace(
            label,
            entry=len(self._entries) + 1,
            supersedes=self._superseded_by(label),
            conflicts_with=self._conflict_of(label),
        )
        line = json.dumps(asdict(written), allow_nan=False).encode() + b"\n"
        size = os.fstat(self._file).st_size
        try:
            if os.write(self._file, line) != len(line):
                raise OSError("only a part of the entry could be written")
            os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, size)
            raise DsrlError(
                f"the label of episode {label.episode} could not be written to {self.path}: {error}"
            ) from error
        self._take(written)
        return written

    def close(self) -> None:
        """Give the file free for another writer; again has no effect."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> LabelLedger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DsrlError(
                f"the label ledger {self.path} is being written by another process; one episode "
                "manager at a time may use a data folder"
            ) from error

    def _recover(self) -> None:
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        lines = content[:whole].splitlines()
        if whole == len(content) and lines and _is_broken(lines[-1]):
            whole -= len(lines.pop()) + 1
        for label in _parse(lines, self.path, 1):
            self._take(label)
        if whole < len(content):
            aside = self.path.with_name(self.path.name + ".torn")
            with aside.open("ab") as file:
                file.write(content[whole:].rstrip(b"\n") + b"\n")
                file.flush()
                os.fsync(file.fileno())
            os.ftruncate(self._file, whole)
            os.fsync(self._file)
            self.torn = (
                f"{self.path} ended in the middle of entry {len(self._entries) + 1}; its "
                f"{len(content) - whole} bytes were moved to {aside}, label that episode again"
            )

    def _conflict_of(self, label: Label) -> int:
        holds = self._in_effect.get(label.episode)
        if holds is None or label.outcome is Outcome.MARK or label.supersedes == holds.entry:
            return 0
        differs = (holds.outcome, holds.reward) != (label.outcome, label.reward)
        return holds.entry if differs and holds.author != label.author else 0

    def _superseded_by(self, label: Label) -> int:
        holds = self._in_effect.get(label.episode)
        if label.outcome is Outcome.MARK:
            if label.supersedes:
                raise InvalidValue("a mark replaces nothing; expected supersedes 0")
            return 0
        if label.supersedes:
            named = self._named(label)
            if label.outcome is Outcome.UNDO and (holds is None or holds.entry != named.entry):
                current = f"entry {holds.entry}" if holds else "nothing: it is unlabelled"
                raise InvalidValue(
                    f"entry {named.entry} cannot be taken back, it does not hold any more; what "
                    f"holds for episode {label.episode} is {current}"
                )
            return named.entry
        if holds is None and label.outcome is Outcome.UNDO:
            raise InvalidValue(
                f"nothing to take back: episode {label.episode} is unlabelled; labelled are "
                f"{sorted(self._in_effect) or 'none'}"
            )
        return holds.entry if holds else 0

    def _named(self, label: Label) -> Label:
        if not 1 <= label.supersedes <= len(self._entries):
            raise InvalidValue(
                f"there is no entry {label.supersedes} to supersede; the ledger has "
                f"{len(self._entries)}"
            )
        named = self._entries[label.supersedes - 1]
        if named.episode != label.episode:
            raise InvalidValue(
                f"entry {named.entry} is about episode {named.episode}, not {label.episode}"
            )
        return named

    def _take(self, label: Label) -> None:
        self._entries += (label,)
        if label.outcome is Outcome.UNDO:
            self._in_effect.pop(label.episode, None)
        elif label.outcome is not Outcome.MARK:
            self._in_effect[label.episode] = label


def standing_labels(entries: Iterable[Label]) -> dict[int, Label]:
    """The label that holds for every labelled episode, in the order in which they were first
    labelled: its last entry, unless that takes the label back; a mark changes nothing."""
    last = {entry.episode: entry for entry in entries if entry.outcome is not Outcome.MARK}
    return {n: entry for n, entry in last.items() if entry.outcome is not Outcome.UNDO}


class LedgerFollower:
    """Reads a ledger beside its writer, entry by entry as they come."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._count = 0

    def new(self) -> tuple[Label, ...]:
        """The entries since the last call, in order; none while there is no file.

        Raises:
            InvalidFile: a line is no entry.
        """
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                content = file.read()
        except FileNotFoundError:
            return ()
        whole = content[: content.rfind(b"\n") + 1]
        found = tuple(_parse(whole.splitlines(), self._path, self._count + 1))
        self._offset += len(whole)
        self._count += len(found)
        return found


def _check(label: Label) -> None:
    if label.episode < 0:
        raise InvalidValue(f"the label is for episode {label.episode}, expected 0 or more")
    if label.outcome not in tuple(Outcome):
        raise InvalidValue(
            f"unknown outcome '{label.outcome}'; available: {', '.join(sorted(Outcome))}"
        )
    if label.moment_ns < 0 or (label.moment_ns and label.outcome is not Outcome.MARK):
        raise InvalidValue(f"moment_ns is {label.moment_ns}; expected 0, or the time of a mark")
    if not (math.isfinite(label.reward) and 0.0 <= label.reward <= 1.0):
        raise InvalidValue(f"the reward is {label.reward}, expected 0 to 1")


def _is_broken(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return True
    return False


def _parse(lines: Iterable[bytes], path: Path, first: int) -> Iterable[Label]:
    for number, line in enumerate(lines, first):
        place = f"{path}, line {number}"
        try:
            values = json.loads(line)
        except ValueError as error:
            raise InvalidFile(f"{place} is not JSON: {error}") from error
        if not isinstance(values, dict) or not _NEEDED <= set(values) <= set(_KEYS):
            found = ", ".join(values) if isinstance(values, dict) else type(values).__name__
            raise InvalidFile(f"{place} has {found}; expected the keys {', '.join(_KEYS)}")
        try:
            label = Label(**values | {"outcome": Outcome(values["outcome"])})
            _check(label)
        except (ValueError, TypeError, InvalidValue) as error:
            raise InvalidFile(f"{place} is no label: {error}") from error
        if label.entry != number:
            raise InvalidFile(f"{place} holds entry {label.entry}, expected {number}")
        yield label


def _sync_folder(folder: Path) -> None:
    """Make a new name in a folder survive a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
