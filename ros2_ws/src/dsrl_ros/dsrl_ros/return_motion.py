"""The action that brings the arm to a start pose: the gripper opened first, then by set-points, or
by the robot's own motion where the robot file says so and it is there."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from rclpy.action import ActionServer, CancelResponse
from rclpy.node import Node
from rclpy.task import Future

from dsrl_core.control.chunk_player import ChunkPlayer
from dsrl_core.specs import RobotSpec
from dsrl_core.start_check import JOINT_TOLERANCE_RAD
from dsrl_core.types import NANOSECONDS_PER_SECOND, Float64Array
from dsrl_interfaces.action import ReturnToStart
from dsrl_ros import topics
from dsrl_ros.command_paths import PATHS
from dsrl_ros.playing import Playing
from dsrl_ros.ptp_travel import PtpTravel

_FEEDBACK_NS: Final = NANOSECONDS_PER_SECOND // 5
_IGNORED_NS: Final = 30 * NANOSECONDS_PER_SECOND
"""A controller that hears nobody while two publish (crisp's) takes who died for alive until the
lease of its DDS participant is over, 20 s."""
_TRY_AGAIN_NS: Final = 2 * NANOSECONDS_PER_SECOND
_FOLLOWS_RAD: Final = 0.02
_SETTLE_NS: Final = NANOSECONDS_PER_SECOND
"""A controller may take so long to bring the arm to where its last set-point is."""


@dataclass
class _Motion:
    handle: Any
    ended: Future
    joints: Float64Array
    until_ns: int
    stood: Float64Array
    """Where the arm was when its set-points began."""
    moves: bool = False
    """It has begun."""
    travels: bool = False
    """By the robot's own motion; otherwise by set-points."""
    word: str = ""
    """What to know of it although it succeeds."""
    ignored_ns: int | None = None
    """Since when nobody follows them."""
    not_before_ns: int = 0
    """When they may begin again."""
    still_ns: int | None = None
    """Since when they stand."""
    told_ns: int = 0


class ReturnMotion:
    """The latest goal; `advance` with every tick of the chunk player."""

    def __init__(
        self,
        node: Node,
        robot: RobotSpec,
        player: ChunkPlayer,
        playing: Playing,
        travel: PtpTravel | None,
        timeout_s: float,
        refusal: Callable[[], str],
        now_ns: Callable[[], int],
    ) -> None:
        """`travel`: how it is to be done, or None: by set-points; `refusal`: why the arm may not
        move at all now, or empty."""
        self._node, self._player, self._playing = node, player, playing
        self._travel = travel
        self._refusal, self._now_ns = refusal, now_ns
        self._not_followed = (
            f"the arm does not follow its set-points ({PATHS[robot.command_path].topic.name}): is "
            "its controller active, and does nobody else publish there?"
        )
        self._default = np.array(robot.start_joint_positions_rad)
        self._low = np.array(robot.joint_position_min_rad)
        self._high = np.array(robot.joint_position_max_rad)
        self._timeout_ns = round(timeout_s * NANOSECONDS_PER_SECOND)
        self._motion: _Motion | None = None
        self._server = ActionServer(
            node,
            ReturnToStart,
            topics.RETURN_ACTION,
            self._execute,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )

    @property
    def wants_open_gripper(self) -> bool:
        return self._motion is not None

    @property
    def wants_set_points(self) -> bool:
        """Whether the player's set-points are due for it."""
        return self._motion is not None and self._motion.moves and not self._motion.travels

    @property
    def is_travelling(self) -> bool:
        """Whether the robot moves by itself, or is given back after that: no set-points now."""
        return self._travel is not None and self._travel.is_under_way

    def advance(self, now_ns: int, measured: Float64Array, may_begin: bool, is_still: bool) -> None:
        """Begin to move once it may, and see whether the arm has arrived.

        `may_begin`: the gripper is open and no other motion ends yet; `is_still`: the set-points
        do not move any more.
        """
        if self._travel is not None:
            self._travel.poll()
        motion = self._motion
        if motion is None:
            return
        error = float(np.abs(measured - motion.joints).max())
        if why := self._refusal():
            self._end(False, why, error)
        elif motion.handle.is_cancel_requested:
            self._end(False, "cancelled", error)
        elif now_ns > motion.until_ns:
            what = "the arm has not arrived" if motion.moves else "the gripper has not opened"
            self._end(False, f"{what} in time", error)
        elif not motion.moves:
            self._tell(motion, now_ns, error)
            if may_begin and now_ns >= motion.not_before_ns:
                self._begin(motion, now_ns, measured)
        elif motion.travels:
            self._look_after_travel(motion, now_ns, error)
        else:
            self._look(motion, now_ns, measured, is_still)

    def _begin(self, motion: _Motion, now_ns: int, measured: Float64Array) -> None:
        travel = self._travel
        if travel is not None:
            if missing := travel.missing():
                motion.word = f"by set-points, because there is {missing}"
                self._node.get_logger().warning(f"the arm returns {motion.word}")
            elif why := travel.forbidden(measured, motion.joints):
                error = float(np.abs(measured - motion.joints).max())
                self._end(False, why, error)
                return
            else:
                motion.moves = motion.travels = True
                travel.begin(measured, motion.joints)
                return
        motion.moves, motion.stood = True, measured.copy()
        self._playing.begin_return(now_ns, measured, motion.joints)

    def _look_after_travel(self, motion: _Motion, now_ns: int, error: float) -> None:
        assert self._travel is not None
        if self._travel.is_under_way:
            self._tell(motion, now_ns, error)
        elif problem := self._travel.problem:
            self._end(False, problem, error)
        elif error > JOINT_TOLERANCE_RAD:
            self._end(False, f"a joint stands {error:.3f} rad away from its start", error)
        else:
            self._end(True, "", error)

    def _try_again(self, motion: _Motion, now_ns: int, error: float) -> None:
        """Not with set-points that stay ahead: the arm would leap to them once it is let."""
        if motion.ignored_ns is None:
            motion.ignored_ns = now_ns
            self._node.get_logger().warning(f"{self._not_followed}: tried again")
        if now_ns - motion.ignored_ns > _IGNORED_NS:
            self._end(False, self._not_followed, error)
            return
        self._player.end_return()
        motion.moves, motion.still_ns = False, None
        motion.not_before_ns = now_ns + _TRY_AGAIN_NS
        motion.until_ns = max(motion.until_ns, motion.not_before_ns + self._timeout_ns)

    def _look(self, motion: _Motion, now_ns: int, measured: Float64Array, is_still: bool) -> None:
        error = float(np.abs(measured - motion.joints).max())
        if is_still and error <= JOINT_TOLERANCE_RAD:
            self._end(True, motion.word, error)
            return
        motion.still_ns = (motion.still_ns or now_ns) if is_still else None
        state = self._player.return_state
        is_over = motion.still_ns is not None and now_ns - motion.still_ns > _SETTLE_NS
        has_moved = float(np.abs(measured - motion.stood).max()) > _FOLLOWS_RAD
        if not has_moved and (state == "ignored" or (is_over and state == "arrived")):
            self._try_again(motion, now_ns, error)
        elif is_over:
            away = f"a joint stands {error:.3f} rad away from its start"
            told = {"blocked": "safety stops the arm, ", "ignored": "the arm does not follow, "}
            self._end(False, told.get(state, "") + away, error)
        else:
            self._tell(motion, now_ns, error)

    def _tell(self, motion: _Motion, now_ns: int, error: float) -> None:
        if now_ns - motion.told_ns >= _FEEDBACK_NS:
            motion.told_ns = now_ns
            motion.handle.publish_feedback(ReturnToStart.Feedback(distance_rad=error))

    def _end(self, success: bool, message: str, error: float) -> None:
        motion, self._motion = self._motion, None
        assert motion is not None
        if motion.travels and self._travel is not None:
            self._travel.stop(message)
        elif motion.moves and not success:
            self._player.end_return()
        motion.ended.set_result((success, message, error))

    async def _execute(self, handle: Any) -> ReturnToStart.Result:
        joints = np.array(handle.request.joint_positions, dtype=np.float64)
        if joints.size == 0:
            joints = self._default
        why = self._unfit(joints) or self._refusal()
        if why:
            handle.abort()
            return ReturnToStart.Result(success=False, message=why, error_rad=math.nan)
        if self._motion is not None:
            # Whoever cancelled that one may be quicker with the next than the tick that sees it.
            self._end(False, "another return was asked for", math.nan)
        now_ns = self._now_ns()
        ended = Future()
        self._motion = _Motion(handle, ended, joints, now_ns + self._timeout_ns, joints)
        success, message, error = await ended
        if success:
            handle.succeed()
        elif handle.is_cancel_requested:
            handle.canceled()
        else:
            handle.abort()
        return ReturnToStart.Result(success=success, message=message, error_rad=error)

    def _unfit(self, joints: Float64Array) -> str:
        if joints.shape != self._default.shape or not np.isfinite(joints).all():
            return f"joint_positions {joints.tolist()}, expected {self._default.size} finite values"
        if (joints < self._low).any() or (joints > self._high).any():
            return (
                f"joint_positions {joints.tolist()}, expected them within {self._low.tolist()} "
                f"and {self._high.tolist()}"
            )
        return ""

    def close(self) -> None:
        self._server.destroy()
        if self._travel is not None:
            self._travel.close()
