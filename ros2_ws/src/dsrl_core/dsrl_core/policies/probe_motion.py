"""Is what a policy gives a chunk of the right shape and size, and in time?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.policies.chunk_effects import ChunkEffects
from dsrl_core.policies.decoding_time import time_decoding
from dsrl_core.policies.horizon import measure_horizon
from dsrl_core.policies.jumps import jump_share
from dsrl_core.policies.probe_types import Probe, Sample, Verdict, decoded

_TIMED: Final = 20
_MANY: Final = 64
"""Noises of a search."""
_USUAL: Final = 10.0
"""Typical magnitudes beyond which an action is hardly meant."""
_SHARE_UNUSUAL: Final = 0.01
_VIEWS: Final = 8


def shapes(policy: PolicyBackend, sample: Sample) -> Probe:
    """Whether there is a chunk at all, of the right shape, and finite."""
    spec, expected = policy.spec, f"finite chunks {policy.spec.chunk_shape}"
    try:
        encoded = sample.encoded(policy, 0)
        chunks = decoded(policy, encoded, sample.noises)
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
        return Probe(
            "shapes", Verdict.REFUSED, f"features {size}", f"features ({spec.features_size},)"
        )
    return Probe("shapes", Verdict.OK, f"chunks {spec.chunk_shape}", expected)


def horizon(policy: PolicyBackend, sample: Sample) -> Probe:
    """Noises of other horizons are to be refused, not made something of."""
    measured = measure_horizon(policy, sample.encoded(policy, 0))
    rows = policy.spec.noise_shape[0]
    expected = f"a refusal of all but {rows} rows of noise"
    if measured.accepted:
        found = f"{', '.join(map(str, measured.accepted))} rows of noise are taken too"
        return Probe("horizon", Verdict.WARN, found, expected, {"accepted": measured.accepted})
    return Probe("horizon", Verdict.OK, "others are refused", expected, {"accepted": ()})


def ranges(policy: PolicyBackend, sample: Sample) -> Probe:
    """Actions of the magnitudes that the file tells, and no leaps."""
    spec = policy.spec
    chunks = np.concatenate(
        [
            decoded(policy, sample.encoded(policy, place), sample.noises)
            for place in range(min(_VIEWS, len(sample)))
        ]
    )
    if not np.isfinite(chunks).all():
        return Probe("ranges", Verdict.REFUSED, "values that are not finite", "finite values")
    away = np.abs(ChunkEffects(spec).typical(chunks))
    share, leaps = float((away > _USUAL).mean()), jump_share(spec.action, chunks)
    found = (
        f"up to {away.max():.2g} scales from the center, {share:.1%} beyond {_USUAL:g}; "
        f"{leaps:.1%} of chunks leap"
    )
    is_usual = share <= _SHARE_UNUSUAL and leaps == 0.0
    return Probe(
        "ranges",
        Verdict.OK if is_usual else Verdict.WARN,
        found,
        f"within {_USUAL:g} of the fields' scales, no row beyond jump_max_rad and jump_max_m",
        {"largest": float(away.max()), "share_beyond": share, "share_leaping": leaps},
    )


class Timing:
    """How long decisions take, the first one apart."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    def first_call(self, policy: PolicyBackend, sample: Sample) -> Probe:
        """What was prepared while it was loaded need not be waited for at the first decision."""
        began = self._clock()
        policy.decode(sample.encoded(policy, 0), sample.noises[:1])
        first_ms = 1e3 * (self._clock() - began)
        return Probe("first_call", Verdict.OK, f"{first_ms:.1f} ms", "-", {"first_ms": first_ms})

    def latency(self, policy: PolicyBackend, sample: Sample) -> Probe:
        """Milliseconds, against how long a chunk is played."""
        spec = policy.spec
        count = min(_MANY, spec.max_batch)
        generator = np.random.default_rng(1)
        many = generator.standard_normal((count, *spec.noise_shape), dtype=np.float32)
        inputs = [
            (sample.observations[place], None if sample.images is None else sample.images[place])
            for place in range(len(sample))
        ]
        spent = 1e3 * time_decoding(policy, inputs, many, _TIMED, self._clock)
        chunk_ms = 1e3 * spec.horizon * spec.action.period_s
        names = ("encode", "decode", "decode_many")
        values: dict[str, float] = {"candidates": count, "chunk_ms": chunk_ms}
        for name, column in zip(names, spent.T, strict=False):
            p50, p95 = np.percentile(column, [50, 95])
            values |= {f"{name}_p50_ms": float(p50), f"{name}_p95_ms": float(p95)}
        told = ", ".join(
            f"{name} {values[f'{key}_p50_ms']:.2f}/{values[f'{key}_p95_ms']:.2f}"
            for name, key in zip(("encode", "one noise", f"{count} noises"), names, strict=True)
        )
        decision_ms = float(np.percentile(spent[:, 0] + spent[:, 2], 95))
        verdict = Verdict.OK if decision_ms <= chunk_ms else Verdict.WARN
        expected = f"less than a chunk, {chunk_ms:g} ms"
        return Probe("latency", verdict, f"{told} ms (p50/p95)", expected, values)


def frozen(policy: PolicyBackend, before: str) -> Probe:
    """The weights have to be the same before and after all decisions."""
    is_same = policy.digest() == before
    found = "the same weights afterwards" if is_same else "other weights after decisions"
    verdict = Verdict.OK if is_same else Verdict.REFUSED
    return Probe("frozen", verdict, found, "weights that never change", {"digest": before})
