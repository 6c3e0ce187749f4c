"""Whatever goes wrong at the wall's clock: the arm is held and says by which rule, the episode is
invalid, nothing goes on by itself, and a person's resume lets it go on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dsrl_core.status import Phase
from dsrl_core.types import Mode
from dsrl_sim.cell import WAIT_S, Cell
from dsrl_sim.faults import FAULTS, Fault
from tests.faults.holds_setup import assert_held_until_a_person_resumes, cell_of

# A simulator that is late for want of time is not taken for one that stopped (0.05 s times 40), and
# one that stopped is missed before the chunks that nobody can make without it.
PATIENCE = ("chunk_player.patience=40", "chunk_player.chunk_wait_s=3.5")


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cell]:
    yield from cell_of("franka_pick", tmp_path_factory.mktemp("run"), *PATIENCE)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_arm_is_held_until_a_person_resumes(cell: Cell, fault: Fault) -> None:
    assert_held_until_a_person_resumes(cell, fault)


def test_resume_is_refused_while_the_cause_stands(cell: Cell) -> None:
    cell.run()
    cell.user_stop(True)
    cell.client.wait_for("hold", lambda: cell.is_held, WAIT_S)

    accepted, message = cell.client.resume()

    assert not accepted
    assert "user stopped" in message
    assert cell.is_held
    cell.user_stop(False)
    cell.recover()
    cell.resume()
    cell.end()


def test_stop_holds_an_arm_that_is_at_rest_too_and_no_episode_begins(cell: Cell) -> None:
    client = cell.client
    assert cell.is_in(Phase.IDLE)
    assert client.hold()[0]
    client.wait_for("hold", lambda: cell.is_held, WAIT_S)
    number = client.begin(Mode.ZERO, 1, 3, 0)
    client.spin(1.0)
    assert client.status is not None
    assert (client.status.episode, client.status.phase) == (number, Phase.RESETTING)
    assert "the arm is held (stop)" in client.status.message
    cell.resume()
    assert cell.moving() == number
    cell.end()


def test_resume_of_an_arm_that_is_not_held_says_so(cell: Cell) -> None:
    def is_told() -> bool:
        if cell.is_held:
            cell.resume()
        return cell.client.resume() == (False, "the arm is not held")

    cell.client.wait_for("word", is_told, WAIT_S)
