"""What a check found: the one form in which every group reports, and how a probe is run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

Value = bool | int | float | str | None
Values = dict[str, Value]


class Status(StrEnum):
    """From good to bad, and not looked at."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


_OF_ROS: Final = ("inputs", "qos", "versions")
_BADNESS: Final = {Status.SKIPPED: 0, Status.OK: 0, Status.WARN: 1, Status.FAIL: 2}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    """`group.what`: stable, for programs."""
    status: Status
    found: str
    expected: str = ""
    advice: str = ""
    """What to do about it; of a warning or failure."""
    values: Mapping[str, Value] = field(default_factory=dict)
    """What was measured, for programs; the name of a value ends in its unit."""

    @property
    def group(self) -> str:
        return self.name.partition(".")[0]

    @property
    def title(self) -> str:
        """For people; the names of ROS stay as they are."""
        what = self.name.partition(".")[2]
        return what if self.group in _OF_ROS else what.replace("_", " ")


@dataclass(frozen=True)
class Probe:
    """Looks at something and judges it: a check or several."""

    name: str
    """Of the check that stands for it where it raises or does not answer."""
    look: Callable[[], Check | Sequence[Check]]


def ok(name: str, found: str, expected: str = "", /, **values: Value) -> Check:
    return Check(name, Status.OK, found, expected, values=values)


def skipped(name: str, why: str, /, **values: Value) -> Check:
    return Check(name, Status.SKIPPED, why, values=values)


def warn(name: str, found: str, expected: str, advice: str, /, **values: Value) -> Check:
    return Check(name, Status.WARN, found, expected, advice, values)


def fail(name: str, found: str, expected: str, advice: str, /, **values: Value) -> Check:
    return Check(name, Status.FAIL, found, expected, advice, values)


def worst(statuses: Iterable[Status]) -> Status:
    """OK where there is none, or none that was looked at."""
    return max(statuses, key=_BADNESS.__getitem__, default=Status.OK)


def run(probe: Probe, limit_s: float) -> tuple[Check, ...]:
    """Its checks. One that raises or does not answer in time is a failed check, never a traceback.

    In a thread of its own: one that hangs in the system is left behind.
    """
    answers: list[tuple[Check, ...]] = []

    def look() -> None:
        try:
            found = probe.look()
            answers.append((found,) if isinstance(found, Check) else tuple(found))
        except Exception as error:
            text = str(error) or "no message"
            answers.append((_broken(probe.name, f"{type(error).__name__}: {text}"),))

    thread = threading.Thread(target=look, name=probe.name, daemon=True)
    thread.start()
    thread.join(limit_s)
    return answers[0] if answers else (_broken(probe.name, f"no answer within {limit_s:.0f} s"),)


def _broken(name: str, what: str) -> Check:
    return fail(name, what, "an answer", "This could not be examined; the message says why.")
