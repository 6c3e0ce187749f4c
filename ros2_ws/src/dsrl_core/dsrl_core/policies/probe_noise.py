"""Does the noise alone, all of it and nothing else, decide which chunk an observation is given?"""

from __future__ import annotations

from typing import Final

import numpy as np

from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.policies.chunk_effects import ChunkEffects
from dsrl_core.policies.determinism import measure_determinism
from dsrl_core.policies.probe_types import Probe, Sample, Verdict, decoded

_NOT_COUNTED: Final = 0.0
"""Spreads that small are rounding; here even the smallest is told."""


def determinism(policy: PolicyBackend, sample: Sample) -> Probe:
    """Equal noises have to give equal chunks: in one batch, again, and one by one."""
    noises = sample.noises[: policy.spec.max_batch]
    measured = measure_determinism(policy, [sample.encoded(policy, 0)], noises, _NOT_COUNTED)
    limit = policy.spec.tolerance
    values = {
        "within": measured.within,
        "repeated": measured.repeated,
        "batched": measured.batched,
        "tolerance": limit,
    }
    expected = f"at most {limit:g} (tolerance)"
    drawn = max(measured.within, measured.repeated)
    # Not `drawn > limit`: what is not a number is no small difference.
    if not drawn <= limit:
        found = f"the same noise gives chunks that differ by {drawn:.3g}: it draws noise itself"
        return Probe("determinism", Verdict.REFUSED, found, expected, values)
    if not measured.batched <= limit:
        found = f"a chunk differs by {measured.batched:.3g} when others are decoded beside it"
        return Probe("determinism", Verdict.REFUSED, found, expected, values)
    found = f"differences up to {max(drawn, measured.batched):.2g}"
    return Probe("determinism", Verdict.OK, found, expected, values)


def sensitivity(policy: PolicyBackend, sample: Sample) -> Probe:
    """Other noises have to give other chunks."""
    spec = policy.spec
    chunks = decoded(policy, sample.encoded(policy, 0), sample.noises)
    effects = ChunkEffects(spec)
    reach = chunks.max(axis=0) - chunks.min(axis=0)
    typical = effects.typical(chunks).std(axis=0)
    values = {
        "largest": float(reach.max()),
        "columns": dict(zip(effects.names, _rounded(typical.max(axis=0)), strict=True)),
        "rows": _rounded(typical.max(axis=1)),
    }
    expected = "another noise gives another chunk"
    if not reach.max() > spec.tolerance:
        found = f"{len(chunks)} noises give the same chunk: the noise is ignored"
        return Probe("sensitivity", Verdict.REFUSED, found, expected, values)
    still = [
        name
        for name, far in zip(effects.names, reach.max(axis=0), strict=True)
        if far <= spec.tolerance
    ]
    rows = [place for place, far in enumerate(reach.max(axis=1)) if far <= spec.tolerance]
    if still or rows:
        told = ([f"columns {', '.join(still)}"] if still else []) + (
            [f"rows {', '.join(map(str, rows))}"] if rows else []
        )
        found = f"{' and '.join(told)} do not change with the noise"
        return Probe("sensitivity", Verdict.WARN, found, "all of a chunk changes", values)
    by_column = typical.max(axis=0)
    found = f"spread of {by_column.min():.2g} to {by_column.max():.2g} typical magnitudes"
    return Probe("sensitivity", Verdict.OK, found, expected, values)


def memory(policy: PolicyBackend, sample: Sample) -> Probe:
    """What was asked before must not matter, neither the last question nor the last encoding."""
    one, other = sample.encoded(policy, 0), sample.encoded(policy, 1)
    before = decoded(policy, one, sample.noises)
    decoded(policy, other, -sample.noises)
    kept = decoded(policy, one, sample.noises)
    anew = decoded(policy, sample.encoded(policy, 0), sample.noises)
    change = float(max(np.abs(before - kept).max(), np.abs(before - anew).max()))
    values, expected = {"change": change}, "what was asked before does not matter"
    if not change <= policy.spec.tolerance:
        found = f"the same question gives {change:.3g} else after another one: it keeps a state"
        return Probe("memory", Verdict.REFUSED, found, expected, values)
    return Probe("memory", Verdict.OK, "none", expected, values)


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), 5) for value in values]
