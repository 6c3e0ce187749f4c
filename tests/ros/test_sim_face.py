"""What a client of franka_ros2 sees of the simulated arm in real time: a real process, real DDS."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
from action_msgs.msg import GoalStatus
from franka_msgs.msg import FrankaRobotState
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image, JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from dsrl_core.types import Float64Array
from dsrl_interfaces.srv import ResetWorld
from dsrl_ros.conversions.basics import time_from_message
from dsrl_sim.rendering import RendererMissing, available_backend
from tests.ros.sim_face_setup import Client, joint_message

IDLE, MOVE, REFLEX = (
    FrankaRobotState.ROBOT_MODE_IDLE,
    FrankaRobotState.ROBOT_MODE_MOVE,
    FrankaRobotState.ROBOT_MODE_REFLEX,
)
USER_STOPPED = FrankaRobotState.ROBOT_MODE_USER_STOPPED
BROADCASTER = "franka_robot_state_broadcaster"
SUCCEEDED, ABORTED = GoalStatus.STATUS_SUCCEEDED, GoalStatus.STATUS_ABORTED


@pytest.fixture(scope="module")
def arm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with Client.of_process(tmp_path_factory.mktemp("sim")) as client:
        yield client


@pytest.fixture(autouse=True)
def ready(arm: Client) -> None:
    """In `move`, as a robot that was launched with its controllers."""
    arm.wait("mode move", lambda: arm.mode == MOVE)


@pytest.mark.parametrize(
    ("topic", "kind", "reliable"),
    [
        ("franka/joint_states", JointState, True),
        ("joint_states", JointState, True),
        ("franka_gripper/joint_states", JointState, True),
        (f"{BROADCASTER}/robot_state", FrankaRobotState, True),
        (f"{BROADCASTER}/current_pose", PoseStamped, False),
        (f"{BROADCASTER}/last_desired_pose", PoseStamped, False),
        (f"{BROADCASTER}/desired_end_effector_twist", TwistStamped, False),
        (f"{BROADCASTER}/measured_joint_states", JointState, False),
        (f"{BROADCASTER}/desired_joint_states", JointState, False),
        (f"{BROADCASTER}/external_joint_torques", JointState, False),
        (f"{BROADCASTER}/external_wrench_in_base_frame", WrenchStamped, False),
        (f"{BROADCASTER}/external_wrench_in_stiffness_frame", WrenchStamped, False),
    ],
)
def test_every_state_topic_has_its_type_and_quality_and_a_stamp_of_now(
    arm: Client, topic: str, kind: type, reliable: bool
) -> None:
    began_s = time.time()
    message = arm.hear(kind, topic)
    (info,) = arm.node.get_publishers_info_by_topic(topic)
    expected = ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
    assert info.qos_profile.reliability == expected
    assert info.qos_profile.durability == DurabilityPolicy.VOLATILE
    stamp_s = time_from_message(message.header.stamp) * 1e-9
    assert began_s - 2.0 < stamp_s < time.time() + 0.01


def test_joints_have_franka_ros2s_names(arm: Client) -> None:
    names = [f"fr3_joint{number}" for number in range(1, 8)]
    fingers = ["fr3_finger_joint1", "fr3_finger_joint2"]
    assert arm.joints.name == arm.state.measured_joint_state.name == names
    merged = arm.hear(JointState, "joint_states")
    assert merged.name == [*names, *fingers]
    assert len(merged.position) == len(merged.velocity) == len(merged.effort) == 9


def test_the_state_says_what_the_physics_knows(arm: Client) -> None:
    state = arm.state
    assert state.o_t_ee.header.frame_id == state.o_f_ext_hat_k.header.frame_id == "fr3_link0"
    assert state.f_t_ee.header.frame_id == "fr3_link8"
    assert state.f_t_ee.pose.position.z == pytest.approx(0.1034)
    assert state.k_f_ext_hat_k.header.frame_id == "fr3_hand_tcp"
    assert state.inertia_ee.inertia.m == pytest.approx(0.7126, abs=1e-3)
    assert state.o_t_ee.pose.position.z == pytest.approx(state.o_t_ee_d.pose.position.z, abs=1e-3)
    assert state.elbow.position[1] == -1.0
    assert abs(state.measured_joint_state.effort[1]) > 5.0
    assert 0.0 <= state.control_command_success_rate <= 1.0
    assert not arm.errors


# Set-points.


def stream(arm: Client, way: Float64Array, ticks: int) -> Float64Array:
    """A smooth way along `way` (7,); where it began."""
    start, begin_ns = arm.at_rest(), time.time_ns()
    for tick in range(ticks + 1):
        share = 0.5 * (1.0 - np.cos(np.pi * tick / ticks))
        arm.target.publish(joint_message(start + share * way, begin_ns + tick * 10_000_000))
        arm.spin(max(0.0, (begin_ns - time.time_ns()) * 1e-9 + tick * 0.01))
    return start


def test_a_stream_of_joint_targets_is_followed_and_a_jump_is_a_reflex_that_stays(
    arm: Client,
) -> None:
    arm.wait("the controller", lambda: arm.target.get_subscription_count() > 0)
    way = np.array([0.1, 0.0, 0.0, 0.05, 0.0, 0.0, 0.1])
    goal = stream(arm, way, 100) + way
    arm.wait("the end of the way", lambda: bool(np.abs(arm.positions - goal).max() < 1e-3))
    assert arm.mode == MOVE

    held = arm.at_rest()
    for _ in range(5):
        arm.target.publish(joint_message(held + np.eye(7)[3], time.time_ns()))
        arm.spin(0.01)
    arm.wait("reflex", lambda: arm.mode == REFLEX)
    assert len(arm.errors) == 1
    arm.spin(0.8)
    assert arm.mode == REFLEX
    np.testing.assert_allclose(arm.positions, held, atol=1e-3)
    arm.recover()
    assert not arm.errors


def test_two_publishers_of_targets_are_both_ignored(arm: Client) -> None:
    rival = arm.node.create_publisher(JointState, "target_joint", 1)
    arm.wait("the controller", lambda: rival.get_subscription_count() > 0)
    held = arm.at_rest()
    arm.spin(0.3)
    arm.target.publish(joint_message(held + 0.01, 0))
    arm.spin(0.3)
    np.testing.assert_allclose(arm.positions, held, atol=1e-4)
    arm.node.destroy_publisher(rival)


def test_a_trajectory_is_followed_by_names_and_one_that_is_none_is_refused(arm: Client) -> None:
    topic = "fr3_arm_controller/joint_trajectory"
    publisher = arm.node.create_publisher(JointTrajectory, topic, 1)
    arm.wait("the controller", lambda: publisher.get_subscription_count() > 0)
    start = arm.at_rest()
    goal = start + np.array([0.05, 0.0, 0.0, 0.0, 0.0, 0.0, -0.05])
    names = list(reversed(arm.joints.name))
    point = JointTrajectoryPoint(positions=goal[::-1].tolist(), velocities=[0.0] * 7)
    point.time_from_start.nanosec = 600_000_000
    publisher.publish(JointTrajectory(joint_names=names, points=[point]))
    arm.wait("the goal", lambda: bool(np.abs(arm.positions - goal).max() < 1e-3))

    publisher.publish(JointTrajectory(joint_names=names[:6], points=[point]))
    arm.spin(0.3)
    np.testing.assert_allclose(arm.positions, goal, atol=1e-3)
    assert arm.mode == MOVE
    arm.node.destroy_publisher(publisher)


def test_a_pose_target_is_gone_to(arm: Client) -> None:
    publisher = arm.node.create_publisher(PoseStamped, "target_pose", 1)
    arm.wait("the controller", lambda: publisher.get_subscription_count() > 0)
    message: PoseStamped = arm.state.o_t_ee
    message.pose.position.y += 0.01
    wanted_m = message.pose.position.y
    publisher.publish(message)
    arm.wait("the pose", lambda: abs(arm.state.o_t_ee.pose.position.y - wanted_m) < 1e-3)
    arm.node.destroy_publisher(publisher)


# What only a simulator has, and the cameras.


def test_a_reset_lays_the_objects_out_by_its_seed_and_leaves_the_arm_alone(arm: Client) -> None:
    cubes, held = [], arm.at_rest()
    for seed in (5, 6, 5):
        before_ns = time_from_message(arm.joints.header.stamp)
        answer = arm.call(ResetWorld, "franka_sim/reset", seed=seed)
        assert answer.success
        start_ns = time_from_message(answer.stamp)
        assert start_ns >= before_ns
        seen: list[PoseStamped] = []
        while not seen or time_from_message(seen[-1].header.stamp) <= start_ns:
            seen.append(arm.hear(PoseStamped, "object_pose"))
        cubes.append((seen[-1].pose.position.x, seen[-1].pose.position.y))
    assert cubes[0] == pytest.approx(cubes[2], abs=1e-6)
    assert cubes[0] != pytest.approx(cubes[1], abs=1e-3)
    np.testing.assert_allclose(arm.positions, held, atol=1e-3)


@pytest.mark.parametrize("camera", ["wrist_camera", "scene_camera"])
def test_images_come_with_their_intrinsics(arm: Client, camera: str) -> None:
    info = arm.hear(CameraInfo, f"{camera}/camera_info")
    assert (info.width, info.height, info.header.frame_id) == (64, 48, camera)
    assert info.k[2] == 32.0
    try:
        available_backend()
    except RendererMissing as error:
        pytest.skip(str(error))
    image = arm.hear(Image, f"{camera}/image_raw")
    assert (image.width, image.height, image.encoding) == (64, 48, "rgb8")
    assert image.header.frame_id == camera
    assert len(set(bytes(image.data))) > 20
