"""The 1-D U-Net of Diffusion Policy (Chi et al. 2023), over the actions of a chunk.

Every residual block is told time and observation by FiLM: a scale and a shift for each channel
(`ConditionalResidualBlock1D` of the authors' code with `cond_predict_scale`). What FiLM makes of
cat[time, features] is a linear layer behind an elementwise Mish, so the two parts are computed
apart and added.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from dsrl_core.errors import InvalidFile
from dsrl_core.policies.networks import Network, NetworkShape, Parts

TIME_SCALE = 100.0
"""The embedding sees times of 0..100, as that of a diffusion with 100 steps does."""
KERNEL = 5
GROUPS = 8


class FilmBlock(nn.Module):
    """Two convolutions of rows, FiLM between them, and a way around both."""

    def __init__(self, channels: int, width: int, condition: int) -> None:
        super().__init__()
        self.enter, self.leave = _convolution(channels, width), _convolution(width, width)
        self.film = nn.Linear(condition, 2 * width)
        self.around = nn.Conv1d(channels, width, 1) if channels != width else nn.Identity()

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """x (n, channels, rows), what `film` gave (n or 1, 2 * width): (n, width, rows)."""
        scale, shift = condition[:, :, None].chunk(2, dim=1)
        return torch.as_tensor(self.leave(self.enter(x) * scale + shift) + self.around(x))


class UnetNetwork(Network):
    """Down to half the rows at each of `layers` levels but the last, and up again.

    The first level is `width` channels wide, each further one twice the one before.
    """

    def __init__(self, shape: NetworkShape) -> None:
        """
        Raises:
            InvalidFile: rows that cannot be halved so often, or a width that its groups do not
                divide.
        """
        super().__init__(shape)
        halvings = 2 ** (shape.layers - 1)
        if shape.rows % halvings or shape.width % GROUPS or shape.width < GROUPS:
            raise InvalidFile(
                f"a U-Net of {shape.layers} layers halves its rows {shape.layers - 1} times and "
                f"has widths in groups of {GROUPS}; got {shape.rows} rows and width {shape.width}"
            )
        widths = [shape.width * 2**level for level in range(shape.layers)]
        self._time_size = shape.width
        self.time = nn.Sequential(
            nn.Linear(shape.width, 4 * shape.width),
            nn.Mish(),
            nn.Linear(4 * shape.width, shape.width),
        )
        condition = shape.width + shape.observation_size

        def level(channels: int, width: int) -> nn.ModuleList:
            return nn.ModuleList(
                FilmBlock(before, width, condition) for before in (channels, width)
            )

        before = [shape.action_dim, *widths[:-1]]
        self.down = nn.ModuleList(map(level, before, widths))
        self.shrink = nn.ModuleList(nn.Conv1d(width, width, 3, 2, 1) for width in widths[:-1])
        self.middle = level(widths[-1], widths[-1])
        self.up = nn.ModuleList(
            level(2 * wide, narrow)
            for wide, narrow in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.grow = nn.ModuleList(
            nn.ConvTranspose1d(width, width, 4, 2, 1) for width in widths[-2::-1]
        )
        self.last = nn.Sequential(
            _convolution(shape.width, shape.width), nn.Conv1d(shape.width, shape.action_dim, 1)
        )

    def of_times(self, times: Tensor) -> Parts:
        half = self._time_size // 2
        steps = torch.arange(half, device=times.device)
        angles = TIME_SCALE * times * torch.exp(-math.log(10000.0) / (half - 1) * steps)
        embedded = functional.mish(self.time(torch.cat([angles.sin(), angles.cos()], dim=-1)))
        return [
            embedded @ block.film.weight[:, : self._time_size].T + block.film.bias
            for block in self._blocks()
        ]

    def of_features(self, features: Tensor) -> Parts:
        known = functional.mish(features)
        return [known @ block.film.weight[:, self._time_size :].T for block in self._blocks()]

    def step(self, x: Tensor, of_time: Parts, of_features: Parts) -> Tensor:
        conditions = iter([a + b for a, b in zip(of_time, of_features, strict=True)])

        def through(level: nn.Module, rows: Tensor) -> Tensor:
            assert isinstance(level, nn.ModuleList)
            for block in level:
                rows = block(rows, next(conditions))
            return rows

        h, kept = x.unflatten(1, (self.shape.rows, self.shape.action_dim)).transpose(1, 2), []
        for index, level in enumerate(self.down):
            h = through(level, h)
            kept.append(h)
            if index < len(self.shrink):
                h = self.shrink[index](h)
        h = through(self.middle, h)
        for level, grow in zip(self.up, self.grow, strict=True):
            h = grow(through(level, torch.cat([h, kept.pop()], dim=1)))
        return torch.as_tensor(self.last(h).transpose(1, 2).flatten(1))

    def _blocks(self) -> list[FilmBlock]:
        """In the order in which `step` passes them."""
        levels = [*self.down, self.middle, *self.up]
        return [block for level in levels for block in level]


def _convolution(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(channels, width, KERNEL, padding=KERNEL // 2),
        nn.GroupNorm(GROUPS, width),
        nn.Mish(),
    )
