"""Faults that are provoked in a running simulated graph, for tests and benchmarks.

Each says which of safety's rules may hold the arm because of it, and how a person mends it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from dsrl_core.types import Float32Array
from dsrl_sim.cell import WAIT_S, Cell


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong, and the rules by which safety may notice it first."""

    name: str
    rules: tuple[str, ...]
    provoke: Callable[[Cell], object]
    mend: Callable[[Cell], object]
    uses_a_restart: bool = False
    """Whether a process is killed, which is started again a few times only."""
    ends_the_run: bool = False
    """Whether nobody is left who would go on with it."""


@dataclass(frozen=True)
class BadChunk:
    """A chunk that is refused; what it would do to the arm is seen if it is not."""

    name: str
    chunk: Callable[[tuple[int, int]], Float32Array]
    """Of the shape (rows, columns) that is expected: tool's way [m], its turn [rad], width [m]."""
    words: str
    """The chunk player's, for people."""
    late_s: float = 0.0
    """How long before its request it was seen what it is made of; negative: after."""


def held_after(cell: Cell, fault: Fault) -> float:
    """Provoke a fault; how long it takes [s] until the arm is held.

    Raises:
        TimeoutError: it is not.
    """
    began_s = time.monotonic()
    fault.provoke(cell)
    while not cell.is_held:
        cell.session.check()
        if time.monotonic() - began_s > WAIT_S:
            raise TimeoutError(f"{fault.name}: not held within {WAIT_S:.0f} s")
        cell.client.serve(0.02)
    return time.monotonic() - began_s


def sideways(shape: tuple[int, int]) -> Float32Array:
    """A chunk that a policy might give: a centimetre to the side with every row, the hand open."""
    chunk = np.zeros(shape, np.float32)
    chunk[:, 1], chunk[:, -1] = 0.01, 0.08
    return chunk


def _with(column: int, value: float) -> Callable[[tuple[int, int]], Float32Array]:
    def make(shape: tuple[int, int]) -> Float32Array:
        chunk = sideways(shape)
        chunk[:, column] = value
        return chunk

    return make


def _released(cell: Cell) -> None:
    cell.user_stop(False)
    cell.recover()


def _instead_of_good_ones(bad: BadChunk) -> Fault:
    def provoke(cell: Cell) -> None:
        cell.answer_with(bad.chunk(cell.chunk_shape), bad.late_s)

    return Fault(bad.name, ("no_chunk",), provoke, Cell.answer_no_more)


BAD_CHUNKS: Final = (
    BadChunk("chunk of NaN", _with(0, float("nan")), "not finite"),
    BadChunk("chunk a row short", lambda shape: sideways(shape)[1:], "wrong shape"),
    BadChunk("chunk from the past", sideways, "another time", late_s=60.0),
    BadChunk("chunk from the future", sideways, "another time", late_s=-60.0),
    BadChunk("leap of a metre", _with(1, 1.0), "jump"),
    BadChunk("turn of a radian", _with(3, 1.0), "jump"),
)

FAULTS: Final = (
    Fault("stop service", ("stop",), lambda cell: cell.client.hold(), lambda cell: None),
    Fault("user stop", ("mode",), lambda cell: cell.user_stop(True), _released),
    Fault("reflex", ("mode",), Cell.reflex, Cell.recover),
    Fault(
        "joint states stop",
        ("stale_joint_states", "stale_robot_state"),
        lambda cell: cell.pause("franka_sim"),
        Cell.go_on,
    ),
    Fault(
        "clock set back",
        ("stale_clock",),
        lambda cell: cell.set_clock_back(True),
        lambda cell: cell.set_clock_back(False),
    ),
    Fault(
        "hand fails",
        ("gripper",),
        lambda cell: cell.break_hand(True),
        lambda cell: cell.break_hand(False),
    ),
    Fault(
        "noise actor hangs",
        ("no_chunk", "lost_noise_actor"),
        lambda cell: cell.pause("noise_actor"),
        Cell.go_on,
    ),
    Fault(
        "policy server hangs",
        ("no_chunk", "lost_policy_server"),
        lambda cell: cell.pause("policy_server"),
        Cell.go_on,
    ),
    Fault(
        "episode manager hangs",
        ("lost_episode_manager",),
        lambda cell: cell.pause("episode_manager"),
        Cell.go_on,
    ),
    Fault(
        "no chunk from a living actor",
        ("no_chunk",),
        lambda cell: cell.hide_object(True),
        lambda cell: cell.hide_object(False),
    ),
    *map(_instead_of_good_ones, BAD_CHUNKS),
    Fault(
        "noise actor is killed",
        ("no_chunk", "lost_noise_actor"),
        lambda cell: cell.kill("noise_actor"),
        lambda cell: cell.is_back("noise_actor"),
        uses_a_restart=True,
    ),
    Fault(
        "policy server is killed",
        ("lost_policy_server", "no_chunk"),
        lambda cell: cell.kill("policy_server"),
        lambda cell: cell.is_back("policy_server"),
        uses_a_restart=True,
    ),
    Fault(
        "episode manager is killed",
        ("lost_episode_manager",),
        lambda cell: cell.kill("episode_manager"),
        lambda cell: cell.is_back("episode_manager"),
        uses_a_restart=True,
        ends_the_run=True,
    ),
)
"""Of a task whose policy sees states."""

CAMERAS: Final = ("scene", "wrist")
CAMERA_FAULTS: Final = (
    Fault(
        "cameras stop",
        tuple(f"stale_{name}" for name in CAMERAS),
        lambda cell: cell.stop_cameras(True),
        lambda cell: cell.stop_cameras(False),
    ),
    Fault(
        "cameras freeze",
        tuple(f"stale_{name}" for name in CAMERAS),
        lambda cell: cell.freeze_cameras(True),
        lambda cell: cell.freeze_cameras(False),
    ),
)
"""Of a task whose policy sees images."""
