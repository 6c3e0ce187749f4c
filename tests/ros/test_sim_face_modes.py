"""Modes of the simulated arm: provoked, kept until a person ends them, and what they allow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from action_msgs.msg import GoalStatus
from franka_msgs import srv
from franka_msgs.action import ErrorRecovery, PTPMotion
from franka_msgs.msg import FrankaRobotState, TargetStatus
from geometry_msgs.msg import WrenchStamped
from std_srvs.srv import Trigger

from tests.ros.sim_face_setup import Client, joint_message

IDLE, MOVE, REFLEX, USER_STOPPED = (
    FrankaRobotState.ROBOT_MODE_IDLE,
    FrankaRobotState.ROBOT_MODE_MOVE,
    FrankaRobotState.ROBOT_MODE_REFLEX,
    FrankaRobotState.ROBOT_MODE_USER_STOPPED,
)
SUCCEEDED, ABORTED = GoalStatus.STATUS_SUCCEEDED, GoalStatus.STATUS_ABORTED


@pytest.fixture(scope="module")
def arm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with Client.of_process(tmp_path_factory.mktemp("sim")) as client:
        yield client


@pytest.fixture(autouse=True)
def ready(arm: Client) -> None:
    """In `move`, as a robot that was launched with its controllers."""
    arm.wait("mode move", lambda: arm.mode == MOVE)


def test_a_push_above_the_threshold_is_a_reflex_and_a_recovery_is_refused_in_move(
    arm: Client,
) -> None:
    result = arm.do(ErrorRecovery, "action_server/error_recovery")
    assert result.status == ABORTED
    message = WrenchStamped()
    message.wrench.force.z = -20.0
    arm.push.publish(message)
    arm.wait("the force", lambda: arm.state.o_f_ext_hat_k.wrench.force.z > 18.0)
    assert arm.mode == MOVE
    message.wrench.force.z = -35.0
    arm.push.publish(message)
    contact = arm.state.collision_indicators.is_cartesian_linear_contact
    arm.wait(
        "contact",
        lambda: arm.state.collision_indicators.is_cartesian_linear_contact.z == 1.0,
    )
    assert contact.x == 0.0
    assert arm.mode == MOVE
    message.wrench.force.z = -80.0
    arm.push.publish(message)
    arm.wait("reflex", lambda: arm.mode == REFLEX)
    assert "cartesian_reflex" in arm.errors
    arm.push.publish(WrenchStamped())
    arm.spin(0.5)
    assert arm.mode == REFLEX
    arm.recover()
    assert arm.state.last_motion_errors.cartesian_reflex


def test_thresholds_are_set_while_idle_only_and_count_then(arm: Client) -> None:
    request: dict[str, Any] = {
        "lower_torque_thresholds_nominal": [20.0] * 7,
        "upper_torque_thresholds_nominal": [80.0] * 7,
        "lower_force_thresholds_nominal": [5.0] * 6,
        "upper_force_thresholds_nominal": [10.0] * 6,
    }
    kind = srv.SetForceTorqueCollisionBehavior
    name = "service_server/set_force_torque_collision_behavior"
    refused = arm.call(kind, name, **request)
    assert not refused.success
    assert 'current mode ("Move")' in refused.error
    arm.switch("controllers", on=False)
    arm.wait("idle", lambda: arm.mode == IDLE)
    swapped = {**request, "upper_force_thresholds_nominal": [1.0] * 6}
    assert "above upper" in arm.call(kind, name, **swapped).error
    assert arm.call(kind, name, **request).success
    arm.switch("controllers", on=True)
    arm.wait("move", lambda: arm.mode == MOVE)
    message = WrenchStamped()
    message.wrench.force.x = 15.0
    arm.push.publish(message)
    arm.wait("reflex", lambda: arm.mode == REFLEX)
    arm.push.publish(WrenchStamped())
    assert arm.call(Trigger, "franka_sim/lose_packets").success
    arm.wait("the second error", lambda: "communication_constraints_violation" in arm.errors)
    arm.recover()
    arm.switch("controllers", on=False)
    arm.wait("idle", lambda: arm.mode == IDLE)
    widened = {**request, "upper_force_thresholds_nominal": [40.0] * 6}
    assert arm.call(kind, name, **widened).success
    arm.switch("controllers", on=True)


def test_the_other_parameters_are_set_while_idle(arm: Client) -> None:
    arm.switch("controllers", on=False)
    arm.wait("idle", lambda: arm.mode == IDLE)
    service = "service_server"
    calls: list[tuple[Any, str, dict[str, Any]]] = [
        (srv.SetJointStiffness, "set_joint_stiffness", {"joint_stiffness": [100.0] * 7}),
        (
            srv.SetCartesianStiffness,
            "set_cartesian_stiffness",
            {"cartesian_stiffness": [200.0] * 6},
        ),
        (srv.SetLoad, "set_load", {"mass": 0.0}),
        (srv.SetTCPFrame, "set_tcp_frame", {"transformation": np.eye(4).ravel()}),
        (srv.SetStiffnessFrame, "set_stiffness_frame", {"transformation": np.eye(4).ravel()}),
    ]
    for kind, name, request in calls:
        assert arm.call(kind, f"{service}/{name}", **request).success, name
    assert not arm.call(srv.SetLoad, f"{service}/set_load", mass=-1.0).success
    assert not arm.call(srv.SetTCPFrame, f"{service}/set_tcp_frame").success
    arm.switch("controllers", on=True)


def test_the_user_stop_holds_until_it_is_released(arm: Client) -> None:
    arm.switch("user_stop", on=True)
    arm.wait("user stop", lambda: arm.mode == USER_STOPPED)
    held = arm.at_rest()
    arm.target.publish(joint_message(held + 0.01, time.time_ns()))
    arm.spin(0.8)
    assert arm.mode == USER_STOPPED
    np.testing.assert_allclose(arm.positions, held, atol=1e-3)
    assert arm.do(ErrorRecovery, "action_server/error_recovery").status == ABORTED
    arm.switch("user_stop", on=False)
    arm.wait("move", lambda: arm.mode == MOVE)


def test_a_point_to_point_motion_needs_an_idle_arm(arm: Client) -> None:
    name = "action_server/ptp_motion"
    goal: dict[str, Any] = {
        "goal_joint_configuration": (arm.at_rest() + 0.03).tolist(),
        "maximum_joint_velocities": [1.0] * 7,
        "goal_tolerance": 0.002,
    }
    refused = arm.do(PTPMotion, name, **goal)
    assert refused.status == ABORTED
    assert refused.result.target_status.status == TargetStatus.ABORTED
    assert "Move" in refused.result.error_message
    arm.switch("controllers", on=False)
    arm.wait("idle", lambda: arm.mode == IDLE)
    feedback: list[Any] = []
    answer = arm.result(arm.begin(PTPMotion, name, feedback, **goal))
    assert answer.status == SUCCEEDED
    assert answer.result.target_status.status == TargetStatus.TARGET_REACHED
    assert {told.target_status.status for told in feedback} == {TargetStatus.EXECUTING}
    np.testing.assert_allclose(arm.positions, goal["goal_joint_configuration"], atol=0.003)
    arm.switch("controllers", on=True)
