"""The robot itself: its mode, its errors, its joints, who commands it, its gripper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dsrl_core.specs import RobotSpec
from dsrl_ros import topics
from dsrl_ros.command_paths import PATHS
from dsrl_ros.conversions.robot import errors_of
from dsrl_ros.doctor.check import Check, Probe, Values, fail, ok, skipped, warn
from dsrl_ros.doctor.question import Question
from dsrl_ros.doctor.survey import Survey
from dsrl_ros.topics import Topic

MODES: Final = (
    "other",
    "idle",
    "move",
    "guiding",
    "reflex",
    "user_stopped",
    "automatic_error_recovery",
)
"""By number: robot_mode of franka_msgs/FrankaRobotState."""
_READY: Final = ("idle", "move")
_MENDED_BY: Final = {
    "other": "Open Desk: are the joints unlocked and FCI activated, is it in execution mode?",
    "guiding": "Let go of the guiding buttons and switch from programming to execution in Desk.",
    "reflex": "Look why it stopped and clear the cell; then, beside the robot: `ros2 action "
    "send_goal /action_server/error_recovery franka_msgs/action/ErrorRecovery {}`.",
    "user_stopped": "Release the external activation device (the button), and look at the robot.",
    "automatic_error_recovery": "Wait until it has recovered, then look again.",
}
_RATE_MIN: Final = 0.95
_SLACK_M: Final = 0.002


def judge_mode(mode: int) -> Check:
    name, expected = "robot.mode", " or ".join(_READY)
    found = MODES[mode] if 0 <= mode < len(MODES) else f"unknown ({mode})"
    if found in _READY:
        return ok(name, found, expected, mode=found)
    advice = _MENDED_BY.get(found, "This number is not in franka_msgs: update the workspace's.")
    return fail(name, found, expected, advice, mode=found)


def judge_errors(current: str, of_last_motion: str) -> Check:
    """Names of the flags that are up; empty: none."""
    name = "robot.errors"
    values: Values = {"current": current, "last_motion": of_last_motion}
    if current:
        return fail(
            name,
            current,
            "none",
            f"{_MENDED_BY['reflex']} docs/doctor.md tells what each usually means.",
            **values,
        )
    if of_last_motion:
        found = f"none now; the last motion ended by {of_last_motion}"
        return ok(name, found, "none", **values)
    return ok(name, "none", "none", **values)


def judge_commands_received(rate: float, mode: int) -> Check:
    """`control_command_success_rate`, 0..1; it says something while a controller moves the arm."""
    name, expected = "robot.commands_received", f"at least {_RATE_MIN:.0%} of the last 100"
    if not 0 <= mode < len(MODES) or MODES[mode] != "move":
        return skipped(name, "no controller moves the arm")
    if rate >= _RATE_MIN:
        return ok(name, f"{rate:.0%}", expected, rate=rate)
    return warn(
        name,
        f"{rate:.0%}",
        expected,
        "The robot misses commands: see kernel and network. Below some 80 % it stops by itself.",
        rate=rate,
    )


def judge_joints(spec: RobotSpec, names: Sequence[str], positions: Sequence[float]) -> Check:
    """Names and order as in the robot file, positions [rad] within its limits."""
    name = "robot.joints"
    if tuple(names) != spec.joint_names:
        return fail(
            name,
            ", ".join(names) or "no names",
            ", ".join(spec.joint_names),
            "Another robot, another arm prefix, or another order than the robot file says.",
        )
    limits = zip(spec.joint_position_min_rad, spec.joint_position_max_rad, strict=True)
    outside = [
        f"{joint} {value:.3f} rad ({low:g} to {high:g})"
        for joint, value, (low, high) in zip(names, positions, limits, strict=True)
        if not low <= value <= high
    ]
    if outside:
        return fail(
            name,
            ", ".join(outside),
            "every joint within the robot file's limits",
            "Guide the arm back by hand; no motion starts from there.",
        )
    return ok(name, f"{len(names)}, all within their limits")


def judge_gripper(spec: RobotSpec, width_m: float, has_homing: bool) -> Check:
    """`width_m` as reported. Nothing tells whether it was homed; before, widths mean nothing."""
    name, widest = "robot.gripper", spec.gripper_width_max_m
    expected = f"a width of 0 to {widest:g} m, and its actions"
    found = f"{1e3 * width_m:.1f} mm wide"
    home = f"`ros2 action send_goal {topics.GRIPPER}/homing franka_msgs/action/Homing {{}}`"
    if not -_SLACK_M <= width_m <= widest + _SLACK_M:
        return fail(name, found, expected, f"Home it with open fingers: {home}.", width_m=width_m)
    if not has_homing:
        return warn(
            name,
            f"{found}, but there is no homing action",
            expected,
            "Is franka_gripper running in this domain, under the name that the topics say?",
            width_m=width_m,
        )
    return ok(name, f"{found}; home it once after every start of the robot", width_m=width_m)


def judge_command(path: str, topic: Topic, publishers: Sequence[str], listeners: int) -> Check:
    """`publishers`: nodes that command on that topic."""
    name = "robot.command_topic"
    others = sorted({node for node in publishers if node != "chunk_player"})
    values: Values = {"listeners": listeners, "publishers": len(publishers), "topic": topic.name}
    if len(publishers) > 1 or others:
        return fail(
            name,
            f"{topic.name} is commanded by {', '.join(sorted(publishers))}",
            "chunk_player alone",
            "End the other one: two that command an arm make it jump, and crisp_controllers "
            "refuse them.",
            **values,
        )
    if not listeners:
        return fail(
            name,
            f"no controller listens to {topic.name}",
            f"the controller of command_path {path}",
            "Load and activate it: `ros2 control list_controllers` shows its state.",
            **values,
        )
    return ok(name, f"{topic.name}: {listeners} listening", **values)


def probes(question: Question, survey: Survey) -> list[Probe]:
    """Of this group."""
    if not survey.robot_is_heard:
        return [Probe("robot.state", lambda: skipped("robot.state", "no robot is heard"))]

    def state() -> list[Check]:
        message = survey.of(topics.ROBOT_STATE).last_message()
        if message is None:
            why = f"nothing came on {topics.ROBOT_STATE.name}"
            return [skipped("robot.mode", why), skipped("robot.errors", why)]
        return [
            judge_mode(message.robot_mode),
            judge_errors(errors_of(message.current_errors), errors_of(message.last_motion_errors)),
            judge_commands_received(message.control_command_success_rate, message.robot_mode),
        ]

    def joints() -> Check:
        message = survey.of(topics.JOINT_STATES).last_message()
        return judge_joints(question.robot, message.name, message.position)

    def gripper() -> Check:
        message = survey.of(topics.GRIPPER_STATES).last_message()
        if message is None:
            return skipped("robot.gripper", f"nothing came on {topics.GRIPPER_STATES.name}")
        goal = f"{topics.GRIPPER}/homing/_action/send_goal"
        has_homing = any(name.endswith(f"/{goal}") for name in survey.services)
        return judge_gripper(question.robot, sum(message.position), has_homing)

    def command() -> Check:
        path = question.robot.command_path
        entry = survey.of(PATHS[path].topic)
        nodes = [endpoint.node for endpoint in entry.publishers]
        return judge_command(path, entry.topic, nodes, len(entry.subscriptions))

    return [
        Probe("robot.mode", state),
        Probe("robot.joints", joints),
        Probe("robot.gripper", gripper),
        Probe("robot.command_topic", command),
    ]
