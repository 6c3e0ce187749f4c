"""What an algorithm trains on: every episode that counts, as tensors, computed once.

Features, encodings and chunk features are made when an episode arrives; a correction of its label
changes rewards and discounts in place, and an undo takes its rows out of the draw. Several tasks
stand side by side, each with its own frozen policy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from dsrl_core.data.episode_rows import EpisodeRows
from dsrl_core.errors import InvalidFile
from dsrl_core.learning.batch import Batch
from dsrl_core.learning.columns import Columns
from dsrl_core.learning.precision import products
from dsrl_core.learning.remembering import Memory, digest
from dsrl_core.policies.backend import Encoded, PolicyBackend
from dsrl_core.policies.direct_actions import DirectActions
from dsrl_core.steering.task_context import TaskContext
from dsrl_core.types import Float32Array, UInt8Array

Key = tuple[int, int]
"""An episode: number of its task, its own number."""


@dataclass
class _Entry:
    observations: slice
    rows: slice
    is_active: bool = True


class TrainingSet:
    """Grows by episodes; what counts is drawn from uniformly."""

    MEMBERS: Final = (
        "before",
        "after",
        "chunks",
        "latents",
        "rewards",
        "discounts",
        "returns",
        "targets",
    )
    LEARNED: Final = ("returns", "targets")
    """Columns that an algorithm computes; all others follow from episodes and labels."""

    def __init__(
        self, contexts: Sequence[TaskContext], decoders: Sequence[PolicyBackend], known_noise: bool
    ) -> None:
        """`known_noise`: draw only transitions whose noise is known (a critic of noises)."""
        self._contexts, self._decoders = tuple(contexts), tuple(decoders)
        self._known_noise = known_noise
        self.features_size = max(context.features.state_size for context in contexts)
        self.chunk_size = max(context.features.chunk_size for context in contexts)
        self.latent_size = contexts[0].noise_map.latent_size
        f32, i64 = torch.float32, torch.int64
        self._observations = Columns(
            {"features": ((self.features_size,), f32), "task": ((), i64), "place": ((), i64)}
        )
        self._rows = Columns(
            {
                "before": ((), i64),
                "after": ((), i64),
                "chunks": ((self.chunk_size,), f32),
                "latents": ((self.latent_size,), f32),
                "rewards": ((), f32),
                "discounts": ((), f32),
                "returns": ((), f32),
                "targets": ((self.latent_size,), f32),
                "ends": ((), torch.bool),
                "prior": ((), torch.bool),
            }
        )
        seen = [context.features.seen_size for context in contexts]
        self._seen = [Columns({"seen": ((size,), f32)}) for size in seen]
        self._encoded: list[Columns | None] = [None] * len(contexts)
        self._images: dict[Key, UInt8Array] = {}
        self._image_place: list[tuple[Key, int]] = []
        self._entries: dict[Key, _Entry] = {}
        self._pools: tuple[Tensor, Tensor] | None = None

    # Episodes come, change and go.

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    def add(
        self, key: Key, rows: EpisodeRows, rewards: Float32Array, discounts: Float32Array
    ) -> None:
        """Take an episode that is not there yet."""
        context, decoder = self._contexts[key[0]], self._decoders[key[0]]
        encoded = decoder.encode(rows.observations, rows.images).features
        seen = context.features.see(rows.observations, encoded)
        place = self._seen[key[0]].append({"seen": seen})
        self._encodings(key[0], encoded.shape[1]).append({"encoded": torch.from_numpy(encoded)})
        observations = self._observations.append(
            {
                "features": _padded(context.features.of_state(seen), self.features_size),
                "task": torch.full((len(seen),), key[0]),
                "place": torch.arange(place.start, place.stop),
            }
        )
        before = torch.from_numpy(rows.before)
        chunks = context.features.of_chunk(seen[before], torch.from_numpy(rows.chunks))
        if isinstance(decoder, DirectActions):
            latents = decoder.latents_of(rows.chunks)
        else:
            latents = context.noise_map.latents_of(rows.noises)
        columns = {
            "before": before + observations.start,
            "after": torch.from_numpy(rows.after) + observations.start,
            "chunks": _padded(chunks, self.chunk_size),
            "latents": torch.from_numpy(latents),
            "rewards": torch.from_numpy(rewards),
            "discounts": torch.from_numpy(discounts),
            "returns": torch.from_numpy(rewards),
            "targets": torch.zeros(len(rows), self.latent_size),
            "ends": torch.from_numpy(rows.ends),
            "prior": torch.from_numpy(rows.prior),
        }
        self._entries[key] = _Entry(observations, self._rows.append(columns))
        if context.task.image_encoder and rows.images is not None:
            # The replay's own array: images lie in memory once.
            self._images[key] = rows.images
            self._image_place += [(key, index) for index in range(len(seen))]
        self._pools = None

    def set_rewards(self, key: Key, rewards: Float32Array, discounts: Float32Array) -> None:
        """Take what a corrected label made of an episode, and draw it again if it was out."""
        entry = self._entries[key]
        self._rows["rewards"][entry.rows] = torch.from_numpy(rewards)
        self._rows["discounts"][entry.rows] = torch.from_numpy(discounts)
        entry.is_active = True
        self._pools = None

    def take_out(self, key: Key) -> None:
        """Draw an episode no more."""
        self._entries[key].is_active = False
        self._pools = None

    # What may be asked.

    def __len__(self) -> int:
        """Transitions that are drawn from."""
        return sum(map(len, self._drawn()))

    def episodes(self) -> list[Key]:
        """Those that count, in the order in which they came."""
        return [key for key, entry in self._entries.items() if entry.is_active]

    def rows_of(self, key: Key) -> slice:
        return self._entries[key].rows

    def column(self, name: str) -> Tensor:
        """A column of all rows; writing to it changes it."""
        return self._rows[name]

    def sample(
        self, generator: np.random.Generator, count: int, prior_share: float | None = None
    ) -> Batch:
        """`count` transitions with replacement.

        `prior_share`: how many of them are a person's doing, as far as there are any; by default
        all transitions are drawn alike.
        """
        prior, others = self._drawn()
        if prior_share is None or not len(prior) or not len(others):
            pools = [(torch.cat([others, prior]) if len(prior) else others, count)]
        else:
            from_prior = round(prior_share * count)
            pools = [(prior, from_prior), (others, count - from_prior)]
        drawn = [
            pool[torch.from_numpy(generator.integers(0, len(pool), size))] for pool, size in pools
        ]
        return self.batch(torch.cat(drawn) if len(drawn) > 1 else drawn[0])

    def batch(self, rows: Tensor) -> Batch:
        """These rows."""
        columns = {name: self._rows[name].index_select(0, rows) for name in self.MEMBERS}
        return Batch(rows, **columns)

    def features(self, observations: Tensor) -> Tensor:
        """(b, features_size) of these observations."""
        return self._observations["features"].index_select(0, observations)

    def features_after(
        self, observations: Tensor, change: Callable[[int, Tensor], Tensor]
    ) -> Tensor:
        """(b, features_size), had each task's values (n, observation_size) been `change`d."""
        tasks, found = self.tasks(observations), torch.zeros(len(observations), self.features_size)
        for task, context in enumerate(self._contexts):
            mine = torch.nonzero(tasks == task).squeeze(1)
            if not len(mine):
                continue
            places = self._observations["place"].index_select(0, observations[mine])
            seen = self._seen[task]["seen"].index_select(0, places)
            values = change(task, seen[:, : context.policy.observation_size]).numpy()
            seen = context.features.see(values, self._decoders[task].encode(values).features)
            found[mine] = _padded(context.features.of_state(seen), self.features_size)
        return found

    def tasks(self, observations: Tensor) -> Tensor:
        """(b,): number of the task of each."""
        return self._observations["task"].index_select(0, observations)

    def images(self, observations: Tensor) -> Tensor | None:
        """(b, cameras, height, width, 3) uint8; None where no encoder asks for any."""
        if not self._images:
            return None
        places = [self._image_place[index] for index in observations.tolist()]
        return torch.from_numpy(np.stack([self._images[key][index] for key, index in places]))

    def decoded(self, observations: Tensor, latents: Tensor) -> Tensor:
        """Features of the chunks that the frozen policies make of latents (b, latent_size) in
        these observations (b,): (b, chunk_size)."""
        if len(self._contexts) == 1:
            return self._decoded_by(0, observations, latents)
        chunks = torch.zeros(len(latents), self.chunk_size)
        tasks = self.tasks(observations)
        for task in range(len(self._contexts)):
            mine = torch.nonzero(tasks == task).squeeze(1)
            if len(mine):
                chunks[mine] = self._decoded_by(task, observations[mine], latents[mine])
        return chunks

    def _decoded_by(self, task: int, observations: Tensor, latents: Tensor) -> Tensor:
        context, decoder = self._contexts[task], self._decoders[task]
        places = self._observations["place"].index_select(0, observations)
        encodings = self._encoded[task]
        assert encodings is not None, "an observation was encoded when it came"
        encoded = encodings["encoded"].index_select(0, places).numpy()
        noises = context.noise_map.flat_to_noise(latents)
        step = decoder.spec.max_batch
        with products("float32"):
            chunks = [
                decoder.decode(Encoded(encoded[start : start + step]), noises[start : start + step])
                for start in range(0, len(noises), step)
            ]
        seen = self._seen[task]["seen"].index_select(0, places)
        features = context.features.of_chunk(seen, torch.from_numpy(np.concatenate(chunks)))
        return _padded(features, self.chunk_size)

    @property
    def size_bytes(self) -> int:
        """Memory of everything but images."""
        columns = [
            self._observations,
            self._rows,
            *self._seen,
            *filter(None, self._encoded),
        ]
        return sum(part.size_bytes for part in columns)

    def state(self) -> Memory:
        """What algorithms have computed, and a digest of what they computed it from."""
        learned = {name: self._rows[name] for name in self.LEARNED}
        given = {name: self._rows[name] for name in self.MEMBERS if name not in self.LEARNED}
        given["seen"] = self._observations["features"]
        given["counts"] = torch.tensor(
            [[*k, entry.is_active] for k, entry in self._entries.items()]
        )
        return Memory(learned, {"given": digest(given)})

    def put_back(self, memory: Memory) -> None:
        """Raises InvalidFile where it is of other episodes or labels."""
        if self.state().facts != memory.facts:
            raise InvalidFile("it was learned from other episodes or labels than are on disk")
        for name in self.LEARNED:
            self._rows[name][:] = memory.tensors[name]

    def _encodings(self, task: int, size: int) -> Columns:
        columns = self._encoded[task]
        if columns is None:
            columns = self._encoded[task] = Columns({"encoded": ((size,), torch.float32)})
        return columns

    def _drawn(self) -> tuple[Tensor, Tensor]:
        """Rows that are a person's doing, and the others, that count."""
        if self._pools is None:
            active = [entry.rows for entry in self._entries.values() if entry.is_active]
            parts = [torch.arange(rows.start, rows.stop) for rows in active]
            rows = torch.cat(parts) if parts else torch.zeros(0, dtype=torch.int64)
            if self._known_noise:
                rows = rows[torch.isfinite(self._rows["latents"][rows]).all(dim=1)]
            prior = self._rows["prior"][rows]
            self._pools = (rows[prior], rows[~prior])
        return self._pools


def _padded(values: Tensor, size: int) -> Tensor:
    return torch.nn.functional.pad(values, (0, size - values.shape[-1]))
