"""Two simulated robots feed one learner and share one policy server."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.data.ledger import LEDGER, LedgerFollower
from dsrl_core.errors import DsrlError
from dsrl_core.learning.joined import Recordings
from dsrl_core.learning.learner import LearnedTask
from dsrl_core.learning.retrain import retrain
from dsrl_core.policies import load_policy
from dsrl_core.types import Mode, Outcome
from dsrl_ros.cells import SeveralRobots, robots_asked_for
from dsrl_ros.graph import GraphOptions
from dsrl_ros.paths import catalog

ROBOTS = ("left", "right")
LABELLED = (Outcome.SUCCESS, Outcome.FAILURE)
COUNT = 6
FURTHER = 1


def labelled(folder: Path) -> list[int]:
    """Training episodes that a robot has on disk, and a label for."""
    store = EpisodeStore(folder / EPISODES)
    last = {entry.episode: entry.outcome for entry in LedgerFollower(folder / LEDGER).new()}
    return [n for n in store.numbers() if last.get(n) in LABELLED and store.read(n).is_valid]


# Fourteen processes, and all that was learned is learned once more.
@pytest.mark.timeout(900)
def test_every_labelled_episode_of_both_is_learned_from_and_one_may_die(tmp_path: Path) -> None:
    options = GraphOptions("franka_pick", tmp_path, seed=3, robots=ROBOTS)
    told: list[str] = []
    with SeveralRobots(options, told.append) as cells:
        results = cells.run(Mode.TRAIN, COUNT)
        assert not cells.lost, told
        assert {name: len(of_one) for name, of_one in results.items()} == dict.fromkeys(ROBOTS, 6)
        # Different seeds: not the same episodes twice.
        seeds = [
            {EpisodeStore(tmp_path / name / EPISODES).read(n).seed for n in range(COUNT)}
            for name in ROBOTS
        ]
        assert not seeds[0] & seeds[1]

        left, right = (cells.sessions[name] for name in ROBOTS)
        everything = sum(len(labelled(tmp_path / name)) for name in ROBOTS)
        left.client.wait_for(
            "all episodes", lambda: left.learner_status.episodes == everything, 60.0
        )
        assert everything == 2 * COUNT
        version = max(result.weights_version for result in results["right"])

        # A process of the left one's that may not be started again.
        process = left.process_id("franka_sim")
        assert process is not None
        os.kill(process, signal.SIGKILL)
        right.client.wait_for("the end of left", lambda: _is_lost(cells, "left"), 60.0)
        assert set(cells.sessions) == {"right"}
        assert "franka_sim was ended by SIGKILL" in cells.lost["left"]

        results = cells.run(Mode.TRAIN, FURTHER, COUNT)
        assert len(results["right"]) == FURTHER
        right.client.wait_for(
            "the further episodes",
            lambda: right.learner_status.episodes == everything + FURTHER,
            60.0,
        )
        # Learning has gone on, and its weights reach the robot that is left.
        assert results["right"][-1].weights_version > version
        assert cells.process_id("policy_server") is not None
    recordings = Recordings.joined(tmp_path)
    assert len({label.episode for label in recordings.labels}) == everything + FURTHER
    # What was learned from both can be learned again, to the bit.
    known = catalog()
    task = known.task("franka_pick")
    learned = LearnedTask(task, load_policy(known.policy_of(task)))
    again = retrain(tmp_path, learned, options.seed, tmp_path / "again")
    assert (again.episodes, again.equals_live) == (everything + FURTHER, True)


def _is_lost(cells: SeveralRobots, name: str) -> bool:
    cells.check()
    return name in cells.lost


def test_robots_are_asked_for_by_number_or_by_name() -> None:
    assert robots_asked_for("2") == ("robot1", "robot2")
    assert robots_asked_for("left, right") == ROBOTS
    assert robots_asked_for("") == ()
    with pytest.raises(DsrlError, match="expected 1 to 64"):
        robots_asked_for("0")
