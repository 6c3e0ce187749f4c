"""Where the automatic operator stands in for the person, an automatic hold is not for ever; a stop
is."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from dsrl_core.status import Phase
from dsrl_core.types import Mode
from dsrl_ros import topics
from dsrl_ros.paths import catalog
from dsrl_ros.session import GraphSession, SessionOptions
from dsrl_sim.cell import WAIT_S, Cell
from tests.faults.holds_setup import TRIES

TASK = "franka_pick"
INTO_IT_S = 0.4
HEARD_S = 10.0


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cell]:
    known = catalog()
    shape = known.policy(known.task(TASK).policy).chunk_shape
    # A simulator that is late for want of time is not taken for one that stopped.
    options = SessionOptions(realtime=True, overrides=("chunk_player.patience=40",))
    with GraphSession(TASK, tmp_path_factory.mktemp("run"), 3, options) as session:
        yield Cell(session, shape)


def run(cell: Cell) -> int:
    """Begin a run and let the operator see to it that an episode of it moves; its number."""
    if not cell.is_in(Phase.IDLE):
        cell.end()
    cell.client.wait_for("free arm", lambda: not cell.is_held, WAIT_S)
    cell.client.begin(Mode.ZERO, 0, 3, 0)
    cell.client.wait_for("episode", lambda: cell.is_in(Phase.RUNNING), WAIT_S)
    cell.client.spin(INTO_IT_S)
    assert cell.client.status is not None
    return cell.client.status.episode


def held_without_the_simulator(cell: Cell) -> int:
    """Stop the simulator's process until the arm is held; the number of the episode.

    One that is stopped while it writes to shared memory can keep the others from writing there, so
    that nobody hears of a hold.
    """
    for _ in range(TRIES):
        episode = run(cell)
        cell.pause("franka_sim")
        until_s = time.monotonic() + HEARD_S
        while not cell.is_held and time.monotonic() < until_s:
            cell.client.serve(0.02)
        if cell.is_held:
            return episode
        cell.go_on()
        cell.end()
    raise AssertionError(f"not held in {TRIES} episodes")


def goes_on_after(cell: Cell, episode: int) -> None:
    def is_later() -> bool:
        status = cell.client.status
        return status is not None and status.episode > episode and status.phase is Phase.RUNNING

    cell.client.wait_for("later episode", is_later, WAIT_S)
    cell.end()


def test_a_reflex_is_recovered_from_and_the_run_goes_on(cell: Cell) -> None:
    episode = run(cell)
    cell.reflex()
    cell.client.wait_for("hold", lambda: cell.is_held, WAIT_S)
    goes_on_after(cell, episode)


def test_a_lost_input_is_waited_for_as_long_as_it_takes(cell: Cell) -> None:
    try:
        episode = held_without_the_simulator(cell)
        cell.client.spin(3.0)
        assert cell.is_held, "its cause stands"
    finally:
        cell.go_on()
    goes_on_after(cell, episode)


def test_a_stop_waits_for_a_person(cell: Cell) -> None:
    run(cell)
    cell.client.hold()
    cell.client.spin(4.0)
    assert cell.client.safety is not None
    assert cell.client.safety.rule == "stop"
    cell.resume()
    cell.end()


def test_a_stop_while_the_arm_is_held_already_waits_for_a_person_too(cell: Cell) -> None:
    run(cell)
    cell.user_stop(True)
    cell.client.wait_for("hold", lambda: cell.is_held, WAIT_S)
    cell.client.hold()
    cell.user_stop(False)
    cell.client.spin(4.0)
    assert cell.client.safety is not None
    assert (cell.is_held, cell.client.safety.rule) == (True, "stop")
    cell.recover()
    cell.resume()
    cell.end()


def test_a_return_waits_until_nobody_else_talks_to_the_controller(cell: Cell) -> None:
    """crisp's controllers hear nobody while two publish, and so does the simulator's."""
    run(cell)
    log = cell.session.graph.options.out / "log" / "chunk_player.log"
    node = cell.client.node
    rival = topics.TARGET_JOINT.publisher(node)
    try:
        cell.end()
        cell.client.begin(Mode.ZERO, 0, 3, 0)
        cell.client.wait_for(
            "word", lambda: "does not follow its set-points" in log.read_text(), WAIT_S
        )
        assert cell.is_in(Phase.RESETTING)
    finally:
        node.destroy_publisher(rival)
    cell.client.wait_for("episode", lambda: cell.is_in(Phase.RUNNING), WAIT_S)
    cell.end()


def test_after_the_death_of_the_chunk_player_the_run_goes_on(cell: Cell) -> None:
    """Its publisher counts as alive until its participant's lease is over."""
    episode = run(cell)
    cell.kill("chunk_player")
    goes_on_after(cell, episode)
