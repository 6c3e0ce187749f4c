"""Each bad chunk by itself: refused, told, and the arm does not move because of it.

The noise actor lives all the while and has nothing to say, so that the bad chunks are all there is.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from sensor_msgs.msg import JointState

from dsrl_core.types import Float64Array
from dsrl_ros import topics
from dsrl_ros.conversions.robot import ordered_positions
from dsrl_ros.paths import catalog
from dsrl_sim.cell import WAIT_S, Cell
from dsrl_sim.faults import BAD_CHUNKS, BadChunk, sideways
from tests.faults.holds_setup import TRIES, cell_of, is_starved

JOINTS = list(catalog().robot("fr3").joint_names)
STILL_RAD = 0.01
"""A chunk of the kind that is sent here moves some joint much further."""


class Watched:
    """A cell, and where its arm is seen."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.positions: list[Float64Array] = []
        topics.JOINT_STATES.subscribe(cell.client.node, self._on_joints)

    def _on_joints(self, message: JointState) -> None:
        positions = ordered_positions(message, JOINTS)
        assert positions is not None
        self.positions.append(positions)

    @property
    def is_still(self) -> bool:
        seen = self.positions[-10:]
        return len(seen) == 10 and bool(np.ptp(seen, axis=0).max() < 1e-4)

    def rests(self) -> int:
        """Begin a run and let the arm come to rest where no chunk follows; the episode."""
        episode = self.cell.run()
        self.cell.hide_object(True)
        self.positions.clear()
        self.cell.client.wait_for("arm at rest", lambda: self.is_still, WAIT_S)
        return episode

    @property
    def moved_rad(self) -> float:
        """How far a joint has been from where the arm was first seen."""
        return float(np.abs(np.array(self.positions) - self.positions[0]).max())

    def end(self) -> None:
        self.cell.answer_no_more()
        self.cell.end()
        self.cell.resume()

    def refusals(self, words: str) -> int:
        log = self.cell.session.graph.options.out / "log" / "chunk_player.log"
        return log.read_text().count(f"chunk refused: {words}")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("run")
    for cell in cell_of(
        "franka_pick", folder, "chunk_player.patience=60", "chunk_player.chunk_wait_s=3"
    ):
        yield Watched(cell)


def held_by_bad(watched: Watched, bad: BadChunk) -> bool:
    """Whether nothing else disturbed the arm: a reflex of a simulator without time for it, or an
    episode that was over too soon."""
    cell, client = watched.cell, watched.cell.client
    episode = watched.rests()
    watched.positions[:-1] = []
    cell.answer_with(bad.chunk(cell.chunk_shape), bad.late_s)
    client.wait_for("hold", lambda: cell.is_held, WAIT_S)
    assert client.status is not None
    assert client.safety is not None
    if is_starved(client.safety) or client.status.episode != episode:
        return False
    assert client.safety.rule == "no_chunk", client.safety
    return cell.answered > 0


@pytest.mark.parametrize("bad", BAD_CHUNKS, ids=lambda bad: bad.name)
def test_it_is_refused_and_moves_nothing(watched: Watched, bad: BadChunk) -> None:
    refused = watched.refusals(bad.words)
    for _ in range(TRIES):
        was_alone = held_by_bad(watched, bad)
        moved_rad = watched.moved_rad
        watched.end()
        if was_alone:
            break
    assert was_alone, f"disturbed {TRIES} times in a row"
    assert moved_rad < STILL_RAD
    assert watched.refusals(bad.words) > refused


def test_a_good_chunk_in_the_same_place_moves_the_arm(watched: Watched) -> None:
    watched.rests()
    watched.positions[:-1] = []
    watched.cell.answer_with(sideways(watched.cell.chunk_shape))
    watched.cell.client.wait_for("motion", lambda: watched.moved_rad > 2 * STILL_RAD, WAIT_S)
    watched.end()
