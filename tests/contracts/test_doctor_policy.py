"""What the doctor says of a policy and the robot that it is to move."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dsrl_ros.doctor import policy
from dsrl_ros.doctor.check import Status
from dsrl_ros.doctor.question import Question
from dsrl_ros.paths import catalog

OK, WARN, FAIL, _ = Status


@pytest.fixture(scope="module")
def question() -> Question:
    return Question.of(catalog(), "franka_pick_vision", "", Path("out"), "", None, 2.0, "")


def test_a_policy_that_fits(question: Question) -> None:
    found = [
        policy.judge_weights(question.policy),
        policy.judge_fit(question),
        policy.judge_action(question.policy, question.robot),
        policy.judge_rates(question.policy, question.robot.set_point_period_s),
        *policy.examine_rows(question),
    ]
    assert {check.status for check in found} == {OK}


def test_a_policy_that_does_not_fit(question: Question) -> None:
    spec = question.policy
    action = spec.action
    part = replace(spec.observation[0], name="mood")
    assert policy.judge_weights(replace(spec, weights_sha256="0" * 64)).status is FAIL
    strange = replace(spec, observation=(part, *spec.observation[1:]))
    check = policy.judge_fit(replace(question, policy=strange))
    assert check.status is FAIL
    assert "mood" in check.found
    narrow = replace(action, fields=action.fields[1:])
    assert policy.judge_action(replace(spec, action=narrow), question.robot).status is FAIL
    assert policy.judge_rates(spec, 0.015).status is WARN
    assert policy.judge_rates(spec, 0.2).status is FAIL
    hasty = replace(question, policy=replace(spec, action=replace(action, period_s=0.01)))
    assert policy.examine_rows(hasty)[0].status is WARN


def test_speeds_of_joints_follow_from_the_tools(question: Question) -> None:
    speeds = np.array([0.2, 0.0, 0.0, 0.0])
    once = policy.joint_speeds(question.robot, speeds)
    assert once.shape == (7,)
    assert policy.joint_speeds(question.robot, 2 * speeds) == pytest.approx(2 * once)
    # Ahead and level: the arm's plane does the work, its first joint none.
    assert once[0] == pytest.approx(0.0, abs=1e-3)
    assert once.max() > 0.1


@pytest.mark.parametrize(
    ("latencies_s", "status"), [([0.01] * 40, OK), ([0.01] * 30 + [0.3] * 10, WARN), ([0.5], FAIL)]
)
def test_decisions_in_time(latencies_s: list[float], status: Status) -> None:
    assert policy.judge_latency(latencies_s, chunk_s=0.4).status is status
