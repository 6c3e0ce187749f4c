"""Real time: a tick at every period of the wall's clock, on a robot and in simulation alike.

Every tick looks at the inputs first. While nothing is to move no set-point is published: the
controller keeps the last one, and whoever else may move the arm meanwhile is not in its way. The
first set-point of any motion is where the arm was measured.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from dsrl_core.control.chunk_player import ChunkPlayer
from dsrl_core.control.gripper import GripperPlanner
from dsrl_core.control.safety import Safety
from dsrl_core.control.watch import Watch
from dsrl_core.specs import PolicySpec, RobotSpec, TaskSpec
from dsrl_core.start_check import StartCheck
from dsrl_core.types import Float64Array, SetPoint, to_nanoseconds
from dsrl_ros.command_paths import PATHS
from dsrl_ros.gripper_client import GripperClient
from dsrl_ros.node import DsrlNode
from dsrl_ros.parameters import ChunkPlayerParameters
from dsrl_ros.playing import Playing
from dsrl_ros.ptp_travel import PtpTravel
from dsrl_ros.return_motion import ReturnMotion
from dsrl_ros.robot_watch import RobotWatch, watch_processes

_OF_MOTION: Final = ("stale_", "lost_")
"""Rules that hold an arm that moves; to one that stands they are no danger, and a motion that is
begun meanwhile is held at once."""
_STILL_RAD_S: Final = 1e-3
_STILL_TICKS: Final = 10
"""So many set-points at rest are sent before there are none any more."""
_PAUSE_PERIODS: Final = 12
"""A motion begins where the arm is measured, which is a little away from the last set-point of the
one before. After so long a pause a controller takes it for what it is: a new beginning."""


class RealTime:
    """Drives a chunk player by the wall's clock."""

    def __init__(
        self,
        node: DsrlNode[ChunkPlayerParameters],
        robot: RobotSpec,
        task: TaskSpec,
        policy: PolicySpec,
        player: ChunkPlayer,
        safety: Safety,
        playing: Playing,
    ) -> None:
        self._node, self._player, self._safety, self._playing = node, player, safety, playing
        self._chunk_wait_ns = to_nanoseconds(robot.chunk_wait_max_s)
        self._path = PATHS[robot.command_path](node, robot)
        watch = Watch(robot, task, [camera.name for camera in policy.cameras])
        self._watch = watch
        self._inputs = RobotWatch(node, robot, policy.cameras, watch)
        self._planner = GripperPlanner(task.gripper, robot.gripper_width_max_m)
        self._gripper: GripperClient | None = None
        if node.parameters.gripper:
            self._gripper = GripperClient(node, self._planner)
        self._open_m = robot.gripper_width_max_m
        self._start = StartCheck(robot, np.array(robot.start_joint_positions_rad))
        self._return = ReturnMotion(
            node,
            robot,
            player,
            playing,
            PtpTravel(node, robot, watch) if robot.return_path == "ptp_motion" else None,
            node.parameters.return_timeout_s,
            self._why_not_move,
            node.now_ns,
        )
        self._still_ticks = _STILL_TICKS
        self._last_ns = 0
        self._pause_ns = _PAUSE_PERIODS * robot.set_point_period_ns
        self._was_held = self._is_watching = False
        watch_processes(
            node,
            watch,
            {"episode_manager": playing.follow, "noise_actor": playing.take},
        )
        node.wall_timer(robot.set_point_period_s, self._on_period)

    def waits_for(self) -> str:
        missing = self._inputs.waits_for()
        if not missing and self._gripper is not None:
            missing = self._gripper.waits_for()
        problem = None if missing else self._watch.check(self._node.now_ns())
        if problem is not None and problem[0] == "mode":
            # A launch activates the controllers last: that is no reason to hold the arm.
            return f"an arm that may move: {problem[1]}"
        if problem is not None and problem[0].startswith("stale"):
            return problem[1]
        return missing

    def begin(self) -> None:
        """All is there: from now on it is watched."""
        self._is_watching = True

    def press_stop(self, reason: str) -> None:
        self._hold("stop", reason, self._node.now_ns())

    def why_not_resume(self) -> str:
        """Why the arm would be held again at once; empty: it may go on."""
        if problem := self._watch.check(self._node.now_ns()):
            return f"{problem[0]}: {problem[1]}"
        if self._still_ticks < _STILL_TICKS or self._return.is_travelling:
            return "the arm has not come to rest yet"
        self._planner.clear()
        self._was_held = False
        return ""

    def close(self) -> None:
        self._return.close()
        if self._gripper is not None:
            self._gripper.close()

    # A period.

    def _on_period(self) -> None:
        now_ns = self._node.now_ns()
        measured = self._inputs.measured()
        force = self._inputs.force_n(now_ns)
        if self._gripper is not None:
            self._gripper.poll(now_ns)
        if measured is None or not self._is_watching:
            return
        if force is not None:
            self._safety.force(force)
        self._look_for_trouble(now_ns)
        is_free = now_ns - self._last_ns > self._pause_ns and not self._return.is_travelling
        if is_free and self._playing.begin(now_ns, measured):
            self._still_ticks = 0
        may_begin = is_free and self._gripper_is_open()
        self._return.advance(now_ns, measured, may_begin, self._still_ticks > 0)
        is_due = self._playing.is_playing or self._return.wants_set_points
        if is_due or self._still_ticks < _STILL_TICKS:
            self._step(now_ns, measured)
        else:
            self._playing.pace.pause()
        if self._return.wants_open_gripper:
            self._planner.want(self._open_m, now_ns)

    def _step(self, now_ns: int, measured: Float64Array) -> None:
        stamp_ns = self._playing.pace.tick(now_ns)
        self._last_ns = now_ns
        set_point = self._playing.tick(stamp_ns, measured)
        if set_point is None:
            self._still_ticks = _STILL_TICKS
        else:
            self._send(set_point, now_ns)
        if self._playing.hold and not self._was_held:
            # The tick itself held: a rule of safety's own.
            self._hold(self._playing.hold, "", now_ns)

    def _send(self, set_point: SetPoint, now_ns: int) -> None:
        velocities = set_point.joint_velocities
        if set_point.gripper_width_m is not None:
            self._planner.want(set_point.gripper_width_m, now_ns)
        self._path.send(set_point.stamp_ns, set_point.joint_positions, velocities)
        self._playing.sent(set_point)
        is_still = float(np.abs(velocities).max()) < _STILL_RAD_S
        self._still_ticks = self._still_ticks + 1 if is_still else 0

    def _look_for_trouble(self, now_ns: int) -> None:
        """Hold for whatever is wrong with the inputs, the gripper or the wait for a chunk."""
        problem = self._watch.check(now_ns)
        is_moving = (
            self._playing.is_playing or self._return.wants_set_points or self._return.is_travelling
        )
        if problem is not None and not is_moving and problem[0].startswith(_OF_MOTION):
            return
        if problem is None and self._planner.fault is not None:
            problem = "gripper", self._planner.fault
        if problem is None and self._playing.is_playing:
            since_ns = self._player.waits_since_ns
            if since_ns is not None and now_ns - since_ns > self._chunk_wait_ns:
                waited_s = (now_ns - since_ns) * 1e-9
                problem = "no_chunk", f"nothing came for {waited_s:.2f} s"
        if problem is not None and not self._was_held:
            self._hold(*problem, now_ns)
        elif self._playing.hold and not self._was_held:
            self._hold(self._playing.hold, "", now_ns)

    def _hold(self, rule: str, reason: str, now_ns: int) -> None:
        self._was_held = True
        self._planner.halt()
        self._playing.halt(rule, reason, now_ns)

    def _gripper_is_open(self) -> bool:
        return self._gripper is None or not self._start.gripper(self._inputs.width_m())

    def _why_not_move(self) -> str:
        if self._playing.hold:
            return f"the arm is held ({self._playing.hold})"
        return "an episode runs" if self._playing.is_playing else ""
