"""Whatever goes wrong at the wall's clock: the arm is held and says by which rule, the episode is
invalid, nothing goes on by itself, and a person's resume lets it go on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.status import INVALID, Phase
from dsrl_ros.paths import catalog
from dsrl_ros.session import GraphSession, SessionOptions
from dsrl_sim.faults import FAULTS, Cell, Fault

TASK = "franka_pick"
OPTIONS = SessionOptions(realtime=True, overrides=("chunk_player.chunk_wait_s=1.5",))


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cell]:
    known = catalog()
    shape = known.policy(known.task(TASK).policy).chunk_shape
    with GraphSession(TASK, tmp_path_factory.mktemp("run"), 3, OPTIONS) as session:
        yield Cell(session, shape)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_arm_is_held_until_a_person_resumes(cell: Cell, fault: Fault) -> None:
    client = cell.client
    episode = cell.run()

    cell.held_after(fault)

    assert client.safety is not None
    assert client.safety.rule in fault.rules, client.safety
    assert client.safety.reason
    fault.mend(cell)
    client.wait_for("record", lambda: episode in client.recorded, 20.0)
    assert client.recorded[episode].end_reason == INVALID
    client.spin(0.5)
    assert cell.is_held, "nothing resumes by itself"
    assert not cell.is_in(Phase.RUNNING)
    assert client.status is not None
    assert f"({client.safety.rule})" in client.status.message
    assert "resume" in client.status.message

    cell.resume()
    assert cell.moving() > episode
    cell.end()
    store = EpisodeStore(cell.session.graph.options.out / "episodes")
    assert not store.read(episode).is_valid


def test_resume_is_refused_while_the_cause_stands(cell: Cell) -> None:
    cell.run()
    cell.user_stop(True)
    cell.client.wait_for("hold", lambda: cell.is_held, 10.0)

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
    client.wait_for("hold", lambda: cell.is_held, 5.0)
    number = client.begin("zero", 1, 3, 0)  # type: ignore[arg-type]
    client.spin(1.0)
    assert client.status is not None
    assert (client.status.episode, client.status.phase) == (number, Phase.RESETTING)
    assert "the arm is held (stop)" in client.status.message
    cell.resume()
    assert cell.moving() == number
    cell.end()


def test_resume_of_an_arm_that_is_not_held_says_so(cell: Cell) -> None:
    assert cell.client.resume() == (False, "the arm is not held")
