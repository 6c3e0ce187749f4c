"""The oracle: among decoded noises it takes the chunk that the truth favours."""

from __future__ import annotations

import numpy as np

from dsrl_core.types import Float32Array
from dsrl_sim.expert import PickView
from dsrl_sim.oracle import chunk_costs

CUBE = np.array([0.5, 0.0, 0.02])


def view(tool: tuple[float, float, float], width: float = 0.08) -> PickView:
    return PickView(np.array(tool), 0.0, width, CUBE, 0.0)


def chunk(step: tuple[float, float, float], width: float = 0.08, turn: float = 0.0) -> Float32Array:
    """Four equal actions."""
    return np.tile(np.array([*step, turn, width], dtype=np.float32), (4, 1))


def best(seen: PickView, *chunks: Float32Array) -> int:
    return int(chunk_costs(seen, np.stack(chunks)).argmin())


def test_from_afar_it_goes_towards_the_cube() -> None:
    towards, away = chunk((0.01, 0, 0)), chunk((-0.01, 0, 0))
    assert best(view((0.4, 0.0, 0.12)), away, towards) == 1


def test_it_does_not_come_down_beside_the_cube() -> None:
    level, down = chunk((0, 0, 0)), chunk((0, 0, -0.02))
    assert best(view((0.46, 0.0, 0.1)), level, down) == 0


def test_it_turns_with_the_cube() -> None:
    turned = PickView(np.array([0.5, 0, 0.05]), 0.0, 0.08, CUBE, 0.4)
    assert best(turned, chunk((0, 0, 0)), chunk((0, 0, 0), turn=0.1)) == 1


def test_it_closes_where_it_would_grasp_and_nowhere_else() -> None:
    stay, close = chunk((0, 0, 0)), chunk((0, 0, 0), width=0.0)
    assert best(view((0.505, 0.0, 0.02)), stay, close) == 1
    assert best(view((0.53, 0.0, 0.02)), stay, close) == 0
    assert best(view((0.5, 0.0, 0.06)), stay, close) == 0


def test_once_closed_it_stays_closed_and_rises() -> None:
    open_up, lift = chunk((0, 0, 0.02)), chunk((0, 0, 0.01), width=0.0)
    press = chunk((0, 0, -0.01), width=0.0)
    assert best(view((0.5, 0.0, 0.02), width=0.04), open_up, press, lift) == 2
