"""Bad input: it is refused or held with a reason, and the arm never moves because of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from dsrl_core.catalog import Catalog
from dsrl_core.control.chunk_player import ChunkPlayer
from dsrl_core.control.safety import Safety
from dsrl_core.errors import InvalidFile
from dsrl_core.specs import ActionSpec, FieldSpec
from dsrl_core.specs.robot import KeepOutBox
from dsrl_core.types import Decision, Observation
from tests.core.chunk_player_setup import (
    ACTION,
    HORIZON,
    KINEMATICS,
    READY,
    ROBOT,
    T0,
    TICK,
    Bench,
    rows,
)

REAL = Catalog.default().robot("fr3")
"""The arm at the period of a robot, where it rests at the end of a chunk."""
JOINTS = ActionSpec(
    kind="joint_position",
    fields=(FieldSpec("joints", 7), FieldSpec("gripper_width", 1)),
    period_s=0.1,
)
S = 1_000_000_000

Spoil = Callable[[Decision], Decision]


def with_chunk(*values: float, row: int = 1, column: int = 3) -> Spoil:
    """A chunk with other values from a column of a row on."""

    def spoil(decision: Decision) -> Decision:
        chunk = decision.chunk.copy()
        chunk[row, column : column + len(values)] = values
        return replace(decision, chunk=chunk)

    return spoil


def of_time(offset_ns: int) -> Spoil:
    """A chunk that was made of an observation of another time."""

    def spoil(decision: Decision) -> Decision:
        seen = Observation(decision.observation.stamp_ns + offset_ns, decision.observation.values)
        return replace(decision, observation=seen)

    return spoil


BAD: dict[str, tuple[str, Spoil]] = {
    "not a number": ("not finite", with_chunk(np.nan)),
    "infinite": ("not finite", with_chunk(np.inf, row=3, column=4)),
    "from the past": ("another time", of_time(-2 * S)),
    "from the far past": ("another time", of_time(-(10**6) * S)),
    "from the future": ("another time", of_time(S)),
    "from the far future": ("another time", of_time(10**6 * S)),
    "too short": ("wrong shape", lambda d: replace(d, chunk=d.chunk[:3])),
    "too long": ("wrong shape", lambda d: replace(d, chunk=np.vstack([d.chunk, d.chunk]))),
    "too narrow": ("wrong shape", lambda d: replace(d, chunk=d.chunk[:, :4])),
    "empty": ("wrong shape", lambda d: replace(d, chunk=np.zeros((0, 0), dtype=np.float32))),
    "a radian at once": ("jump", with_chunk(1.0)),
    "a metre at once": ("jump", with_chunk(-1.0, column=2)),
    "of another episode": ("another episode", lambda d: replace(d, episode=3)),
    "of another request": ("another sequence", lambda d: replace(d, sequence=d.sequence + 1)),
}


@pytest.mark.parametrize("case", BAD)
def test_a_chunk_that_does_not_fit_is_refused_counted_and_may_come_again(case: str) -> None:
    reason, spoil = BAD[case]
    bench = Bench()
    bench.player.tick(T0, READY)
    good = bench.decision(rows(0.0, 0.0, 0.0))
    assert bench.player.load(spoil(good)).startswith(reason)
    assert bench.player.refused == {reason: 1}
    assert bench.player.load(good) is None
    assert bench.player.load(good).startswith("not asked for")


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("robot", [ROBOT, REAL], ids=["lock_step", "robot"])
def test_the_arm_does_with_a_bad_chunk_just_what_it_does_without_one(case, robot) -> None:
    """At rest, and in the motion of a good chunk before it, to the bit."""
    spoil = BAD[case][1]
    spoiled, waiting = Bench(robot=robot), Bench(robot=robot)
    for bench in (spoiled, waiting):
        bench.tick()
        good = bench.decision(rows(0.01, 0.0, 0.0))
        if bench is spoiled:
            assert bench.player.load(spoil(good)) is not None
        bench.tick()
        np.testing.assert_array_equal(bench.measured, READY)
        assert bench.player.load(good) is None
        while bench.player.pending is None:
            bench.tick()
        if bench is spoiled:
            bench.player.load(spoil(bench.decision(rows(0.01, 0.0, 0.0))))
        for _ in range(60):
            bench.tick()
    for one, other in zip(spoiled.set_points, waiting.set_points, strict=True):
        np.testing.assert_array_equal(one.joint_positions, other.joint_positions)
    assert spoiled.safety.report() == waiting.safety.report()
    assert not spoiled.safety.motion.velocity.any()


def test_positions_for_an_arm_that_stands_elsewhere_do_not_move_this_one() -> None:
    bench = Bench(action=JOINTS, robot=REAL)
    bench.tick()
    there = READY.copy()
    there[0] += 1.0
    chunk = np.array([[*there, 0.08]] * HORIZON)
    refused = bench.player.load(bench.decision(chunk))
    assert refused == "jump: row 0 leads 1 rad at once, at most 0.5"
    for _ in range(50):
        bench.tick()
    np.testing.assert_array_equal(bench.measured, READY)


def test_joints_in_the_wrong_order_are_a_leap() -> None:
    """Chunks have no names; a posture read backwards is far from the arm's own."""
    bench = Bench(action=JOINTS, robot=REAL)
    bench.tick()
    chunk = np.array([[*READY[::-1], 0.08]] * HORIZON)
    assert bench.player.load(bench.decision(chunk)).startswith("jump")


def test_actions_of_another_layout_are_refused() -> None:
    action = replace(ACTION, fields=(FieldSpec("joints", 7),))
    with pytest.raises(InvalidFile, match=r"joints \(7\); expected sizes"):
        ChunkPlayer(ROBOT, action, HORIZON, KINEMATICS, Safety(ROBOT, KINEMATICS))


@pytest.mark.parametrize("measured", [np.full(7, np.nan), np.full(7, np.inf), np.zeros(6)])
def test_a_measurement_that_is_none_brakes_and_ends_the_episode_as_invalid(measured) -> None:
    bench = Bench(robot=REAL)
    bench.run([rows(0.01, 0.0, 0.0)])
    before = bench.measured
    tick = bench.player.tick(bench.now, measured)
    assert (tick.request.reason, tick.request.final) == ("invalid", True)
    assert bench.safety.hold_rule == "finite"
    for _ in range(100):
        bench.now += TICK
        held = bench.player.tick(bench.now, measured).set_point.joint_positions
    np.testing.assert_allclose(held, before, atol=1e-2)  # the way of a brake
    assert not bench.safety.motion.velocity.any()


def test_a_robot_file_with_swapped_limits_is_refused_with_both() -> None:
    low, high = REAL.joint_position_min_rad, REAL.joint_position_max_rad
    with pytest.raises(ValueError, match=r"joint_position_min_rad\[0\] is 2.7437") as refused:
        replace(REAL, joint_position_min_rad=high, joint_position_max_rad=low)
    assert "joint_position_max_rad[0] is -2.7437" in str(refused.value)


def test_every_pair_of_limits_has_to_be_in_order() -> None:
    with pytest.raises(ValueError, match="workspace_min_m"):
        replace(REAL, workspace_min_m=REAL.workspace_max_m, workspace_max_m=REAL.workspace_min_m)
    with pytest.raises(ValueError, match=r"min_m\[2\] is 0.5 and max_m\[2\] is 0.1"):
        KeepOutBox("shelf", (0.0, 0.0, 0.5), (1.0, 1.0, 0.1))
    collision = REAL.collision
    with pytest.raises(ValueError, match="lower_torque_nm"):
        replace(
            collision,
            lower_torque_nm=collision.upper_torque_nm,
            upper_torque_nm=collision.lower_torque_nm,
        )
    with pytest.raises(ValueError, match="start_joint_positions_rad"):
        replace(REAL, start_joint_positions_rad=(3.0,) * 7)


@pytest.mark.parametrize(
    "name", ["joint_velocity_max_rad_s", "joint_acceleration_max_rad_s2", "joint_jerk_max_rad_s3"]
)
@pytest.mark.parametrize("value", [0.0, -2.0])
def test_limits_that_are_not_positive_are_refused(name: str, value: float) -> None:
    limits = (*getattr(REAL, name)[:6], value)
    with pytest.raises(ValueError, match=f"{name} is .*, expected more than 0"):
        replace(REAL, **{name: limits})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_limits_that_are_no_numbers_are_refused(value: float) -> None:
    """Nothing is larger than NaN: such a limit would be none."""
    for name in ("joint_velocity_max_rad_s", "joint_position_min_rad", "workspace_max_m"):
        with pytest.raises(ValueError, match=rf"{name}\.2\n.* finite number"):
            replace(REAL, **{name: (*getattr(REAL, name)[:2], value, *getattr(REAL, name)[3:])})
    for name in ("table_height_m", "tracking_error_max_rad", "force_max_n"):
        with pytest.raises(ValueError, match=rf"{name}\n.* finite number"):
            replace(REAL, **{name: value})


@pytest.mark.parametrize("period_s", [0.001, 0.05])
def test_set_point_periods_that_no_controller_takes_are_refused(period_s: float) -> None:
    with pytest.raises(ValueError, match="set_point_period_s"):
        replace(REAL, set_point_period_s=period_s)
