"""A policy that sees several observations in a row: which measurements each of them is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dsrl_core.specs import CameraSpec, PolicySpec
from dsrl_core.steering.observation import MeasuredJoints
from dsrl_core.steering.policy_inputs import PolicyInputs, Seen, input_of, past_name
from dsrl_core.types import ChunkRequest, Pose
from dsrl_sim.environment import SimulatedRobot
from tests.core.history_setup import seeing_policy, unmoved
from tests.core.steering_setup import CATALOG, small_task

ROBOT = CATALOG.robot("fr3")
PERIOD_NS = 100_000_000
AGE_MAX_NS = 150_000_000
POSE = Pose(np.array([0.4, 0.1, 0.2]), np.array([0.0, 1.0, 0.0, 0.0]))
BEGIN_NS = 10 * PERIOD_NS


def spec_of(steps: int, cameras: tuple[CameraSpec, ...] = ()) -> PolicySpec:
    """Of which only the gripper's width changes here."""
    shipped = CATALOG.policy("franka_pick_flow")
    fields = tuple(part for part in shipped.observation if part.name == "gripper_width")
    return replace(
        shipped,
        observation=fields,
        action=unmoved(shipped.action),
        observation_steps=steps,
        cameras=cameras,
    )


class Cell:
    """Measures the time in periods instead of a width."""

    def __init__(self, steps: int, cameras: tuple[CameraSpec, ...] = ()) -> None:
        self.inputs = PolicyInputs(spec_of(steps, cameras), ROBOT, AGE_MAX_NS)

    def measure(self, *periods: float) -> None:
        for now in periods:
            stamp_ns = round(now * PERIOD_NS)
            self.inputs.put("tool_pose", stamp_ns, POSE)
            self.inputs.put("gripper_width_m", stamp_ns, now)

    def observe(self, now: float, sequence: int, exact: bool = True) -> Seen | None:
        request = ChunkRequest(round(now * PERIOD_NS), 0, sequence, 0, "")
        return self.inputs.observe(request, exact)

    def widths(self, now: float, sequence: int, exact: bool = True) -> list[float]:
        seen = self.observe(now, sequence, exact)
        assert seen is not None
        return [round(float(value), 4) for value in seen.observation.values]


def test_the_newest_comes_first_and_the_others_are_a_period_apart() -> None:
    cell = Cell(steps=3)
    cell.measure(10)
    cell.widths(10, 0)
    cell.measure(11, 12, 13, 14)
    assert cell.widths(14, 1) == [14, 13, 12]


def test_a_young_episode_repeats_its_first_observation() -> None:
    cell = Cell(steps=3)
    cell.measure(8, 9, 10)
    assert cell.widths(10, 0) == [10, 10, 10]
    cell.measure(11)
    assert cell.widths(11, 1) == [11, 10, 10]
    cell.measure(12)
    assert cell.widths(12, 2) == [12, 11, 10]


def test_nothing_of_the_episode_before_leaks_in() -> None:
    cell = Cell(steps=2)
    cell.measure(10)
    cell.widths(10, 0)
    cell.measure(11, 12, 13, 14)
    cell.widths(14, 1)
    cell.measure(14.5)
    assert cell.widths(14.5, 0) == [14.5, 14.5]
    # Nor a measurement of before that was late.
    cell.measure(14.4)
    cell.measure(15.0)
    assert cell.widths(15.0, 1) == [15.0, 14.5]


def test_it_is_the_newest_measurement_not_later_than_its_moment() -> None:
    cell = Cell(steps=2)
    cell.measure(10)
    cell.widths(10, 0, exact=False)
    cell.measure(12.7, 12.85, 13.2, 13.6, 13.9)
    assert cell.widths(14, 1, exact=False) == [13.9, 12.85]
    # A little later is the same moment for a camera whose period trembles.
    cell.measure(13.05)
    assert cell.widths(14, 1, exact=False) == [13.9, 13.05]
    assert cell.widths(14, 1, exact=False) == [13.9, 13.05]


def test_a_past_that_is_too_old_for_its_moment_is_waited_for() -> None:
    cell = Cell(steps=2)
    cell.measure(10)
    cell.widths(10, 0, exact=False)
    cell.measure(14)
    assert cell.observe(14, 1, exact=False) is None
    missing = cell.inputs.missing(14 * PERIOD_NS, exact=False)
    assert missing == "tool_pose (1 before the newest), gripper_width_m (1 before the newest)"
    cell.measure(14.5, 15)
    assert cell.widths(14, 1, exact=False) == [15, 14]


def test_in_lock_step_a_measurement_that_was_missed_is_waited_for() -> None:
    cell = Cell(steps=2)
    cell.measure(10)
    cell.widths(10, 0)
    cell.measure(11, 12, 14)
    assert cell.observe(14, 1) is None
    cell.measure(13)
    assert cell.widths(14, 1) == [14, 13]


def test_stamps_name_every_step_and_are_enough_to_see_the_same_again() -> None:
    cell = Cell(steps=3)
    cell.measure(10)
    cell.widths(10, 0)
    cell.measure(11, 11.5)
    seen = cell.observe(11.7, 1, exact=False)
    assert seen is not None
    assert seen.stamps_ns["gripper_width_m"] == round(11.5 * PERIOD_NS)
    assert seen.stamps_ns[past_name("gripper_width_m", 1)] == 10 * PERIOD_NS
    assert {input_of(name) for name in seen.stamps_ns} == {"tool_pose", "gripper_width_m"}
    again = Cell(steps=3)
    again.measure(*sorted({stamp_ns / PERIOD_NS for stamp_ns in seen.stamps_ns.values()}))
    repeated = again.observe(11.7, 1, exact=False)
    assert repeated is not None
    np.testing.assert_array_equal(repeated.observation.values, seen.observation.values)
    assert repeated.stamps_ns == seen.stamps_ns


def test_images_of_every_camera_and_moment_newest_first() -> None:
    cell = Cell(2, (CameraSpec("scene", 6, 4), CameraSpec("wrist", 6, 4)))
    for now in (10, 11, 12):
        cell.measure(now)
        for camera, offset in (("scene", 0), ("wrist", 100)):
            image = np.full((4, 6, 3), now + offset, dtype=np.uint8)
            cell.inputs.put_image(camera, now * PERIOD_NS, image)
        if now == 10:
            cell.widths(10, 0)
    seen = cell.observe(12, 1)
    assert seen is not None
    assert seen.observation.images is not None
    assert seen.observation.images[:, 0, 0, 0].tolist() == [12, 112, 11, 111]
    assert seen.stamps_ns["wrist@1"] == 11 * PERIOD_NS


def test_what_comes_for_hours_is_not_kept_for_hours() -> None:
    cell = Cell(steps=2)
    cell.measure(*np.arange(10, 400, 0.1))
    # A thousandth of a second apart they would be a few hundred.
    assert max(map(len, cell.inputs._past._stamps.values())) < 60


# In simulation.


@pytest.fixture
def seeing(tmp_path: Path) -> PolicySpec:
    return seeing_policy(tmp_path)


@pytest.fixture
def robot(seeing: PolicySpec) -> Iterator[SimulatedRobot]:
    task = small_task()
    made = SimulatedRobot(task, ROBOT.in_lock_step, seeing)
    yield made
    made.world.close()


def test_a_moment_is_drawn_later_as_it_was(robot: SimulatedRobot) -> None:
    robot.reset(3)
    target = robot.joint_positions
    drawn = [robot.images()]
    ticks = round(0.1 / ROBOT.lock_step_period_s)
    for tick in range(2 * ticks):
        robot.advance(target + 0.01 * tick)
        if (tick + 1) % ticks == 0:
            drawn.append(robot.images())
    now, before = robot.seen
    np.testing.assert_array_equal(now.images, drawn[2])
    np.testing.assert_array_equal(before.images, drawn[1])
    assert not np.array_equal(drawn[1], drawn[2])
    assert isinstance(before.joints, MeasuredJoints)


def test_between_two_actions_the_past_is_the_last_whole_action(robot: SimulatedRobot) -> None:
    robot.reset(3)
    ticks = round(0.1 / ROBOT.lock_step_period_s)
    for _ in range(2 * ticks + 1):
        robot.advance(robot.joint_positions + 0.01)
    (before,) = robot.past()
    assert robot.time_ns - before.stamp_ns == PERIOD_NS + round(1e9 * ROBOT.lock_step_period_s)
    robot.reset(4)
    (before,) = robot.past()
    assert before.stamp_ns == robot.time_ns
