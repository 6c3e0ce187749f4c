"""Of the episode manager's status only the newest is kept for a process that is busy: what it does
must not rest on having heard every one of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from dsrl_core.control.ahead import AnswerTimes
from dsrl_core.control.chunk_player import ChunkPlayer
from dsrl_core.control.kinematics import Kinematics
from dsrl_core.control.safety import Safety
from dsrl_core.status import EpisodeStatus, Phase
from dsrl_core.types import to_nanoseconds
from dsrl_ros.conversions.episodes import status_to_message
from dsrl_ros.paths import catalog
from dsrl_ros.playing import Playing
from dsrl_ros.served_node import served_node
from tests.ros.conftest import domain  # noqa: F401

START_NS, LATER_NS = 10**9, 9 * 10**9
LIMIT_NS = 4 * 10**9
HOME = np.array(catalog().robot("fr3").start_joint_positions_rad)


@pytest.fixture
def playing() -> Iterator[Playing]:
    known = catalog()
    robot = known.robot("fr3").in_lock_step
    policy = known.policy("franka_pick_flow")
    kinematics = Kinematics(robot)
    safety = Safety(robot, kinematics)
    player = ChunkPlayer(robot, policy.action, policy.horizon, kinematics, safety)
    answers = AnswerTimes(to_nanoseconds(policy.action.period_s))
    with served_node("player") as node:
        yield Playing(node, player, safety, robot.set_point_period_ns, 0, answers)  # type: ignore[arg-type]


def running(episode: int, started_ns: int) -> EpisodeStatus:
    return EpisodeStatus(
        episode, Phase.RUNNING, started_ns=started_ns, deadline_ns=started_ns + LIMIT_NS
    )


@pytest.mark.parametrize("is_over", [True, False], ids=("over here too", "still played here"))
def test_an_episode_begins_although_the_end_of_the_one_before_was_not_heard(
    playing: Playing, is_over: bool
) -> None:
    playing.follow(status_to_message(running(0, START_NS)))
    assert playing.begin(START_NS, HOME)
    playing.tick(START_NS, HOME)
    if is_over:
        playing.tick(START_NS + LIMIT_NS, HOME)
    assert playing.is_playing

    playing.follow(status_to_message(running(1, LATER_NS)))

    assert not playing.is_playing
    assert playing.begin(LATER_NS, HOME)
    assert playing.is_playing


def test_an_episode_that_runs_on_is_not_begun_again(playing: Playing) -> None:
    playing.follow(status_to_message(running(0, START_NS)))
    assert playing.begin(START_NS, HOME)
    playing.follow(status_to_message(running(0, START_NS)))
    assert playing.is_playing
    assert not playing.begin(START_NS, HOME)
