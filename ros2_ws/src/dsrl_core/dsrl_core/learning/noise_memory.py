"""Which noises were worth trying in the states of one episode.

Decoding is what noise aliasing costs. Candidates of a state are decoded once and kept as features
of their chunks, so that a critic that has changed scores them again without asking the policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from dsrl_core.learning.remembering import Memory, State
from dsrl_core.learning.training_set import Key, TrainingSet
from dsrl_core.seeding import Purpose, stream


class MemoryConfig(Protocol):
    """The settings that a memory reads of its algorithm's config."""

    @property
    def value_candidates(self) -> int: ...
    @property
    def memory(self) -> int: ...
    @property
    def proposals(self) -> int: ...
    @property
    def proposal_std(self) -> float: ...
    @property
    def temperature(self) -> float: ...


class Critic(Protocol):
    """Values of chunks: states (n, state_size) and chunk features (n, chunk_size) to (n,)."""

    def __call__(self, states: Tensor, chunks: Tensor) -> Tensor: ...


class NoiseMemory:
    """One episode of `rows` transitions; all tensors are indexed by row."""

    def __init__(
        self,
        data: TrainingSet,
        rows: slice,
        config: MemoryConfig,
        bound: float,
        generator: np.random.Generator,
    ) -> None:
        self._data, self._config, self._bound, self._generator = data, config, bound, generator
        self._before = data.column("before")[rows].clone()
        self._after = data.column("after")[rows].clone()
        self._next_chunks: Tensor | None = None
        self._latents: Tensor | None = None
        self._chunks = torch.empty(0)

    def next_values(self, critic: Critic, next_states: Tensor) -> Tensor:
        """What the best of its cached candidates is worth in each next state, (rows,)."""
        if self._next_chunks is None:
            candidates = self._fresh(self._config.value_candidates)
            self._next_chunks = self._decoded(self._after, candidates)
        return _score(critic, next_states, self._next_chunks).amax(dim=1)

    def preferred_noises(self, critic: Critic, states: Tensor) -> Tensor:
        """The mean noise that the critic prefers in each state, (rows, latent_size).

        Noises are weighted by exp(Q / temperature). Where the critic does not care about a
        direction the weights average it out, which a single best noise would not. Every call also
        tries new noises, half around the present mean and half fresh, and forgets the worst.
        """
        config = self._config
        if self._latents is None:
            self._latents = self._fresh(config.memory)
            self._chunks = self._decoded(self._before, self._latents)
        scores = _score(critic, states, self._chunks)
        mean = _weighted(self._latents, scores, config.temperature)
        proposals = self._fresh(config.proposals)
        near = config.proposals // 2
        spread = self._generator.standard_normal(proposals[:, :near].shape, dtype=np.float32)
        proposals[:, :near] = mean[:, None] + config.proposal_std * torch.from_numpy(spread)
        proposals = proposals.clamp(-self._bound, self._bound)
        chunks = self._decoded(self._before, proposals)
        scores = torch.cat([scores, _score(critic, states, chunks)], dim=1)
        kept = scores.topk(config.memory, dim=1).indices
        rows = torch.arange(len(kept))[:, None]
        self._latents = torch.cat([self._latents, proposals], dim=1)[rows, kept]
        self._chunks = torch.cat([self._chunks, chunks], dim=1)[rows, kept]
        return _weighted(self._latents, scores[rows, kept], config.temperature)

    def state(self) -> tuple[State, dict[str, Any]]:
        """What it remembers, and the state of what it draws from."""
        tensors = {"chunks": self._chunks}
        if self._latents is not None:
            tensors["latents"] = self._latents
        if self._next_chunks is not None:
            tensors["next_chunks"] = self._next_chunks
        return tensors, dict(self._generator.bit_generator.state)

    def put_back(self, tensors: State, generator: dict[str, Any]) -> None:
        """What `state` gave."""
        self._chunks = tensors["chunks"]
        self._latents, self._next_chunks = tensors.get("latents"), tensors.get("next_chunks")
        self._generator.bit_generator.state = generator

    def _fresh(self, count: int) -> Tensor:
        """Noises from N(0, I) within the bound, (rows, count, latent_size)."""
        shape = (len(self._before), count, self._data.latent_size)
        drawn = self._generator.standard_normal(shape, dtype=np.float32)
        return torch.from_numpy(np.clip(drawn, -self._bound, self._bound))

    def _decoded(self, observations: Tensor, latents: Tensor) -> Tensor:
        """Chunk features of every latent of every row, (rows, count, chunk_size)."""
        count = latents.shape[1]
        chunks = self._data.decoded(observations.repeat_interleave(count), latents.flatten(0, 1))
        return chunks.reshape(-1, count, chunks.shape[-1])


class NoiseMemories:
    """Of the episodes that had their turn last; all others are forgotten."""

    def __init__(self, data: TrainingSet, config: MemoryConfig, bound: float, seed: int) -> None:
        """`seed`: of the run; what is drawn for an episode depends on its number alone."""
        self._data, self._config, self._bound, self._seed = data, config, bound, seed
        self._kept: dict[Key, NoiseMemory] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._kept)

    def turn(self, episodes: Iterable[tuple[Key, slice]]) -> Iterator[tuple[NoiseMemory, slice]]:
        """The memories of these episodes with their rows, one after the other."""
        present: dict[Key, NoiseMemory] = {}
        for key, rows in episodes:
            memory = present[key] = self._kept.get(key) or self._new(key, rows)
            yield memory, rows
        self._kept = present

    def state(self) -> Memory:
        tensors: State = {}
        facts = []
        for place, (key, memory) in enumerate(self._kept.items()):
            remembered, generator = memory.state()
            tensors |= {f"{place}.{name}": value for name, value in remembered.items()}
            facts.append({"key": list(key), "generator": generator})
        return Memory(tensors, {"episodes": facts})

    def put_back(self, memory: Memory) -> None:
        self._kept = {}
        for place, fact in enumerate(memory.facts["episodes"]):
            key = (int(fact["key"][0]), int(fact["key"][1]))
            self._kept[key] = self._new(key, self._data.rows_of(key))
            self._kept[key].put_back(memory.part(str(place)).tensors, fact["generator"])

    def _new(self, key: Key, rows: slice) -> NoiseMemory:
        generator = stream(self._seed, Purpose.LEARNER, *key)
        return NoiseMemory(self._data, rows, self._config, self._bound, generator)


def _score(critic: Critic, states: Tensor, chunks: Tensor) -> Tensor:
    """(rows, count) for states (rows, state_size) and chunks (rows, count, chunk_size)."""
    rows, count = chunks.shape[:2]
    scores = critic(states.repeat_interleave(count, dim=0), chunks.flatten(0, 1))
    return scores.reshape(rows, count)


def _weighted(latents: Tensor, scores: Tensor, temperature: float) -> Tensor:
    weights = torch.softmax(scores / temperature, dim=1)
    return (weights[..., None] * latents).sum(dim=1)
