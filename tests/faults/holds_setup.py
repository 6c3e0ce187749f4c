"""A graph at the wall's clock in which nobody but the test lets a held arm go on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.status import INVALID, Phase, SafetyStatus
from dsrl_ros.paths import catalog
from dsrl_ros.session import GraphSession, SessionOptions
from dsrl_sim.cell import WAIT_S, Cell
from dsrl_sim.faults import Fault, held_after

TRIES = 5


def cell_of(task: str, folder: Path, *overrides: str) -> Iterator[Cell]:
    known = catalog()
    shape = known.policy(known.task(task).policy).chunk_shape
    given = ("auto_operator.recovers=false", *overrides)
    options = SessionOptions(realtime=True, overrides=given)
    with GraphSession(task, folder, 3, options) as session:
        yield Cell(session, shape)


def held_by(cell: Cell, fault: Fault) -> int:
    """Provoke a fault in an episode until the arm is held by it; the episode's number.

    A simulator that gets no time from its machine is late or has a reflex now and then, before the
    fault or instead.
    """
    for _ in range(TRIES):
        episode = cell.run()
        held_after(cell, fault)
        safety = cell.client.safety
        assert safety is not None
        if safety.rule in fault.rules or not is_starved(safety):
            return episode
        fault.mend(cell)
        cell.resume()
        cell.end()
    raise AssertionError(f"{fault.name}: no time for the simulator in {TRIES} episodes in a row")


def is_starved(safety: SafetyStatus) -> bool:
    """Whether the arm is held because the simulator got no time."""
    return safety.rule in ("stale_joint_states", "stale_robot_state") or (
        safety.rule == "mode" and "(reflex)" in safety.reason
    )


def assert_held_until_a_person_resumes(cell: Cell, fault: Fault) -> None:
    """The arm is held by a rule of the fault's, the episode is invalid, nothing goes on by itself,
    and after a person's resume an arm moves again."""
    client = cell.client

    try:
        episode = held_by(cell, fault)
        assert client.safety is not None
        assert client.safety.rule in fault.rules, client.safety
        assert client.safety.reason
        rule = client.safety.rule
    finally:
        fault.mend(cell)
    client.wait_for("record", lambda: episode in client.recorded, WAIT_S)
    assert client.recorded[episode].end_reason == INVALID
    client.wait_for("its end", lambda: not cell.is_in(Phase.RUNNING), WAIT_S)
    client.spin(0.5)
    assert cell.is_held, "nothing resumes by itself"
    assert not cell.is_in(Phase.RUNNING)
    if not fault.ends_the_run:
        assert client.status is not None
        assert f"({rule})" in client.status.message
        assert "resume" in client.status.message

    cell.resume()
    again = cell.run() if fault.ends_the_run else cell.moving()
    assert again > episode
    cell.end()
    assert not EpisodeStore(cell.session.graph.options.out / "episodes").read(episode).is_valid
