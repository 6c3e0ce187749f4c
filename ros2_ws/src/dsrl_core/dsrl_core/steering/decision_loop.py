"""One decision: observation in, noise chosen, frozen policy asked, chunk out.

The noise actor's node and the in-process rollout both call `DecisionLoop.decide`; there is no
second way to a chunk.
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dsrl_core.policies.backend import Encoded, PolicyBackend
from dsrl_core.policies.direct_actions import DirectActions
from dsrl_core.seeding import Purpose, stream
from dsrl_core.specs import TaskSpec
from dsrl_core.status import STEERED
from dsrl_core.steering.preflight.noise_kinds import BASE, NoiseKind
from dsrl_core.steering.search import Candidates, NoiseSearch
from dsrl_core.steering.steering_model import SteeringModel, decoder_of, load_model
from dsrl_core.steering.task_context import TaskContext
from dsrl_core.types import Decision, Float32Array, Mode, Observation

_MODE_NUMBER = {mode: number for number, mode in enumerate(Mode)}


@dataclass(frozen=True)
class _Choice:
    """A latent, what the policy was fed, what it gave, and what the critic thinks of it."""

    latent: Float32Array
    noise: Float32Array
    chunk: Float32Array
    source: str
    value: float = math.nan


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
        self._task, self._policy, self._run_seed, self._clock = task, policy, run_seed, clock
        TaskContext.of(task, policy.spec)  # a task and a policy that do not fit are refused now
        self._steered: _Steered | None = None
        self.weights_version = 0

    def set_weights(self, version: int, data: bytes) -> None:
        """Steer with these from the next decision on; without any bytes, not at all.

        Raises:
            InvalidFile: the bytes do not fit this task and policy; the present ones stay in use.
        """
        self._steered = _Steered.load(data, self._task, self._policy) if data else None
        self.weights_version = version

    def decide(
        self,
        observation: Observation,
        episode: int,
        sequence: int,
        mode: Mode,
        episode_seed: int,
        kind: NoiseKind = BASE,
    ) -> Decision:
        """The decision of `mode` for one observation; `kind` is of the mode `shaped` alone.

        Without weights every steered mode acts as the base policy does.
        """
        started = self._clock()
        number = _MODE_NUMBER[mode]
        index = (number, zlib.crc32(kind.name.encode())) if mode is Mode.SHAPED else (number,)
        generator = stream(self._run_seed, Purpose.DECISION, *index, episode_seed, sequence)
        choice = self._choose(observation, mode, kind, generator)
        return Decision(
            episode,
            sequence,
            observation,
            choice.latent,
            choice.noise,
            choice.chunk,
            choice.source,
            self.weights_version,
            episode_seed,
            choice.value,
            self._clock() - started,
        )

    def _choose(
        self, observation: Observation, mode: Mode, kind: NoiseKind, generator: np.random.Generator
    ) -> _Choice:
        if mode in STEERED and self._steered is not None:
            return self._steered.choose(observation, mode, generator)
        shape = self._policy.spec.noise_shape
        if mode is Mode.ZERO:
            noise, source = np.zeros(shape, dtype=np.float32), "zero"
        elif mode is Mode.SHAPED:
            drawn = kind.sample(self._policy.spec, self._task.steering, generator, 1)
            noise, source = drawn[0], kind.name
        else:
            # The policy as its makers meant it: of full shape and without our bound.
            noise, source = generator.standard_normal(shape, dtype=np.float32), "base"
        chunk = self._policy.decode(_encode(self._policy, observation), noise[None])[0]
        return _Choice(noise, noise, chunk, source)


class _Steered:
    """Steering weights and what they were made for."""

    def __init__(
        self, context: TaskContext, decoder: PolicyBackend, model: SteeringModel, number: int
    ) -> None:
        self._context, self._decoder, self._model, self._number = context, decoder, model, number
        self._pessimism = context.task.steering.pessimism
        spec, noise_map = context.task.steering, context.noise_map
        episodes = int(model.episodes[number])
        self._exploring, self._greedy = (
            NoiseSearch(spec, noise_map, spec.candidates_at(episodes, training))
            for training in (True, False)
        )

    @staticmethod
    def load(data: bytes, task: TaskSpec, policy: PolicyBackend) -> _Steered:
        decoder = policy if decoder_of(data) == "policy" else DirectActions(policy.spec)
        context = TaskContext.of(task, decoder.spec)
        return _Steered(context, decoder, *load_model(data, context))

    def choose(
        self, observation: Observation, mode: Mode, generator: np.random.Generator
    ) -> _Choice:
        """As the task's selection says; greedy in every mode but training.

        Critics are trusted with more noises the more they have learned; in training, where the
        task says nothing else, with all from the start.
        """
        context, model = self._context, self._model
        encoded = _encode(self._decoder, observation)
        seen = context.features.see(observation.values[None], encoded.features)
        with torch.inference_mode():
            images = observation.images
            state = model.state(
                context.features.of_state(seen),
                self._number,
                None if images is None or model.encoder is None else torch.from_numpy(images[None]),
            )
            if mode is Mode.ACTOR or context.task.steering.selection == "actor":
                flat = self._actors_choice(state, mode, generator).numpy()
                latents = flat.reshape(1, *context.noise_map.latent_shape)
                found = Candidates(latents, np.full(1, math.nan, np.float32), None)
                return self._decoded(found, encoded, "actor")
            search = self._exploring if mode is Mode.TRAIN else self._greedy
            found = search.best(
                lambda latents: self._scored(latents, state, seen, encoded), generator
            )
        return self._decoded(found, encoded, "search")

    def _actors_choice(self, state: Tensor, mode: Mode, generator: np.random.Generator) -> Tensor:
        actor = self._model.actor
        if mode is not Mode.TRAIN:
            return actor.greedy(state)
        seeded = torch.Generator().manual_seed(int(generator.integers(2**62)))
        return actor.sample(state, seeded)[0]

    def _scored(
        self, latents: Float32Array, state: Tensor, seen: Tensor, encoded: Encoded
    ) -> Candidates:
        """Latents with what the critics say of them; decoded if the critics value chunks."""
        count, chunks = len(latents), None
        if self._model.shape.critic_of == "chunk":
            chunks = self._decoder.decode(encoded, self._context.noise_map.to_noise(latents))
            second = self._context.features.of_chunk(
                seen.expand(count, -1), torch.from_numpy(chunks)
            )
        else:
            second = torch.from_numpy(latents).flatten(1)
        each = self._model.value(state.expand(count, -1), second)
        values = each.mean(dim=0) - self._pessimism * each.std(dim=0, correction=0)
        return Candidates(latents, values.numpy(), chunks)

    def _decoded(self, found: Candidates, encoded: Encoded, source: str) -> _Choice:
        noises = self._context.noise_map.to_noise(found.latents)
        chunks = found.chunks
        if chunks is None:
            chunks = self._decoder.decode(encoded, noises)
        return _Choice(found.latents[0], noises[0], chunks[0], source, float(found.values[0]))


def _encode(policy: PolicyBackend, observation: Observation) -> Encoded:
    images = observation.images
    return policy.encode(observation.values[None], None if images is None else images[None])
