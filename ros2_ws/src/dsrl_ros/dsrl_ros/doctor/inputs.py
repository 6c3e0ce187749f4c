"""The robot's topics: alive, often enough, fresh, and on the same clock as this machine."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from dsrl_core.steering.observation import needed_inputs
from dsrl_core.types import NANOSECONDS_PER_SECOND
from dsrl_ros import topics
from dsrl_ros.doctor.check import Check, Probe, Status, Values, fail, ok, skipped, warn
from dsrl_ros.doctor.question import Question
from dsrl_ros.doctor.survey import Arrival, Survey
from dsrl_ros.topics import Topic

_SKEW_WARN_S = 0.005
_EARLIEST_S = 1e9
"""Stamps of before 2001 are of a clock that began with the process."""


@dataclass(frozen=True)
class Input:
    """A topic that a run needs, and how old its newest message may be."""

    topic: Topic
    age_max_s: float
    limit: str
    """Where that limit stands."""
    comes_from: str
    """Who publishes it, for people who miss it."""


def needed(question: Question) -> list[Input]:
    """What a run of this task with this policy listens to."""
    robot, task = question.robot, question.task
    driver = "franka_ros2 (`ros2 launch franka_bringup franka.launch.py`)"
    of_task = partial(Input, age_max_s=task.input_age_max_s, limit="input_age_max_s")
    wanted = [
        Input(topics.JOINT_STATES, robot.joint_states_age_max_s, "joint_states_age_max_s", driver),
        Input(
            topics.ROBOT_STATE,
            robot.robot_state_age_max_s,
            "robot_state_age_max_s",
            f"{driver}, its franka_robot_state_broadcaster",
        ),
        of_task(topics.GRIPPER_STATES, comes_from="franka_gripper"),
        of_task(topics.CURRENT_POSE, comes_from=f"{driver}, its franka_robot_state_broadcaster"),
    ]
    inputs = needed_inputs(question.policy)
    tracker = "your perception: nobody of ours measures where objects are"
    if "object_pose" in inputs:
        wanted.append(of_task(topics.OBJECT_POSE, comes_from=tracker))
    if "goal_pose" in inputs:
        wanted.append(of_task(topics.GOAL_POSE, comes_from=tracker))
    if "joints" in inputs:
        source = f"{driver}, its franka_robot_state_broadcaster"
        wanted.append(of_task(topics.MEASURED_JOINT_STATES, comes_from=source))
    wanted += [
        of_task(topics.policy_image(camera.name), comes_from=f"the {camera.name} camera's driver")
        for camera in question.policy.cameras
    ]
    return wanted


def is_simulated(question: Question, survey: Survey) -> bool:
    """Whether stamps are of simulated time."""
    return survey.has_clock if question.simulated is None else question.simulated


def judge_input(question: Question, survey: Survey, wanted: Input) -> Check:
    """Alive, at which rate and how old."""
    entry = survey.of(wanted.topic)
    name, arrivals = f"inputs.{wanted.topic.name}", entry.arrivals
    expected = (
        f"a message at least every {wanted.age_max_s / 2:g} s, never older than "
        f"{wanted.age_max_s:g} s ({wanted.limit})"
    )
    if not arrivals:
        return _silent(question, survey, wanted, name, expected)
    intervals_s = _intervals_s(arrivals)
    if not intervals_s:
        return warn(
            name,
            f"one message in {survey.listened_s:g} s",
            expected,
            "Is its publisher in lock-step, or stuck?",
            messages=1,
        )
    rate_hz = 1 / statistics.fmean(intervals_s) if sum(intervals_s) > 0 else 0.0
    end_s = (survey.ended_ns - arrivals[-1].received_ns) / NANOSECONDS_PER_SECOND
    gap_s = max(*intervals_s, end_s)
    values: Values = {
        "messages": len(arrivals),
        "rate_hz": round(rate_hz, 2),
        "gap_max_s": round(gap_s, 4),
        "age_max_s": None,
    }
    found = f"{rate_hz:.1f} Hz, longest gap {1e3 * gap_s:.0f} ms"
    if is_simulated(question, survey):
        return ok(name, f"{found}; simulated time", expected, **values)
    late_s = statistics.median(offsets_s(arrivals))
    age_s = gap_s + max(late_s, 0.0)
    values["age_max_s"] = round(age_s, 4)
    found += f", {1e3 * late_s:.1f} ms old on arrival"
    usual_s = statistics.median(intervals_s) + max(late_s, 0.0)
    if usual_s > wanted.age_max_s:
        return fail(
            name,
            found,
            expected,
            "It is always too old: raise its rate at its source, or find what delays it.",
            **values,
        )
    if age_s > wanted.age_max_s or rate_hz < 2 / wanted.age_max_s:
        return warn(
            name,
            found,
            expected,
            "At such a moment the arm holds. A higher rate, a machine with less load, a wire "
            "instead of the air.",
            **values,
        )
    return ok(name, found, expected, **values)


def _silent(question: Question, survey: Survey, wanted: Input, name: str, expected: str) -> Check:
    publishers = survey.of(wanted.topic).publishers
    who = ", ".join(sorted({endpoint.node for endpoint in publishers}))
    if publishers:
        found = f"nothing came in {survey.listened_s:g} s, although {who} offers it"
        advice = f"Look at {who}: is it active? The checks of QoS say whether it can be heard."
        return fail(name, found, expected, advice, messages=0)
    found = "nobody publishes it"
    is_not_asked = question.simulated or (question.simulated is None and not question.robot_ip)
    if is_not_asked and not survey.robot_is_heard:
        return skipped(name, f"{found}; no robot and no simulator runs", messages=0)
    advice = (
        f"It comes from {wanted.comes_from}. Start it in the same ROS domain, or remap its topic "
        f"to {wanted.topic.name}."
    )
    status = Status.WARN if question.simulated else Status.FAIL
    return Check(name, status, found, expected, advice, {"messages": 0})


def judge_skew(question: Question, survey: Survey, wanted: Input) -> Check:
    """The publisher's clock against this machine's: how long before its arrival it was stamped.

    Of all arrivals the quickest: a busy machine makes messages late, and no clock wrong.
    """
    name = "clocks.between_machines"
    expected = f"stamps within {1e3 * _SKEW_WARN_S:g} ms of their arrival"
    arrivals = survey.of(wanted.topic).arrivals
    if not arrivals:
        return skipped(name, f"nothing came on {wanted.topic.name}")
    if is_simulated(question, survey):
        return skipped(name, "simulated time: stamps are not of a clock on the wall")
    advice = (
        "Keep the machines' clocks together: chrony with the robot's machine as the server "
        "(`server ROBOT_PC iburst minpoll 0 maxpoll 2`), or ptp4l and phc2sys on the wire."
    )
    late_s, usual_s = min(offsets_s(arrivals)), statistics.median(offsets_s(arrivals))
    values: Values = {
        "offset_ms": round(1e3 * late_s, 3),
        "offset_median_ms": round(1e3 * usual_s, 3),
        "topic": wanted.topic.name,
    }
    if arrivals[-1].stamp_ns < _EARLIEST_S * NANOSECONDS_PER_SECOND:
        return fail(
            name,
            f"stamps of {wanted.topic.name} count from the start of its publisher",
            expected,
            "Its publisher runs on another time (use_sim_time?): switch that off.",
            **values,
        )
    sense = "before" if late_s >= 0 else "after"
    found = f"stamped {abs(1e3 * late_s):.1f} ms {sense} it came ({wanted.topic.name})"
    if abs(late_s) > question.task.input_age_max_s:
        return fail(name, found, expected, f"No input would be accepted. {advice}", **values)
    if abs(late_s) > _SKEW_WARN_S:
        return warn(name, found, expected, advice, **values)
    return ok(name, found, expected, **values)


def offsets_s(arrivals: Sequence[Arrival]) -> list[float]:
    """How long after its stamp each came [s]; negative: it was stamped in the future."""
    return [(one.received_ns - one.stamp_ns) / NANOSECONDS_PER_SECOND for one in arrivals]


def _intervals_s(arrivals: Sequence[Arrival]) -> list[float]:
    times = [one.received_ns for one in arrivals]
    return [(after - before) / NANOSECONDS_PER_SECOND for before, after in pairwise(times)]


def probes(question: Question, survey: Survey) -> list[Probe]:
    """Of this group."""
    return [
        Probe(f"inputs.{wanted.topic.name}", partial(judge_input, question, survey, wanted))
        for wanted in needed(question)
    ]
