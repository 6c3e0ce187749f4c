"""What robot monitors are told of the learner."""

from __future__ import annotations

import pytest

from dsrl_core.health import (
    Level,
    Recording,
    learner_health,
    processes_health,
    rate_text,
    recorder_health,
)
from dsrl_core.status import GuardStatus, LearnerStatus


@pytest.mark.parametrize(
    ("status", "level"),
    [
        (LearnerStatus(), Level.OK),
        (LearnerStatus(alarms=("actor_saturated: the noise sticks",)), Level.WARN),
        (LearnerStatus(alarms=("not_finite: a loss",)), Level.ERROR),
        (LearnerStatus(guard=GuardStatus(acts_as_base=True)), Level.ERROR),
    ],
)
def test_the_level_says_how_bad_it_is(status: LearnerStatus, level: Level) -> None:
    assert learner_health(status, "fr3").level is level


def test_all_that_a_person_asks_first_is_there() -> None:
    guard = GuardStatus(
        restored_from=12, best_version=12, base=(3, 10), evaluated=(4, 4), trained=(18, 20)
    )
    health = learner_health(LearnerStatus(31, 4650, 0, 90.0, 31, alarms=("a", "b")), "fr3")
    assert (health.hardware_id, health.message) == ("fr3", "a; b")
    values = learner_health(LearnerStatus(31, 4650, guard=guard), "fr3").values
    assert values["weights version"] == "31"
    assert values["restored from version"] == "12"
    assert values["success, frozen policy"] == "3 of 10 (30%, 95% interval 8% to 65%)"
    assert values["success, latest training"].startswith("18 of 20 (90%")
    assert health.values["alarm 2"] == "b"


def test_without_episodes_no_rate_is_told() -> None:
    assert rate_text((0, 0)) == "no episodes yet"


def test_processes_that_are_away_are_named() -> None:
    watched = ("noise_actor", "policy_server")
    assert processes_health((), watched, "fr3").level is Level.OK
    health = processes_health(("policy_server",), watched, "fr3")
    assert (health.level, health.message) == (Level.ERROR, "away: policy_server")
    assert health.values == {"noise_actor": "there", "policy_server": "away"}


def test_raw_messages_that_are_missing_warn_and_a_full_disk_is_an_error() -> None:
    assert recorder_health(Recording(3, raw_written=9), "fr3").level is Level.OK
    health = recorder_health(Recording(3, 9, raw_dropped=1, raw_lost=2), "fr3")
    assert health.level is Level.WARN
    assert health.message.startswith("3 raw messages are missing")
    health = recorder_health(Recording(3, raw_lost=1, waiting=4), "fr3")
    assert (health.level, health.message) == (Level.ERROR, "episode 4 waits for the disk")
