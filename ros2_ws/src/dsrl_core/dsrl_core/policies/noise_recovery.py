"""Which noise makes a frozen policy give a chunk: demonstrations and corrections as noises.

A start is looked for first: for a native policy the way back through its sampler (a flow's
reversal, DDIM's inversion), for every policy the best of some noises drawn. Levenberg-Marquardt
steps then shrink what is left between the decoded and the wanted chunk. Their derivatives are exact
for a native policy; of a black box they are differences along some random directions, through
`decode` alone. Not every chunk can be reached: the error says how near the found noise comes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from dsrl_core.errors import InvalidValue
from dsrl_core.policies.backend import Encoded, PolicyBackend
from dsrl_core.policies.model_io import first_action_of
from dsrl_core.policies.native import NativePolicy
from dsrl_core.types import Float32Array, Float64Array

REACHED = 0.02
"""Largest difference, in scales of the action's fields, at which a chunk counts as reached."""
CORRECTIONS = 30  # of the fixed point, at every step of the way back
DIFFERENCE = 0.02
"""Half of the distance in noise over which a black box's derivatives are taken."""
DAMPING_FIRST, DAMPING_MIN, DAMPING_MAX = 1e-2, 1e-8, 1e8
CLOSE = 1e-4  # root mean square of the differences, in scales, with which a chunk's search ends
LITTLE = 1e-6  # a smaller gain in cost, relative, ends it too


@dataclass(frozen=True)
class Recovered:
    """What was found for n chunks."""

    noises: Float32Array
    """(n, noise rows, noise_dim)."""
    chunks: Float32Array
    """What the policy makes of these noises, (n, horizon, action_dim)."""
    error: Float32Array
    """(n,): largest difference from the wanted chunk over its values, each in units of its field's
    `scale`."""
    reached: npt.NDArray[np.bool_]
    """(n,): whether the error is at most the accepted one."""
    size: Float32Array
    """(n,): root mean square of each noise; about 1 is what the policy was trained on, and far more
    is a noise of which it knows nothing."""
    iterations: int


def recover_noise(
    policy: PolicyBackend,
    encoded: Encoded,
    chunks: Float32Array,
    *,
    bound: float | None = None,
    prior_weight: float = 0.0,
    iterations: int = 60,
    starts: int = 64,
    directions: int = 64,
    accepted_error: float = REACHED,
    seed: int = 0,
) -> Recovered:
    """The noises whose chunks are nearest to these, (n, horizon, action_dim).

    `encoded` holds one observation for all chunks or one for each. `bound`: no component of a noise
    is larger. `prior_weight`: of the noise's mean square beside the chunk's mean squared error, in
    squared scales; among noises of nearly equal chunks the likelier under N(0, I) is then found.
    `directions`: of a black box, the derivatives taken at each iteration, two decodings for each.

    Raises:
        InvalidValue: chunks of another shape or not finite, an encoding of another number of
            observations, or settings that are none.
    """
    _check(policy, encoded, chunks, iterations, starts, directions)
    if (bound is not None and not bound > 0) or not prior_weight >= 0:
        raise InvalidValue(
            f"bound {bound} and prior_weight {prior_weight}: expected more than 0, and at least 0"
        )
    problem = _Problem(policy, encoded, chunks, bound, prior_weight)
    generator = np.random.default_rng(seed)
    noises = problem.start(starts, generator)
    noises, count = _refined(problem, noises, iterations, directions, generator)
    found = problem.decoded(noises, np.arange(len(chunks)))
    error = np.abs((found - chunks) / problem.scales).max((1, 2))
    return Recovered(
        noises=problem.shaped(noises),
        chunks=found,
        error=error.astype(np.float32),
        reached=error <= accepted_error,
        size=np.sqrt((noises**2).mean(1)).astype(np.float32),
        iterations=count,
    )


class _Problem:
    """Residuals of n chunks, their derivatives by the noise; noises are rows (n, size)."""

    def __init__(
        self,
        policy: PolicyBackend,
        encoded: Encoded,
        chunks: Float32Array,
        bound: float | None,
        prior_weight: float,
    ) -> None:
        self._policy, self._encoded, self._chunks = policy, encoded, chunks
        self._bound = bound
        spec = policy.spec
        self.size = spec.noise_shape[0] * spec.noise_shape[1]
        fields = spec.action.fields
        self.scales = np.repeat(
            [part.scale for part in fields], [part.size for part in fields]
        ).astype(np.float32)
        self._values = spec.horizon * spec.action_dim
        self._prior = float(np.sqrt(prior_weight / self.size))

    def shaped(self, noises: Float64Array) -> Float32Array:
        return noises.reshape(-1, *self._policy.spec.noise_shape).astype(np.float32)

    def bounded(self, noises: Float64Array) -> Float64Array:
        return noises if self._bound is None else noises.clip(-self._bound, self._bound)

    def stuck(self, noises: Float64Array, gradient: Float64Array) -> npt.NDArray[np.bool_]:
        """Components that a descent would push through the bound."""
        if self._bound is None:
            return np.zeros(noises.shape, bool)
        return (np.abs(noises) >= self._bound) & (noises * gradient < 0)

    def decoded(self, noises: Float64Array, rows: npt.NDArray[np.int64]) -> Float32Array:
        """Chunks for noises, each of the wanted chunk of these numbers."""
        most, parts = self._policy.spec.max_batch, []
        for start in range(0, len(noises), most):
            part = slice(start, start + most)
            parts.append(self._policy.decode(self._encoding(rows[part]), self.shaped(noises[part])))
        return np.concatenate(parts)

    def residuals(self, noises: Float64Array, rows: npt.NDArray[np.int64]) -> Float64Array:
        """(n, values [+ size]): half of their sum of squares is what is made small."""
        difference = (self.decoded(noises, rows) - self._chunks[rows]) / self.scales
        of_chunk = difference.reshape(len(noises), -1).astype(np.float64) / np.sqrt(self._values)
        return np.concatenate([of_chunk, self._prior * noises], axis=1)

    def slopes(
        self, noises: Float64Array, rows: npt.NDArray[np.int64], basis: Float64Array | None
    ) -> Float64Array:
        """Derivatives (n, residuals, k) of the residuals, along every component of the noise, or
        along each of a black box's directions (size, k)."""
        if basis is None:
            of_chunks = self._exact(noises, rows)
            along = np.eye(self.size)
        else:
            along, count = basis, basis.shape[1]
            moved = noises[:, None] + DIFFERENCE * np.concatenate([basis.T, -basis.T])
            found = self.decoded(moved.reshape(-1, self.size), np.repeat(rows, 2 * count))
            ahead, behind = np.split(found.reshape(len(noises), 2 * count, *found.shape[1:]), 2, 1)
            slopes = np.asarray((ahead - behind) / (2 * DIFFERENCE), np.float64)
            of_chunks = np.moveaxis(slopes, 1, -1)
        of_chunks = of_chunks / self.scales[:, None] / np.sqrt(self._values)
        flat = of_chunks.reshape(len(noises), self._values, -1)
        prior = np.broadcast_to(self._prior * along, (len(noises), *along.shape))
        return np.concatenate([flat, prior], axis=1)

    def basis(self, directions: int, generator: np.random.Generator) -> Float64Array | None:
        """Orthonormal directions of a black box; None for a native policy, which needs none."""
        if isinstance(self._policy, NativePolicy):
            return None
        drawn = generator.standard_normal((self.size, min(directions, self.size)))
        return np.linalg.qr(drawn)[0]

    def start(self, starts: int, generator: np.random.Generator) -> Float64Array:
        """For each chunk the best of the way back, no noise, and noises drawn."""
        count = len(self._chunks)
        best, cost = np.zeros((count, self.size)), np.full(count, np.inf)
        guesses = [np.zeros(self.size)]
        guesses += [generator.standard_normal(self.size) for _ in range(starts)]
        tried = [np.broadcast_to(guess, best.shape) for guess in guesses]
        if isinstance(self._policy, NativePolicy):
            tried.append(self._way_back(self._policy))
        for noises in map(self.bounded, tried):
            found = (self.residuals(noises, np.arange(count)) ** 2).sum(1)
            better = found < cost
            best[better], cost[better] = noises[better], found[better]
        return best

    def _way_back(self, policy: NativePolicy) -> Float64Array:
        spec, wanted = policy.spec, torch.from_numpy(np.array(self._chunks, dtype=np.float32))
        # Rows that are not played are nobody's wish: the nearest action is held, as in training.
        before = first_action_of(spec)
        after = spec.noise_shape[0] - spec.horizon - before
        held = wanted[:, :1].expand(-1, before, -1), wanted[:, -1:].expand(-1, after, -1)
        with torch.no_grad():
            inputs = policy.inputs(self._encoded)
            whole = torch.cat([held[0], wanted, held[1]], dim=1).to(inputs.device)
            noises = policy.decoder.noises(inputs, whole, CORRECTIONS).cpu().double()
        # The fixed point need not exist; whatever was no noise is no start either.
        return torch.nan_to_num(noises, 0.0, 0.0, 0.0).clamp(-10, 10).flatten(1).numpy()

    def _exact(self, noises: Float64Array, rows: npt.NDArray[np.int64]) -> Float64Array:
        """Derivatives (n, horizon, action_dim, size): each value's, in one backward pass of all."""
        policy = self._policy
        assert isinstance(policy, NativePolicy)
        first, horizon = first_action_of(policy.spec), policy.spec.horizon
        values = self._values
        with torch.enable_grad():
            inputs = policy.inputs(self._encoding(rows)).repeat_interleave(values, 0)
            inputs = inputs if len(inputs) > values else inputs[:1]
            own = torch.from_numpy(self.shaped(noises)).to(inputs.device)
            own = own.repeat_interleave(values, 0).requires_grad_()
            chunks = policy.decoder.chunks(inputs, own)[:, first : first + horizon].flatten(1)
            each = torch.eye(values, device=chunks.device).repeat(len(noises), 1)
            (gradient,) = torch.autograd.grad(chunks, own, each)
        shape = (len(noises), horizon, policy.spec.action_dim, self.size)
        return gradient.cpu().double().numpy().reshape(shape)

    def _encoding(self, rows: npt.NDArray[np.int64]) -> Encoded:
        every = np.arange(len(self._encoded))
        if len(every) == 1 or np.array_equal(rows, every):
            return self._encoded
        taken = [self._encoded.rows(slice(row, row + 1)) for row in rows]
        joined = Encoded.joined([t for t in taken if t is not None], [1] * len(rows))
        if joined is None:
            raise InvalidValue(
                f"policy '{self._policy.spec.name}' encodes observations together; expected one "
                "call for each observation"
            )
        return joined


def _refined(
    problem: _Problem,
    noises: Float64Array,
    iterations: int,
    directions: int,
    generator: np.random.Generator,
) -> tuple[Float64Array, int]:
    """Levenberg-Marquardt, every chunk with a damping of its own, until none gets better."""
    damping = np.full(len(noises), DAMPING_FIRST)
    residuals = problem.residuals(noises, np.arange(len(noises)))
    open_rows = np.arange(len(noises))
    for iteration in range(iterations):
        if not len(open_rows):
            return noises, iteration
        now, left = noises[open_rows], residuals[open_rows]
        basis = problem.basis(directions, generator)
        slopes = problem.slopes(now, open_rows, basis)
        along = np.eye(problem.size) if basis is None else basis
        if basis is None:
            gradient = np.einsum("nrk,nr->nk", slopes, left)
            slopes = np.where(problem.stuck(now, gradient)[:, None], 0.0, slopes)
        steps = _steps(slopes, left, damping[open_rows]) @ along.T
        tried = problem.bounded(now + steps)
        found = problem.residuals(tried, open_rows)
        before, after = (left**2).sum(1), (found**2).sum(1)
        better = after < before
        noises[open_rows[better]], residuals[open_rows[better]] = tried[better], found[better]
        factor = np.where(better, 0.2, 5.0)
        damping[open_rows] = np.clip(damping[open_rows] * factor, DAMPING_MIN, DAMPING_MAX)
        tiny = better & (before - after < LITTLE * before)
        hopeless = damping[open_rows] >= DAMPING_MAX
        open_rows = open_rows[~(tiny | hopeless | (after < CLOSE**2))]
    return noises, iterations


def _steps(slopes: Float64Array, residuals: Float64Array, damping: Float64Array) -> Float64Array:
    """Damped Gauss-Newton steps (n, k); the damping is relative to the largest curvature."""
    curvature = np.einsum("nrk,nrl->nkl", slopes, slopes)
    gradient = np.einsum("nrk,nr->nk", slopes, residuals)
    largest = np.maximum(np.trace(curvature, axis1=1, axis2=2), 1e-12)
    size = curvature.shape[1]
    damped = curvature + (damping * largest)[:, None, None] * np.eye(size)
    damped += 1e-12 * largest[:, None, None] * np.eye(size)
    return np.asarray(-np.linalg.solve(damped, gradient[..., None])[..., 0])


def _check(
    policy: PolicyBackend,
    encoded: Encoded,
    chunks: Float32Array,
    iterations: int,
    starts: int,
    directions: int,
) -> None:
    spec = policy.spec
    if chunks.ndim != 3 or chunks.shape[1:] != spec.chunk_shape or not len(chunks):
        raise InvalidValue(
            f"policy '{spec.name}' gives chunks of shape (n, {spec.horizon}, {spec.action_dim}), "
            f"got {chunks.shape}"
        )
    if not np.isfinite(chunks).all():
        raise InvalidValue("chunks whose noise is looked for are not all finite")
    if len(encoded) not in (1, len(chunks)):
        raise InvalidValue(
            f"{len(encoded)} observations for {len(chunks)} chunks; expected 1 or as many"
        )
    if min(iterations, starts) < 0 or directions < 1:
        found = f"iterations {iterations}, starts {starts}, directions {directions}"
        raise InvalidValue(f"{found}; expected at least 0, 0 and 1")
