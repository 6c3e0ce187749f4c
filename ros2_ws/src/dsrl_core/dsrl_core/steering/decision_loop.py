"""One decision: observation in, noise chosen, frozen policy asked, chunk out.

The noise actor's node and the in-process rollout both call `DecisionLoop.decide`; there is no
second way to a chunk.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import torch

from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.seeding import Purpose, stream
from dsrl_core.specs import TaskSpec
from dsrl_core.steering.search import Choice, NoiseSearch
from dsrl_core.steering.steering_model import ModelContext, SteeringModel
from dsrl_core.types import Decision, Float32Array, Mode, Observation

_MODE_NUMBER = {mode: number for number, mode in enumerate(Mode)}


class DecisionLoop:
    """Chooses noises for one task; holds the present steering weights.

    `clock` gives seconds for the latency in the record; it decides nothing.
    """

    def __init__(
        self,
        task: TaskSpec,
        policy: PolicyBackend,
        run_seed: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy, self._run_seed, self._clock = policy, run_seed, clock
        self._context = ModelContext.of(task, policy.spec)
        self._search = NoiseSearch(task.steering, self._context.features, self._context.noise_map)
        self._model: SteeringModel | None = None
        self.weights_version = 0

    def set_weights(self, version: int, data: bytes) -> None:
        """Steer with these from the next decision on.

        Raises:
            InvalidFile: the bytes do not fit this task and policy; the present ones stay in use.
        """
        self._model = self._context.load(data)
        self.weights_version = version

    def decide(
        self, observation: Observation, episode: int, sequence: int, mode: Mode, episode_seed: int
    ) -> Decision:
        """The decision of `mode` for one observation.

        Without weights every steered mode acts as the base policy does.
        """
        started = self._clock()
        choice, source = self._choose(observation, mode, episode_seed, sequence)
        return Decision(
            episode,
            sequence,
            observation,
            choice.latent,
            choice.noise,
            choice.chunk,
            source,
            self.weights_version,
            episode_seed,
            choice.value,
            self._clock() - started,
        )

    def _choose(
        self, observation: Observation, mode: Mode, episode_seed: int, sequence: int
    ) -> tuple[Choice, str]:
        values = observation.values[None]
        encoded = self._policy.encode(values)
        generator = stream(
            self._run_seed, Purpose.DECISION, _MODE_NUMBER[mode], episode_seed, sequence
        )

        def decoded(latent: Float32Array, noise: Float32Array) -> Choice:
            return Choice(latent, noise, self._policy.decode(encoded, noise[None])[0], math.nan)

        model, shape = self._model, self._policy.spec.noise_shape
        if mode is Mode.ZERO:
            zero = np.zeros(shape, dtype=np.float32)
            return decoded(zero, zero), "zero"
        if mode is Mode.BASE or model is None:
            # The policy as its makers meant it: of full shape and without our bound.
            drawn = generator.standard_normal(shape, dtype=np.float32)
            return decoded(drawn, drawn), "base"
        state = torch.from_numpy(values)
        if mode is Mode.ACTOR:
            noise_map = self._context.noise_map
            with torch.inference_mode():
                flat = model.actor.greedy(self._context.features.of_state(state)).numpy()
            latent = flat.reshape(noise_map.latent_shape)
            return decoded(latent, noise_map.to_noise(latent[None])[0]), "actor"
        return self._search.best(self._policy, encoded, state, model.critic, generator), "search"
