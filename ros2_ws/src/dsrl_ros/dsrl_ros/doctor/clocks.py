"""Clocks: is this machine's synchronised, does it run evenly, do other machines share it?"""

from __future__ import annotations

import ctypes
import struct
import time
from dataclasses import dataclass
from functools import partial
from typing import Final

from dsrl_ros import topics
from dsrl_ros.doctor.check import Check, Probe, Values, fail, ok, warn
from dsrl_ros.doctor.inputs import judge_skew, needed
from dsrl_ros.doctor.question import Question
from dsrl_ros.doctor.survey import Survey

_LAYOUT: Final = "@Iqqqqi"
"""Head of struct timex (linux/timex.h) where long has 64 bits: modes, offset, freq, maxerror,
esterror, status."""
_SIZE: Final = 256
_UNSYNCHRONISED: Final = 0x0040
"""STA_UNSYNC."""
_ERROR_MAX_MS: Final = 100.0
_STEP_MAX_MS: Final = 1.0


@dataclass(frozen=True)
class KernelClock:
    """What the kernel says of its clock."""

    is_synchronised: bool
    error_ms: float
    """As estimated by whoever synchronises it."""


def parse_timex(buffer: bytes) -> KernelClock:
    """From struct timex as adjtimex(2) fills it."""
    _, _, _, _, error_us, status = struct.unpack_from(_LAYOUT, buffer)
    return KernelClock(not status & _UNSYNCHRONISED, error_us / 1e3)


def judge_synchronised(question: Question, clock: KernelClock) -> Check:
    name, expected = "clocks.synchronised", "kept by chrony, ntpd, systemd-timesyncd or ptp4l"
    values: Values = {"synchronised": clock.is_synchronised, "error_ms": round(clock.error_ms, 3)}
    if clock.is_synchronised:
        found = f"yes, estimated error {clock.error_ms:.2f} ms"
        if clock.error_ms <= _ERROR_MAX_MS:
            return ok(name, found, expected, **values)
        return warn(name, found, expected, "Give it a nearer time server.", **values)
    return question.lacks(
        name,
        "no: nobody keeps this machine's clock",
        expected,
        "`sudo apt-get install chrony`. With one machine alone nothing depends on it; two drift "
        "apart by seconds a day, until every input is stale.",
        **values,
    )


def judge_steady(before_s: float, after_s: float, apart_s: float) -> Check:
    """The wall's clock less the monotonic one [s], at two moments `apart_s` apart."""
    name, expected = "clocks.steady", f"less than {_STEP_MAX_MS:g} ms of correction meanwhile"
    step_ms = 1e3 * (after_s - before_s)
    found = f"{step_ms:+.3f} ms in {apart_s:.1f} s"
    values: Values = {"step_ms": round(step_ms, 3), "apart_s": round(apart_s, 2)}
    if abs(step_ms) <= _STEP_MAX_MS:
        return ok(name, found, expected, **values)
    advice = "Wait until it has settled: a clock that is set during an episode makes it invalid."
    if abs(step_ms) > 1e3:
        return fail(name, found, expected, advice, **values)
    return warn(name, found, expected, advice, **values)


def read_offset() -> tuple[float, float]:
    """The wall's clock less the monotonic one, and the latter [s]."""
    monotonic_s = time.monotonic()
    return time.time() - monotonic_s, monotonic_s


def probes(question: Question, survey: Survey, began: tuple[float, float]) -> list[Probe]:
    """Of this group; `began`: `read_offset` from before the listening."""

    def steady() -> Check:
        offset_s, now_s = read_offset()
        return judge_steady(began[0], offset_s, now_s - began[1])

    (joints,) = (wanted for wanted in needed(question) if wanted.topic is topics.JOINT_STATES)
    return [
        Probe("clocks.synchronised", lambda: judge_synchronised(question, _kernel_clock())),
        Probe("clocks.steady", steady),
        Probe("clocks.between_machines", partial(judge_skew, question, survey, joints)),
    ]


def _kernel_clock() -> KernelClock:
    """Modes 0: it is asked, not set."""
    buffer = ctypes.create_string_buffer(_SIZE)
    if ctypes.CDLL(None, use_errno=True).adjtimex(buffer) < 0:
        raise OSError(ctypes.get_errno(), "adjtimex")
    return parse_timex(buffer.raw)
