"""How long a policy takes to encode and to decode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.types import Float32Array, Float64Array, UInt8Array

_WARM_UP: Final = 3


def time_decoding(
    policy: PolicyBackend,
    inputs: Sequence[tuple[Float32Array, UInt8Array | None]],
    noises: Float32Array,
    count: int,
    clock: Callable[[], float],
    further: Sequence[Float32Array] = (),
) -> Float64Array:
    """Seconds (count, 4) by `clock`: encode one observation, decode one noise, decode all of
    `noises`, decode all of `further`. Observations are taken in turn; the first few calls do not
    count."""
    parts = []
    for index in range(count + _WARM_UP):
        values, images = inputs[index % len(inputs)]
        stamps = [clock()]
        encoded = policy.encode(values[None], None if images is None else images[None])
        stamps.append(clock())
        policy.decode(encoded, noises[:1])
        stamps.append(clock())
        policy.decode(encoded, noises)
        stamps.append(clock())
        for others in further:
            policy.decode(encoded, others)
        stamps.append(clock())
        parts.append(np.diff(stamps))
    return np.asarray(parts[_WARM_UP:], dtype=np.float64)
