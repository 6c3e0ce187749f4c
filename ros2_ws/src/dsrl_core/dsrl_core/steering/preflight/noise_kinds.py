"""The kinds of noise that are compared, and how each is drawn."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, Literal, cast

import numpy as np

from dsrl_core.errors import InvalidValue
from dsrl_core.specs import PolicySpec, SteeringSpec
from dsrl_core.steering.noise_map import NoiseMap
from dsrl_core.types import Float32Array

Draw = Literal["normal", "clipped", "box", "corners"]
Shape = Literal["full", "repeated", "knots"]
_NAME: Final = re.compile(
    r"(?P<shape>full|repeated|knots (?P<knots>[1-9][0-9]*)), "
    r"(?P<draw>clipped|box|corners) (?P<bound>[0-9.e+-]+)"
)

BASE_NOISE: Final = "base"
"""The policy's own, of trials: `BASE` below."""
HELD_NOISE: Final = "held"
"""One N(0, I) noise, drawn at the start and played at every decision of the episode."""


@dataclass(frozen=True)
class NoiseKind:
    """A shape of noise, a bound, and how the numbers within it are drawn.

    normal: N(0, I), its bound means nothing. clipped: N(0, I), clipped to it. box: evenly over
    |w| <= bound. corners: every number at plus or minus the bound, as a saturated actor gives them.
    """

    shape: Shape
    bound: float
    draw: Draw = "clipped"
    knots: int = 2

    @property
    def name(self) -> str:
        """`full`, `repeated` or `knots 2`, and what differs from N(0, I)."""
        shape = f"knots {self.knots}" if self.shape == "knots" else self.shape
        return shape if self.draw == "normal" else f"{shape}, {self.draw} {self.bound:g}"

    @staticmethod
    def named(name: str) -> NoiseKind:
        """The kind of this name.

        Raises:
            InvalidValue: it names none.
        """
        if name == BASE.name:
            return BASE
        found = _NAME.fullmatch(name)
        try:
            bound = float(found["bound"]) if found else 0.0
        except ValueError:
            bound = 0.0
        if found is None or not bound > 0:
            raise InvalidValue(
                f"kind of noise '{name}', expected one such as 'repeated, clipped 2.5', "
                "'knots 2, clipped 1' or 'full'"
            )
        shape = cast(Shape, found["shape"].split()[0])
        return NoiseKind(shape, bound, cast(Draw, found["draw"]), int(found["knots"] or 2))

    def map_for(self, policy: PolicySpec, steering: SteeringSpec) -> NoiseMap:
        """The noise map of this shape and bound over a policy."""
        changed = replace(
            steering, noise_shape=self.shape, noise_bound=self.bound, knots=self.knots
        )
        return NoiseMap(changed, policy)

    def sample(
        self,
        policy: PolicySpec,
        steering: SteeringSpec,
        generator: np.random.Generator,
        count: int,
    ) -> Float32Array:
        """Noises (count, horizon, noise_dim)."""
        if self.draw == "normal":
            return generator.standard_normal((count, *policy.noise_shape), dtype=np.float32)
        noise_map = self.map_for(policy, steering)
        if self.draw == "clipped":
            return noise_map.to_noise(noise_map.sample(generator, count))
        shape = (count, *noise_map.latent_shape)
        latents = generator.uniform(-self.bound, self.bound, shape)
        if self.draw == "corners":
            latents = np.copysign(self.bound, latents)
        return noise_map.to_noise(latents.astype(np.float32))


BASE = NoiseKind("full", 0.0, "normal")
"""The frozen policy as its makers meant it."""


def shapes_for(policy: PolicySpec, bound: float) -> tuple[NoiseKind, ...]:
    """Every shape that a chunk of this horizon can take, within `bound`."""
    knots = tuple(
        NoiseKind("knots", bound, knots=count)
        for count in (2, 4, 8)
        if count < policy.noise_shape[0]
    )
    repeated = (NoiseKind("repeated", bound),) if policy.noise_shape[0] > 1 else ()
    return (NoiseKind("full", bound), *knots, *repeated)
