"""Questions that every policy is asked before a robot follows it.

A server may drop the noise without a word, a framework may draw its own, a file may be of another
horizon: all of that looks like a policy that cannot be steered. The cheap probes are asked at every
start, all of them by `./dsrl policy check`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np

from dsrl_core.errors import InvalidFile
from dsrl_core.policies.backend import Encoded, PolicyBackend
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Float32Array, UInt8Array

_NOISES: Final = 8
_TIMED: Final = 20
_MANY: Final = 64
"""Noises of a search."""
_USUAL: Final = 10.0
"""Typical magnitudes beyond which an action is hardly meant."""
_SHARE_UNUSUAL: Final = 0.01


class Verdict(StrEnum):
    """Of a probe; a refused policy is not served."""

    OK = "ok"
    WARN = "warn"
    REFUSED = "refused"


@dataclass(frozen=True)
class Probe:
    """One question and its answer, for people; numbers in `values`."""

    name: str
    verdict: Verdict
    found: str
    expected: str
    values: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """What a policy is asked with: observations (n, observation_size), images, noises."""

    observations: Float32Array
    images: UInt8Array | None
    noises: Float32Array

    @staticmethod
    def random(spec: PolicySpec, seed: int = 0) -> Sample:
        """Two observations of the magnitudes that the policy file tells, and some noises."""
        generator = np.random.default_rng(seed)
        scales = np.repeat(
            [part.scale for part in spec.observation], [part.size for part in spec.observation]
        )
        centers = np.repeat(
            [part.center for part in spec.observation], [part.size for part in spec.observation]
        )
        drawn = generator.standard_normal((2, spec.observation_steps, spec.step_size))
        observations = (centers + scales * drawn).reshape(2, -1).astype(np.float32)
        shape = spec.images_shape
        images = None
        if shape is not None:
            images = generator.integers(0, 256, (2, *shape), dtype=np.uint8)
        count = min(_NOISES, spec.max_batch)
        noises = generator.standard_normal((count, *spec.noise_shape), dtype=np.float32)
        return Sample(observations, images, noises)

    def encoded(self, policy: PolicyBackend, place: int) -> Encoded:
        """One of the two observations."""
        rows = slice(place, place + 1)
        return policy.encode(
            self.observations[rows], None if self.images is None else self.images[rows]
        )


def probe_at_start(policy: PolicyBackend, sample: Sample | None = None) -> tuple[Probe, ...]:
    """The probes that take a few decisions."""
    return tuple(_asked(policy, sample, (_shapes, _determinism, _sensitivity)))


def probe(policy: PolicyBackend, sample: Sample | None = None) -> tuple[Probe, ...]:
    """All probes, in order; after one that makes the others pointless none follows."""
    every = (_shapes, _determinism, _sensitivity, _memory, _ranges, _latency, _frozen)
    return tuple(_asked(policy, sample, every))


def require_steerable(policy: PolicyBackend) -> None:
    """Refuse a policy that a noise actor could not steer.

    Raises:
        InvalidFile: the reason.
    """
    refused = [one for one in probe_at_start(policy) if one.verdict is Verdict.REFUSED]
    if refused:
        reasons = "; ".join(f"{one.name}: {one.found}, expected {one.expected}" for one in refused)
        raise InvalidFile(f"policy '{policy.spec.name}' is refused. {reasons}")


_Question = Callable[[PolicyBackend, Sample], Probe]


def _asked(
    policy: PolicyBackend, sample: Sample | None, questions: Sequence[_Question]
) -> Iterable[Probe]:
    given = sample or Sample.random(policy.spec)
    for question in questions:
        answer = question(policy, given)
        yield answer
        if question is _shapes and answer.verdict is Verdict.REFUSED:
            return


def _shapes(policy: PolicyBackend, sample: Sample) -> Probe:
    """Whether there is a chunk at all, of the right shape, and finite."""
    spec, expected = policy.spec, f"finite chunks {policy.spec.chunk_shape}"
    try:
        encoded = sample.encoded(policy, 0)
        chunks = policy.decode(encoded, sample.noises)
    except Exception as error:  # another process's or framework's policy may raise anything
        text = " ".join(str(error).split())
        return Probe("shapes", Verdict.REFUSED, f"{type(error).__name__}: {text}", expected)
    if chunks.shape != (len(sample.noises), *spec.chunk_shape):
        found = f"chunks {tuple(chunks.shape[1:])} for noises {spec.noise_shape}"
        return Probe("shapes", Verdict.REFUSED, found, expected)
    if not np.isfinite(chunks).all():
        return Probe("shapes", Verdict.REFUSED, "values that are not finite", expected)
    size = encoded.features.shape[1:]
    if spec.features_size and size != (spec.features_size,):
        found = f"features {size}"
        return Probe("shapes", Verdict.REFUSED, found, f"features ({spec.features_size},)")
    return Probe("shapes", Verdict.OK, f"chunks {spec.chunk_shape}", expected)


def _determinism(policy: PolicyBackend, sample: Sample) -> Probe:
    """Equal noises have to give equal chunks: together, again, and one by one."""
    encoded, noises = sample.encoded(policy, 0), sample.noises
    first, again = policy.decode(encoded, noises), policy.decode(encoded, noises)
    alone = np.concatenate([policy.decode(encoded, noise[None]) for noise in noises])
    repeated = float(np.abs(first - again).max())
    batched = float(np.abs(first - alone).max())
    limit = policy.spec.tolerance
    values = {"repeated": repeated, "batched": batched, "tolerance": limit}
    expected = f"at most {limit:g} (tolerance)"
    if repeated > limit:
        found = f"the same noise gives chunks that differ by {repeated:.3g}: it draws noise itself"
        return Probe("determinism", Verdict.REFUSED, found, expected, values)
    if batched > limit:
        found = f"a chunk differs by {batched:.3g} when others are decoded beside it"
        return Probe("determinism", Verdict.REFUSED, found, expected, values)
    found = f"differences up to {max(repeated, batched):.2g}"
    return Probe("determinism", Verdict.OK, found, expected, values)


def _sensitivity(policy: PolicyBackend, sample: Sample) -> Probe:
    """Other noises have to give other chunks."""
    spec = policy.spec
    chunks = policy.decode(sample.encoded(policy, 0), sample.noises)
    spread = chunks.std(axis=0)
    largest, limit = float(spread.max()), spec.tolerance
    scales = np.repeat([f.scale for f in spec.action.fields], [f.size for f in spec.action.fields])
    by_column = (spread / scales).max(axis=0)
    values = {"largest": largest} | {
        f"column {place}": float(value) for place, value in enumerate(by_column)
    }
    expected = "another noise gives another chunk"
    if largest <= limit:
        found = f"{len(chunks)} noises give the same chunk: the noise is ignored"
        return Probe("sensitivity", Verdict.REFUSED, found, expected, values)
    dead = int((spread.max(axis=0) <= limit).sum())
    if dead:
        found = f"{dead} of {spec.action_dim} columns do not change with the noise"
        return Probe("sensitivity", Verdict.WARN, found, "every column changes", values)
    found = f"spread of {by_column.min():.2g} to {by_column.max():.2g} typical magnitudes"
    return Probe("sensitivity", Verdict.OK, found, expected, values)


def _memory(policy: PolicyBackend, sample: Sample) -> Probe:
    """What was asked before must not matter."""
    before = policy.decode(sample.encoded(policy, 0), sample.noises)
    policy.decode(sample.encoded(policy, 1), -sample.noises)
    after = policy.decode(sample.encoded(policy, 0), sample.noises)
    change, limit = float(np.abs(before - after).max()), policy.spec.tolerance
    values, expected = {"change": change}, "what was asked before does not matter"
    if change > limit:
        found = f"the same question gives {change:.3g} else after another one: it keeps a state"
        return Probe("memory", Verdict.REFUSED, found, expected, values)
    return Probe("memory", Verdict.OK, "none", expected, values)


def _ranges(policy: PolicyBackend, sample: Sample) -> Probe:
    """Actions of the magnitudes that the file tells."""
    fields = policy.spec.action.fields
    sizes = [part.size for part in fields]
    scales = np.repeat([part.scale for part in fields], sizes)
    centers = np.repeat([part.center for part in fields], sizes)
    chunks = policy.decode(sample.encoded(policy, 0), sample.noises)
    away = np.abs(chunks - centers) / scales
    share, values = float((away > _USUAL).mean()), {"largest": float(away.max())}
    expected = f"within {_USUAL:g} of the fields' scales"
    found = f"up to {away.max():.2g} scales from the center, {share:.1%} beyond {_USUAL:g}"
    verdict = Verdict.WARN if share > _SHARE_UNUSUAL else Verdict.OK
    return Probe("ranges", verdict, found, expected, values | {"share_beyond": share})


def _latency(policy: PolicyBackend, sample: Sample) -> Probe:
    """Milliseconds, against how long a chunk is played."""
    spec = policy.spec
    count = min(_MANY, spec.max_batch)
    generator = np.random.default_rng(1)
    many = generator.standard_normal((count, *spec.noise_shape), dtype=np.float32)
    spent = []
    for _ in range(_TIMED):
        stamps = [time.perf_counter()]
        encoded = sample.encoded(policy, 0)
        stamps.append(time.perf_counter())
        policy.decode(encoded, many[:1])
        stamps.append(time.perf_counter())
        policy.decode(encoded, many)
        stamps.append(time.perf_counter())
        spent.append(1e3 * np.diff(stamps))
    encode, one, search = (float(value) for value in np.median(spent, axis=0))
    chunk_ms = 1e3 * spec.horizon * spec.action.period_s
    values = {"encode_ms": encode, "decode_ms": one, "decode_many_ms": search, "chunk_ms": chunk_ms}
    found = f"encode {encode:.2f}, decode {one:.2f}, {count} noises {search:.2f} ms (medians)"
    verdict = Verdict.WARN if encode + search > chunk_ms else Verdict.OK
    return Probe("latency", verdict, found, f"less than a chunk, {chunk_ms:g} ms", values)


def _frozen(policy: PolicyBackend, sample: Sample) -> Probe:
    """The weights have to be the same before and after a decision."""
    before = policy.digest()
    policy.decode(sample.encoded(policy, 0), sample.noises)
    is_same = policy.digest() == before
    found = "the same weights afterwards" if is_same else "other weights after a decision"
    verdict = Verdict.OK if is_same else Verdict.REFUSED
    return Probe("frozen", verdict, found, "weights that never change")
