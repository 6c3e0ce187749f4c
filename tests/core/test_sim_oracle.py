"""The oracle's costs: among decoded noises it takes the chunk that the truth favours."""

from __future__ import annotations

import numpy as np

from dsrl_core.types import Float32Array
from dsrl_sim.chunk_costs import pick_costs, place_costs

CUBE = (0.5, 0.0, 0.02)
GOAL = (0.5, 0.2, 0.024)


def view(
    tool: tuple[float, float, float], width: float = 0.08, cube_yaw: float = 0.0
) -> Float32Array:
    """Observation (9,) of a pick."""
    return np.array([*tool, 0.0, width, *CUBE, cube_yaw], dtype=np.float32)


def holding(x: float, y: float, z: float) -> Float32Array:
    """Observation (12,) of a place: the hand holds the cube at an offset [m] from its goal."""
    at = np.add(GOAL, (x, y, z))
    return np.array([*at, 0.0, 0.039, *at, 0.0, *GOAL], dtype=np.float32)


def chunk(step: tuple[float, float, float], width: float = 0.08, turn: float = 0.0) -> Float32Array:
    """Four equal actions."""
    return np.tile(np.array([*step, turn, width], dtype=np.float32), (4, 1))


def best(seen: Float32Array, *chunks: Float32Array) -> int:
    costs = pick_costs if len(seen) == 9 else place_costs
    return int(costs(seen, np.stack(chunks)).argmin())


def test_from_afar_it_goes_towards_the_cube() -> None:
    towards, away = chunk((0.01, 0, 0)), chunk((-0.01, 0, 0))
    assert best(view((0.4, 0.0, 0.12)), away, towards) == 1


def test_it_does_not_come_down_beside_the_cube() -> None:
    level, down = chunk((0, 0, 0)), chunk((0, 0, -0.02))
    assert best(view((0.46, 0.0, 0.1)), level, down) == 0


def test_it_turns_with_the_cube() -> None:
    assert (
        best(view((0.5, 0.0, 0.05), cube_yaw=0.4), chunk((0, 0, 0)), chunk((0, 0, 0), turn=0.1))
        == 1
    )


def test_it_closes_where_it_would_grasp_and_nowhere_else() -> None:
    stay, close = chunk((0, 0, 0)), chunk((0, 0, 0), width=0.0)
    assert best(view((0.505, 0.0, 0.02)), stay, close) == 1
    assert best(view((0.53, 0.0, 0.02)), stay, close) == 0
    assert best(view((0.5, 0.0, 0.06)), stay, close) == 0


def test_once_closed_it_stays_closed_and_rises() -> None:
    open_up, lift = chunk((0, 0, 0.02)), chunk((0, 0, 0.01), width=0.0)
    press = chunk((0, 0, -0.01), width=0.0)
    assert best(view((0.5, 0.0, 0.02), width=0.04), open_up, press, lift) == 2


def test_before_the_grasp_a_place_is_a_pick() -> None:
    seen = view((0.46, 0.0, 0.1))
    chunks = np.stack([chunk((0, 0, 0)), chunk((0, 0, -0.02)), chunk((0.01, 0, 0), width=0.0)])
    np.testing.assert_array_equal(
        place_costs(np.array([*seen, *GOAL], dtype=np.float32), chunks), pick_costs(seen, chunks)
    )


def test_it_carries_the_cube_towards_the_bowl_and_not_through_its_wall() -> None:
    towards, away = chunk((0, 0.01, 0), width=0.0), chunk((0, -0.01, 0), width=0.0)
    assert best(holding(0.0, -0.15, 0.1), away, towards) == 1
    level, down = chunk((0, 0, 0), width=0.0), chunk((0, 0, -0.02), width=0.0)
    assert best(holding(0.0, -0.09, 0.1), down, level) == 1
    assert best(holding(0.0, 0.0, 0.12), level, down) == 1


def test_it_lets_go_over_the_bowl_and_nowhere_else() -> None:
    hold, let_go = chunk((0, 0, 0), width=0.0), chunk((0, 0, 0))
    assert best(holding(0.01, 0.0, 0.04), hold, let_go) == 1
    assert best(holding(0.05, 0.0, 0.04), hold, let_go) == 0
    assert best(holding(0.0, 0.0, 0.1), hold, let_go) == 0


def test_once_open_over_the_bowl_it_stays_open_and_does_not_push() -> None:
    tool = np.add(GOAL, (0, 0, 0.04))
    released = np.array([*tool, 0.0, 0.06, *GOAL, 0.0, *GOAL], dtype=np.float32)
    close, push = chunk((0, 0, 0), width=0.0), chunk((0.02, 0, 0))
    assert best(released, close, push, chunk((0, 0, 0.02))) == 2
