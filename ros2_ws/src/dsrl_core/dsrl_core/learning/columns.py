"""Tensors that grow by whole episodes, so that adding one costs the same however many there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor


class Columns:
    """Named tensors of equal length; rows are appended, never moved."""

    GROWTH: Final = 1.5

    def __init__(self, kinds: Mapping[str, tuple[tuple[int, ...], torch.dtype]]) -> None:
        """`kinds`: the shape of one row and the dtype, by name."""
        self._data = {name: torch.empty(0, *shape, dtype=t) for name, (shape, t) in kinds.items()}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, name: str) -> Tensor:
        """All rows of a column; writing to it changes it."""
        return self._data[name][: self._length]

    def append(self, rows: Mapping[str, Tensor]) -> slice:
        """Add rows to every column; where they stand."""
        count = len(next(iter(rows.values())))
        place = slice(self._length, self._length + count)
        for name, data in self._data.items():
            if place.stop > len(data):
                capacity = max(place.stop, int(self.GROWTH * len(data)))
                grown = torch.empty(capacity, *data.shape[1:], dtype=data.dtype)
                grown[: self._length] = data[: self._length]
                self._data[name] = data = grown
            data[place] = rows[name]
        self._length = place.stop
        return place

    @property
    def size_bytes(self) -> int:
        """Memory that is held, with the room to grow."""
        return sum(data.nbytes for data in self._data.values())
