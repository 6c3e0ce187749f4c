"""What the doctor says of topics, QoS, robot and cameras, from values fed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from franka_msgs.msg import FrankaRobotState
from rclpy.duration import Duration, Infinite
from rclpy.qos import DurabilityPolicy, LivelinessPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from sensor_msgs.msg import JointState

from dsrl_ros import topics
from dsrl_ros.conversions.basics import header
from dsrl_ros.doctor import cameras, inputs, quality, robot, survey
from dsrl_ros.doctor.check import Status
from dsrl_ros.doctor.question import Question
from dsrl_ros.doctor.survey import Arrival, Endpoint, Heard, Survey
from dsrl_ros.paths import catalog

OK, WARN, FAIL, SKIPPED = Status
NOW_NS = 1_700_000_000 * 10**9
RELIABLE = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@pytest.fixture(scope="module")
def question() -> Question:
    return Question.of(catalog(), "franka_pick_vision", "", Path("out"), "", None, 2.0, "")


def arrivals(period_s: float, late_s: float = 0.001, count: int = 50) -> list[Arrival]:
    times = [NOW_NS + round(index * period_s * 1e9) for index in range(count)]
    return [Arrival(time - round(late_s * 1e9), time, index) for index, time in enumerate(times)]


def heard(
    topic: topics.Topic, came: Sequence[Arrival], publishers: Sequence[Endpoint] = (), **more: bool
) -> Survey:
    entry = Heard(topic, tuple(publishers), arrivals=list(came))
    ended_ns = came[-1].received_ns if came else NOW_NS
    return Survey(2.0, ended_ns, {topic.name: entry}, **more)  # type: ignore[arg-type]


def endpoint(node: str, profile: QoSProfile, kind: str = "sensor_msgs/msg/JointState") -> Endpoint:
    return Endpoint(node, kind, "RIHS01_a", profile)


def joints(question: Question) -> inputs.Input:
    return inputs.needed(question)[0]


@pytest.mark.parametrize(
    ("period_s", "late_s", "status"),
    [(0.001, 0.001, OK), (0.03, 0.001, WARN), (0.03, 0.04, FAIL), (0.2, 0.0, FAIL)],
)
def test_rate_and_age_against_the_limit_of_the_robot_file(
    question: Question, period_s: float, late_s: float, status: Status
) -> None:
    wanted = joints(question)
    assert wanted.age_max_s == question.robot.joint_states_age_max_s
    found = heard(wanted.topic, arrivals(period_s, late_s))
    check = inputs.judge_input(question, found, wanted)
    assert check.status is status
    assert check.values["rate_hz"] == pytest.approx(1 / period_s, abs=0.01)


def test_one_long_gap_is_a_warning(question: Question) -> None:
    wanted = joints(question)
    came = arrivals(0.001)
    later = [
        replace(one, stamp_ns=one.stamp_ns + 10**9, received_ns=one.received_ns + 10**9)
        for one in came
    ]
    came += later
    assert inputs.judge_input(question, heard(wanted.topic, came), wanted).status is WARN


def test_a_silent_topic_is_as_bad_as_the_run_is_near(question: Question) -> None:
    wanted = joints(question)
    nobody = heard(wanted.topic, [])
    judge = inputs.judge_input
    assert judge(question, nobody, wanted).status is SKIPPED
    assert judge(replace(question, simulated=True), nobody, wanted).status is SKIPPED
    assert judge(replace(question, simulated=False), nobody, wanted).status is FAIL
    assert judge(replace(question, robot_ip="172.16.0.2"), nobody, wanted).status is FAIL
    stuck = heard(wanted.topic, [], [endpoint("broadcaster", RELIABLE)])
    check = judge(question, stuck, wanted)
    assert check.status is FAIL
    assert "broadcaster" in check.found


def test_simulated_time_is_not_compared_with_the_clock(question: Question) -> None:
    wanted = joints(question)
    far = heard(wanted.topic, arrivals(0.001, late_s=1e9), has_clock=True)
    assert inputs.judge_input(question, far, wanted).status is OK
    assert inputs.judge_skew(question, far, wanted).status is SKIPPED


@pytest.mark.parametrize(
    ("late_s", "status"),
    [(0.001, OK), (-0.002, OK), (0.02, WARN), (-0.02, WARN), (0.5, FAIL), (-3.0, FAIL)],
)
def test_clocks_between_machines(question: Question, late_s: float, status: Status) -> None:
    wanted = joints(question)
    found = heard(wanted.topic, arrivals(0.001, late_s))
    check = inputs.judge_skew(question, found, wanted)
    assert check.status is status
    assert check.values["offset_ms"] == pytest.approx(1e3 * late_s)


def test_a_busy_machine_is_no_wrong_clock(question: Question) -> None:
    wanted = joints(question)
    came = [*arrivals(0.001, 0.05), *arrivals(0.001, 0.001, count=2)]
    assert inputs.judge_skew(question, heard(wanted.topic, came), wanted).status is OK


def test_a_policys_inputs_are_what_is_listened_to(question: Question) -> None:
    names = [wanted.topic.name for wanted in inputs.needed(question)]
    assert topics.policy_image("wrist").name in names
    assert topics.OBJECT_POSE.name not in names
    assert topics.ROBOT_STATE.name in names


@pytest.mark.parametrize(
    ("offered", "requested", "words"),
    [
        (RELIABLE, BEST_EFFORT, ""),
        (BEST_EFFORT, BEST_EFFORT, ""),
        (BEST_EFFORT, RELIABLE, "reliable asked for, best effort offered"),
        (RELIABLE, LATCHED, "latched (transient local) asked for, volatile offered"),
    ],
)
def test_qos_is_explained(offered: QoSProfile, requested: QoSProfile, words: str) -> None:
    why = quality.explain(offered, requested)
    assert (why[0] if why else "") == words


def test_what_is_left_to_the_middleware_is_no_mismatch() -> None:
    """On the wire it has its value; in a profile of ours it has none."""
    on_the_wire = QoSProfile(
        depth=1,
        deadline=Infinite,
        liveliness=LivelinessPolicy.AUTOMATIC,
        liveliness_lease_duration=Infinite,
    )
    assert quality.explain(QoSProfile(depth=1), on_the_wire) is None
    assert quality.explain(on_the_wire, QoSProfile(depth=1)) is None
    leased = QoSProfile(depth=1, liveliness_lease_duration=Duration(seconds=1))
    why = quality.explain(on_the_wire, leased)
    assert why is not None
    assert "lease" in why[0]


def test_a_reliable_subscriber_of_a_best_effort_broadcaster_is_named() -> None:
    entry = Heard(
        topics.CURRENT_POSE,
        (endpoint("broadcaster", BEST_EFFORT),),
        (endpoint("rviz", RELIABLE),),
        requested=topics.CURRENT_POSE.quality.profile(),
    )
    (check,) = quality.judge_quality(Survey(heard={"pose": entry}))
    assert check.status is FAIL
    assert (check.values["publisher"], check.values["subscriber"]) == ("broadcaster", "rviz")
    well = replace(entry, subscriptions=())
    assert quality.judge_quality(Survey(heard={"pose": well}))[0].status is OK
    assert quality.judge_quality(Survey())[0].status is SKIPPED


def test_another_type_or_definition_is_told() -> None:
    kind = "sensor_msgs/msg/JointState"
    entry = Heard(topics.JOINT_STATES, (endpoint("driver", RELIABLE),), own_hash="RIHS01_a")
    assert quality.type_name(JointState) == kind
    assert list(quality.wrong_types(entry, kind)) == []
    assert list(quality.wrong_types(entry, "a/msg/B")) == [f"driver publishes {kind}"]
    (what,) = quality.wrong_types(replace(entry, own_hash="RIHS01_b"), kind)
    assert what == f"driver has another definition of {kind}"


def test_stamps_are_read_from_bytes_and_do_not_change_the_content() -> None:
    first, second = (
        survey.arrival(serialize_message(JointState(header=header(stamp), name=["a"])), 7)
        for stamp in (NOW_NS + 5, NOW_NS + 6)
    )
    assert (first.stamp_ns, first.received_ns) == (NOW_NS + 5, 7)
    assert first.digest == second.digest


@pytest.mark.parametrize(("mode", "status"), [(1, OK), (2, OK), (4, FAIL), (5, FAIL), (9, FAIL)])
def test_modes(mode: int, status: Status) -> None:
    assert robot.judge_mode(mode).status is status


def test_modes_are_those_of_the_message() -> None:
    for number, name in enumerate(robot.MODES):
        assert getattr(FrankaRobotState, f"ROBOT_MODE_{name.upper()}") == number


def test_errors_and_lost_commands() -> None:
    assert robot.judge_errors("", "").status is OK
    assert robot.judge_errors("", "joint_reflex").status is OK
    assert robot.judge_errors("joint_reflex", "").found == "joint_reflex"
    assert robot.judge_errors("joint_reflex", "").status is FAIL
    assert robot.judge_commands_received(0.2, mode=1).status is SKIPPED
    assert robot.judge_commands_received(0.9, mode=2).status is WARN
    assert robot.judge_commands_received(1.0, mode=2).status is OK


def test_joints(question: Question) -> None:
    spec = question.robot
    start = spec.start_joint_positions_rad
    assert robot.judge_joints(spec, spec.joint_names, start).status is OK
    assert robot.judge_joints(spec, spec.joint_names[::-1], start).status is FAIL
    outside = robot.judge_joints(spec, spec.joint_names, (9.0, *start[1:]))
    assert outside.status is FAIL
    assert "fr3_joint1 9.000 rad" in outside.found


def test_gripper_and_command_topic(question: Question) -> None:
    spec, topic = question.robot, topics.TARGET_JOINT
    assert robot.judge_gripper(spec, 0.04, has_homing=True).status is OK
    assert robot.judge_gripper(spec, 0.04, has_homing=False).status is WARN
    assert robot.judge_gripper(spec, 0.2, has_homing=True).status is FAIL
    assert robot.judge_command("crisp_joint", topic, [], 1).status is OK
    assert robot.judge_command("crisp_joint", topic, ["chunk_player"], 1).status is OK
    assert robot.judge_command("crisp_joint", topic, [], 0).status is FAIL
    assert robot.judge_command("crisp_joint", topic, ["chunk_player", "teleop"], 1).status is FAIL


def test_pictures(question: Question) -> None:
    camera = question.policy.cameras[0]
    size = (camera.width, camera.height)
    assert cameras.judge_picture(camera, *size, "rgb8", "").status is OK
    assert cameras.judge_picture(camera, *size, "mono8", "cannot be read").status is FAIL
    resize = cameras.judge_picture(camera, 640, 480, "rgb8", "")
    assert resize.status is FAIL
    assert "fit: pad, crop or stretch" in resize.advice
    assert "resize" in resize.advice
    padded = replace(camera, fit="pad")
    assert cameras.judge_picture(padded, 640, 480, "rgb8", "").status is OK
    assert cameras.judge_unresized(camera, raw=1, resized=1) is None
    unresized = cameras.judge_unresized(camera, raw=1, resized=0)
    assert unresized is not None
    assert unresized.status is FAIL


def test_a_frozen_camera_is_one_whose_stamps_move_and_whose_picture_does_not(
    question: Question,
) -> None:
    camera, living = question.policy.cameras[0], arrivals(0.03)
    frozen = [replace(one, digest=1) for one in living]
    assert cameras.judge_life(camera, living, is_drawn=False).status is OK
    assert cameras.judge_life(camera, frozen, is_drawn=False).status is FAIL
    assert cameras.judge_life(camera, frozen, is_drawn=True).status is OK
    assert cameras.judge_life(camera, living[:1], is_drawn=False).status is SKIPPED
