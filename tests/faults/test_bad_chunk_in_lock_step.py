"""In lock-step, where nothing is ever late, a chunk that cannot be played does not stall a run."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.status import INVALID
from dsrl_core.types import Mode
from dsrl_ros.paths import catalog
from dsrl_ros.session import GraphSession, SessionOptions
from dsrl_sim.cell import WAIT_S, Cell


@pytest.fixture(params=(False, True), ids=("a person resumes", "the automatic operator resumes"))
def recovers(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def cell(recovers: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cell]:
    known = catalog()
    shape = known.policy(known.task("franka_pick").policy).chunk_shape
    options = SessionOptions(overrides=(f"auto_operator.recovers={str(recovers).lower()}",))
    with GraphSession("franka_pick", tmp_path_factory.mktemp("run"), 3, options) as session:
        yield Cell(session, shape)


def test_it_ends_the_episode_and_the_next_one_runs(cell: Cell, recovers: bool) -> None:
    client = cell.client
    cell.pause("noise_actor")
    cell.answer_also(np.full(cell.chunk_shape, np.nan, np.float32))

    bad = client.begin(Mode.ZERO, 2, 3, 0)

    client.wait_for("hold", lambda: cell.is_held, WAIT_S)
    assert client.safety is not None
    assert client.safety.rule == "bad_chunk"
    assert "not finite" in client.safety.reason
    cell.answer_nothing_also()
    cell.go_on()
    if not recovers:
        cell.resume()
    store = EpisodeStore(cell.session.graph.options.out / EPISODES)
    client.wait_for("record", lambda: bad in client.recorded, WAIT_S)
    assert client.recorded[bad].end_reason == INVALID
    assert not store.read(bad).is_valid

    def good() -> list[int]:
        return [number for number in client.recorded if store.read(number).is_valid]

    client.wait_for("two good episodes", lambda: len(good()) == 2, WAIT_S)
