"""Kinds of noise against the policy's own: what each gives, and what it does to the motion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from dsrl_core.control.actions import Actions
from dsrl_core.control.kinematics import Kinematics
from dsrl_core.control.safety import Safety
from dsrl_core.policies.backend import Encoded, PolicyBackend
from dsrl_core.policies.chunk_effects import ChunkEffects
from dsrl_core.specs import RobotSpec, SteeringSpec
from dsrl_core.steering.preflight.distances import Distance, Support, energy_distance
from dsrl_core.steering.preflight.noise_kinds import BASE, NoiseKind
from dsrl_core.steering.preflight.sensitivity import mean_behaviours
from dsrl_core.steering.preflight.thresholds import Thresholds
from dsrl_core.steering.preflight.views import View, encode
from dsrl_core.types import Float32Array, Float64Array

_SPREADLESS: Final = 1e-6
"""A column that noise moves by less, in typical magnitudes, is not divided by its spread."""


@dataclass(frozen=True)
class ShapeFigures:
    """What one kind of noise gives; ratios are against the policy's own noise, N(0, I)."""

    kind: NoiseKind
    latent_size: int
    """Numbers that an actor has to choose."""
    reach_ratio: float
    behaviours: float
    untypical: float
    """Share of the actions' values."""
    refused: float
    """Share of chunks that the chunk player would refuse."""
    roughness_ratio: float
    """Jumps between the rows of a chunk."""
    seam_ratio: float
    """Jumps from a chunk's executed end to the next one's first row; NaN without two in a row."""
    distance: Distance
    off_support: float
    """Share of chunks where the policy's own hardly ever lie; 0.01 for its own noise."""


class ShapeComparison:
    """One policy on some views; its own noise is decoded once, and others against it."""

    def __init__(
        self,
        policy: PolicyBackend,
        steering: SteeringSpec,
        robot: RobotSpec,
        views: Sequence[View],
        noises: int,
        generator: np.random.Generator,
        thresholds: Thresholds,
    ) -> None:
        """`noises`: how many are decoded of each kind at each view."""
        self._policy, self._steering, self._views = policy, steering, views
        self._count, self._generator, self._thresholds = noises, generator, thresholds
        self.effects = ChunkEffects(policy.spec)
        kinematics = Kinematics(robot)
        self._actions = Actions(
            policy.spec.action,
            robot.joint_names,
            kinematics,
            Safety(robot, kinematics),
        )
        self._posture = np.array(robot.start_joint_positions_rad)
        self.encoded = [encode(policy, view.observation) for view in views]
        self._seams = [
            (index, encode(policy, view.following), view.steps_executed - 1)
            for index, view in enumerate(views)
            if view.following is not None
        ]
        # Four lots: the chunks that are compared, a second sample, and both halves of the support.
        own = [self._decode(one, BASE, 4 * noises) for one in self.encoded]
        self.base_chunks = [chunks[:noises] for chunks in own]
        spread = np.stack([self.effects.typical(chunks).std(axis=0) for chunks in own])
        rms = np.sqrt((spread**2).mean(axis=0))
        self._unit = np.where(rms > _SPREADLESS, rms, 1.0)
        self._support = Support([self._standard(chunks[2 * noises :]) for chunks in own])
        self._base_standard = [self._standard(chunks) for chunks in self.base_chunks]
        self._second = [chunks[noises : 2 * noises] for chunks in own]
        self._base_reach = self._reach(self.base_chunks)
        self._base_roughness = self._roughness(self.base_chunks)
        self._base_seam = self._seam(BASE)

    def figures(self, kind: NoiseKind) -> ShapeFigures:
        """Of one kind; of BASE itself, another sample of it."""
        is_base = kind == BASE
        chunks = (
            self._second
            if is_base
            else [self._decode(one, kind, self._count) for one in self.encoded]
        )
        standard = [self._standard(one) for one in chunks]
        pairs = list(zip(self._base_standard, standard, strict=True))
        ends = [self.effects.effect(one) for one in chunks]
        resolution, multiple = self._thresholds.resolution, self._thresholds.typical_multiple
        values = np.abs(np.stack([self.effects.typical(one) for one in chunks]))
        size = (
            int(np.prod(self._policy.spec.noise_shape))
            if is_base
            else kind.map_for(self._policy.spec, self._steering).latent_size
        )
        return ShapeFigures(
            kind,
            size,
            _ratio(self._reach(chunks), self._base_reach),
            mean_behaviours(ends, resolution),
            float((values > multiple).mean()),
            self._refused(chunks),
            _ratio(self._roughness(chunks), self._base_roughness),
            _ratio(self._seam(kind), self._base_seam) if self._seams else float("nan"),
            energy_distance(pairs, self._generator),
            self._support.outside(standard),
        )

    def _decode(self, encoded: Encoded, kind: NoiseKind, count: int) -> Float32Array:
        spec = self._policy.spec
        noises = kind.sample(spec, self._steering, self._generator, count)
        parts = [
            self._policy.decode(encoded, noises[first : first + spec.max_batch])
            for first in range(0, count, spec.max_batch)
        ]
        return np.concatenate(parts)

    def _standard(self, chunks: Float32Array) -> Float64Array:
        """Chunks as vectors (n, horizon * action_dim), in the spreads that the own noise gives."""
        scaled = self.effects.typical(chunks) / self._unit
        return np.asarray(scaled.reshape(len(chunks), -1))

    def _reach(self, chunks: Sequence[Float32Array]) -> float:
        ends = np.stack([self.effects.effect(one) for one in chunks])
        return float(np.sqrt(ends.var(axis=1).mean(axis=0).sum()))

    def _refused(self, chunks: Sequence[Float32Array]) -> float:
        """Only of kinds that add up: where others begin, an observation does not say."""
        if not self.effects.adds:
            return 0.0
        unfit = [bool(self._actions.unfit(c, self._posture)[0]) for one in chunks for c in one]
        return float(np.mean(unfit))

    def _roughness(self, chunks: Sequence[Float32Array]) -> float:
        if self._policy.spec.horizon < 2:
            return 0.0
        dim = self._policy.spec.action_dim
        before = np.concatenate([one[:, :-1].reshape(-1, dim) for one in chunks])
        after = np.concatenate([one[:, 1:].reshape(-1, dim) for one in chunks])
        return float(self.effects.jump(before, after).mean())

    def _seam(self, kind: NoiseKind) -> float:
        """Mean jump with this noise at both decisions; what lies between them was recorded."""
        jumps = []
        for index, following, last in self._seams:
            before = self._decode(self.encoded[index], kind, self._count)[:, last]
            after = self._decode(following, kind, self._count)[:, 0]
            jumps.append(self.effects.jump(before, after))
        return float(np.concatenate(jumps).mean()) if jumps else 0.0


def _ratio(value: float, base: float) -> float:
    return value / base if base > 0 else 1.0
