"""The frozen policy against the robot and the task: does it fit, is it fast enough?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from dsrl_core.errors import DsrlError
from dsrl_core.policies import check_weights, load_policy
from dsrl_core.specs import PolicySpec, RobotSpec
from dsrl_core.steering.observation import check_fields, needed_inputs
from dsrl_core.types import Float64Array, Mode, Observation
from dsrl_ros.doctor.check import Check, Probe, Values, fail, ok, skipped, warn
from dsrl_ros.doctor.question import Question

LATENCY: Final = "policy.decision_latency"
_DECISIONS: Final = 40
_WARM_UP: Final = 5
_MEASURE_S: Final = 4.0
_SHARE_OF_CHUNK: Final = 0.5
"""A decision that takes longer than this share of a chunk is late once the machine is busy."""
_DISPLACEMENTS: Final = ("tool_delta", "end_effector_delta")
_STEP_RAD: Final = 1e-4


def judge_weights(policy: PolicySpec) -> Check:
    """By their hash, which the policy file pins."""
    name = "policy.weights"
    pinned = policy.weights_sha256
    try:
        check_weights(policy)
    except DsrlError as error:
        advice = "Get the weights again (`git lfs pull`?), or pin these if they are meant."
        return fail(name, str(error), f"sha256 {pinned[:12]}…", advice)
    return ok(name, f"{policy.name}, sha256 {pinned[:12]}… as pinned", sha256=pinned)


def judge_fit(question: Question) -> Check:
    """Observation fields that there are, a noise and features that the task's steering can use."""
    from dsrl_core.steering.task_context import TaskContext

    name, policy, task = "policy.task", question.policy, question.task
    expected = f"what task '{task.name}' and our inputs offer"
    try:
        check_fields(policy, question.robot)
        inputs = needed_inputs(policy)
        context = TaskContext.of(task, policy)
    except DsrlError as error:
        advice = "Choose a policy made for this task, or mend what the message names."
        return fail(name, str(error), expected, advice)
    latent = context.noise_map.latent_size
    found = (
        f"observes {', '.join(inputs)}; noise {policy.noise_shape[0]}x{policy.noise_dim}, "
        f"steered by {latent} numbers"
    )
    return ok(
        name,
        found,
        horizon=policy.horizon,
        noise_dim=policy.noise_dim,
        action_dim=policy.action_dim,
        latent_size=latent,
    )


def judge_action(policy: PolicySpec, robot: RobotSpec) -> Check:
    """Its rows: are their fields those of their kind, for this arm?"""
    from dsrl_core.control.actions import Actions
    from dsrl_core.control.kinematics import Kinematics
    from dsrl_core.control.safety import Safety

    name, action = "policy.action", policy.action
    expected = f"the fields of {action.kind} for {len(robot.joint_names)} joints"
    kinematics = Kinematics(robot)
    try:
        Actions(action, robot.joint_names, kinematics, Safety(robot, kinematics))
    except DsrlError as error:
        advice = "Mend the action's kind or fields in the policy file."
        return fail(name, str(error), expected, advice, kind=action.kind)
    columns = policy.action_dim
    return ok(name, f"{action.kind}, {columns} columns", expected, kind=action.kind, size=columns)


def judge_rates(policy: PolicySpec, set_point_period_s: float) -> Check:
    """An action's time against that of a set-point."""
    name, period_s = "policy.rates", policy.action.period_s
    ticks = period_s / set_point_period_s
    chunk_s = policy.horizon * period_s
    values: Values = {"action_s": period_s, "set_point_s": set_point_period_s, "chunk_s": chunk_s}
    found = (
        f"{policy.horizon} actions of {period_s:g} s, {ticks:g} set-points of "
        f"{set_point_period_s:g} s each"
    )
    expected = "a whole number of set-points for every action, at least one"
    advice = "Change set_point_period_s in the robot file (0.002 to 0.02)."
    if ticks < 1:
        return fail(name, found, expected, advice, **values)
    if abs(ticks - round(ticks)) > 1e-6:
        return warn(name, found, expected, advice, **values)
    return ok(name, found, expected, **values)


def judge_latency(latencies_s: Sequence[float], chunk_s: float) -> Check:
    """Of decisions made in this process, against the time that a chunk lasts."""
    name = LATENCY
    p50, p99 = (float(np.quantile(latencies_s, q)) for q in (0.5, 0.99))
    limit_s = _SHARE_OF_CHUNK * chunk_s
    found = f"p50 {1e3 * p50:.1f} ms, p99 {1e3 * p99:.1f} ms of a chunk's {1e3 * chunk_s:.0f} ms"
    expected = f"p99 below {1e3 * limit_s:.0f} ms, half of the chunk"
    values: Values = {
        "p50_ms": round(1e3 * p50, 2),
        "p99_ms": round(1e3 * p99, 2),
        "decisions": len(latencies_s),
    }
    advice = "A GPU, fewer candidates in the task's steering, or less load beside it."
    if p50 > chunk_s:
        return fail(name, found, expected, f"The arm would wait for each chunk. {advice}", **values)
    if p99 > limit_s:
        return warn(name, found, expected, advice, **values)
    return ok(name, found, expected, **values)


def judge_speed(name: str, robot: RobotSpec, speeds_rad_s: Float64Array, row: str) -> Check:
    """`speeds_rad_s` (joints,): the fastest that each joint moves for a typical row."""
    limits = np.array(robot.joint_velocity_max_rad_s)
    shares = np.abs(speeds_rad_s) / limits
    worst = int(shares.argmax())
    joint = robot.joint_names[worst]
    found = (
        f"{row}: {joint} at {abs(speeds_rad_s[worst]):.2f} of {limits[worst]:g} rad/s "
        f"({shares[worst]:.0%})"
    )
    expected = "typical rows within the joints' velocity limits"
    values: Values = {"share": round(float(shares[worst]), 3), "joint": joint}
    if shares[worst] <= 1:
        return ok(name, found, expected, **values)
    return warn(
        name,
        found,
        expected,
        "Safety will slow the arm down, and the policy sees another robot than it was trained on: "
        "check the scale in the policy file, its period, and the robot file's limits.",
        **values,
    )


def judge_reach(policy: PolicySpec, robot: RobotSpec, row_m: float) -> Check:
    """How far a chunk of typical rows goes (`row_m` each) in the workspace."""
    name, chunk_m = "policy.workspace", policy.horizon * row_m
    box = np.subtract(robot.workspace_max_m, robot.workspace_min_m)
    found = f"a chunk moves {100 * chunk_m:.0f} cm, the workspace is {_box(box)} cm"
    expected = "a chunk within half of the workspace"
    values: Values = {
        "chunk_m": round(chunk_m, 4),
        "workspace_min_side_m": round(float(box.min()), 4),
    }
    if chunk_m <= 0.5 * float(box.min()):
        return ok(name, found, expected, **values)
    advice = "Is the action's scale in metres? Is the workspace that of this cell?"
    return warn(name, found, expected, advice, **values)


def probes(question: Question) -> list[Probe]:
    """Of this group."""
    policy, robot = question.policy, question.robot
    timed = robot.in_lock_step if question.simulated else robot
    return [
        Probe("policy.weights", lambda: judge_weights(policy)),
        Probe("policy.task", lambda: judge_fit(question)),
        Probe("policy.action", lambda: judge_action(policy, robot)),
        Probe("policy.rates", lambda: judge_rates(policy, timed.set_point_period_s)),
        Probe("policy.typical_row", lambda: examine_rows(question)),
        Probe(
            LATENCY,
            lambda: judge_latency(
                decision_latencies_s(question), policy.horizon * policy.action.period_s
            ),
        ),
    ]


def examine_rows(question: Question) -> list[Check]:
    """Speed and reach of rows of typical size (`scale` in the policy file)."""
    name, policy, robot = "policy.typical_row", question.policy, question.robot
    action = policy.action
    scales = np.concatenate([np.full(part.size, part.scale) for part in action.fields])[:-1]
    joints = len(robot.joint_names)
    if action.kind in _DISPLACEMENTS:
        per_s = joint_speeds(robot, scales / action.period_s)
        row = f"{100 * scales[0]:g} cm in {action.period_s:g} s"
        return [judge_speed(name, robot, per_s, row), judge_reach(policy, robot, scales[0])]
    if action.kind in ("joint_delta", "joint_velocity"):
        per_s = scales[:joints] / (action.period_s if action.kind == "joint_delta" else 1.0)
        return [judge_speed(name, robot, per_s, action.kind)]
    return [skipped(name, f"rows of {action.kind} say where to, not how far")]


def joint_speeds(robot: RobotSpec, tool_speeds: Float64Array) -> Float64Array:
    """The fastest that each joint (joints,) [rad/s] moves in the start pose for each of these
    speeds of the tool by itself: x, y, z [m/s], then either yaw or x, y, z [rad/s]."""
    from dsrl_core.control.kinematics import Kinematics

    kinematics = Kinematics(robot)
    start = np.array(robot.start_joint_positions_rad)
    here = kinematics.tool_pose(start)
    columns = []
    for joint in range(len(start)):
        moved = start.copy()
        moved[joint] += _STEP_RAD
        there = kinematics.tool_pose(moved)
        turn = _rotation(here.quaternion_wxyz, there.quaternion_wxyz)
        columns.append(np.concatenate([there.position - here.position, turn]) / _STEP_RAD)
    inverse = np.linalg.pinv(np.array(columns).T)
    axes = [0, 1, 2, 5] if len(tool_speeds) == 4 else list(range(len(tool_speeds)))
    fastest: Float64Array = np.abs(inverse[:, axes] * tool_speeds).max(axis=1)
    return fastest


def decision_latencies_s(question: Question) -> list[float]:
    """Of whole decisions, search included, with steering weights that have learned nothing."""
    import torch

    from dsrl_core.steering.decision_loop import DecisionLoop
    from dsrl_core.steering.steering_model import NetworkSizes, SteeringModel, model_shape
    from dsrl_core.steering.task_context import TaskContext

    # As the node that decides.
    torch.set_num_threads(1)
    policy, spec = load_policy(question.policy), question.policy
    loop = DecisionLoop(question.task, policy, run_seed=0)
    shape = model_shape([TaskContext.of(question.task, spec)], "chunk")
    loop.set_weights(1, SteeringModel(shape, NetworkSizes()).to_bytes())
    images = spec.images_shape and np.zeros(spec.images_shape, dtype=np.uint8)
    seen = Observation(0, np.zeros(spec.observation_size, dtype=np.float32), images)
    latencies: list[float] = []
    until_s = time.monotonic() + _MEASURE_S
    for sequence in range(_DECISIONS + _WARM_UP):
        began_s = time.perf_counter()
        loop.decide(seen, 0, sequence, Mode.TRAIN, 0)
        latencies.append(time.perf_counter() - began_s)
        if time.monotonic() > until_s:
            break
    policy.close()
    return latencies[_WARM_UP:] or latencies


def _rotation(before: Float64Array, after: Float64Array) -> Float64Array:
    """The small rotation (3,) [rad] in the base frame from one quaternion (wxyz) to the next."""
    w, v = before[0], -before[1:]
    vector = after[0] * v + w * after[1:] + np.cross(after[1:], v)
    scalar = float(after[0] * w - after[1:] @ v)
    turn: Float64Array = 2.0 * np.sign(scalar or 1.0) * vector
    return turn


def _box(sides_m: Float64Array) -> str:
    return " x ".join(f"{100 * side:.0f}" for side in sides_m)
