"""Questions that every policy is asked before a robot follows it.

A server may drop the noise without a word, a framework may draw its own, a file may be of another
horizon: all of that looks like a policy that cannot be steered. The cheap probes are asked at every
start, all of them by `./dsrl policy check`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from dsrl_core.errors import InvalidFile
from dsrl_core.policies import probe_motion
from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.policies.probe_noise import determinism, memory, sensitivity
from dsrl_core.policies.probe_types import Probe, Sample, Verdict

__all__ = [
    "Probe",
    "Sample",
    "Verdict",
    "probe",
    "probe_at_start",
    "require_steerable",
    "verdict_of",
]

_Question = Callable[[PolicyBackend, Sample], Probe]
_Answer = TypeVar("_Answer")


def probe_at_start(policy: PolicyBackend, sample: Sample | None = None) -> tuple[Probe, ...]:
    """The probes that take a few decisions."""
    return tuple(_asked(policy, sample, (probe_motion.shapes, determinism, sensitivity)))


def probe(
    policy: PolicyBackend,
    sample: Sample | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[Probe, ...]:
    """All probes, in order; after one that makes the others pointless none follows."""
    timing = probe_motion.Timing(clock)
    # The digest is taken first, so that whatever is asked afterwards has its chance to change it.
    before = _tried("frozen", policy.digest)
    every = (
        timing.first_call,
        probe_motion.shapes,
        probe_motion.horizon,
        determinism,
        sensitivity,
        memory,
        probe_motion.ranges,
        timing.latency,
    )
    answers = tuple(_asked(policy, sample, every))
    if isinstance(before, Probe):
        return (*answers, before)
    return (*answers, probe_motion.frozen(policy, before))


def verdict_of(probes: Sequence[Probe]) -> Verdict:
    """The worst of them."""
    return max((one.verdict for one in probes), key=list(Verdict).index, default=Verdict.OK)


def require_steerable(policy: PolicyBackend) -> None:
    """Refuse a policy that a noise actor could not steer.

    Raises:
        InvalidFile: the reason.
    """
    refuse(policy.spec.name, probe_at_start(policy))


def refuse(name: str, probes: Sequence[Probe]) -> None:
    """
    Raises:
        InvalidFile: one of the probes refuses the policy.
    """
    refused = [one for one in probes if one.verdict is Verdict.REFUSED]
    if refused:
        reasons = "; ".join(f"{one.name}: {one.found}, expected {one.expected}" for one in refused)
        raise InvalidFile(f"policy '{name}' is refused. {reasons}")


def _asked(
    policy: PolicyBackend, sample: Sample | None, questions: Sequence[_Question]
) -> Iterator[Probe]:
    given = sample or Sample.random(policy.spec)
    for question in questions:
        answer = _tried(question.__name__, partial(question, policy, given))
        yield answer
        if answer.verdict is Verdict.REFUSED and question is probe_motion.shapes:
            return


def _tried(name: str, ask: Callable[[], _Answer]) -> _Answer | Probe:
    """Another process's or framework's policy may raise anything: what it says is the finding."""
    try:
        return ask()
    except Exception as error:
        text = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return Probe(name, Verdict.REFUSED, text, "an answer")
