"""Plays action chunks on the arm: measured state in, set-points and chunk requests out.

Lock-step: ticks with every measured state of the simulator. Otherwise, on a robot and in real-time
simulation alike: ticks with the clock on the wall, watches its inputs, and holds the arm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import cast

from std_srvs.srv import Trigger

from dsrl_core.control.ahead import AnswerTimes, actions_ahead
from dsrl_core.control.chunk_player import ChunkPlayer
from dsrl_core.control.kinematics import Kinematics
from dsrl_core.control.safety import Safety
from dsrl_core.errors import InvalidValue
from dsrl_core.health import player_health
from dsrl_core.specs import PolicySpec, RobotSpec
from dsrl_core.specs.robot import CommandPath, ReturnPath
from dsrl_core.types import NANOSECONDS_PER_SECOND, to_nanoseconds
from dsrl_ros import topics
from dsrl_ros.command_paths import PATHS
from dsrl_ros.conversions.learning import health_to_message
from dsrl_ros.lock_step import LockStep
from dsrl_ros.node import DsrlNode, spin
from dsrl_ros.parameters import AHEAD_AS_MEASURED, ROBOT_FILE, ChunkPlayerParameters
from dsrl_ros.paths import catalog
from dsrl_ros.playing import Playing
from dsrl_ros.real_time import RealTime
from dsrl_ros.wire_names import with_prefix

_JOIN_NS = NANOSECONDS_PER_SECOND // 2
"""In real time an episode may be joined so late; in lock-step only at its very first tick."""
_TELL_S = 1.0


class ChunkPlayerNode(DsrlNode[ChunkPlayerParameters]):
    """Adapter of `dsrl_core.control`."""

    def __init__(self) -> None:
        super().__init__("chunk_player", ChunkPlayerParameters)
        given = self.parameters
        known = catalog()
        task = known.task(given.task)
        policy = known.policy_of(task, given.policy)
        robot = with_prefix(known.robot(task.robot), given.arm_prefix)
        robot = robot.in_lock_step if given.lock_step else _in_real_time(robot, given)
        kinematics = Kinematics(robot)
        safety = Safety(robot, kinematics)
        self._player = player = ChunkPlayer(
            robot,
            policy.action,
            policy.horizon,
            kinematics,
            safety,
            stops_at_end=not given.lock_step,
        )
        join_ns = 0 if given.lock_step else _JOIN_NS
        ahead_of = _asks_ahead(player, policy, given)
        self._row_ns = to_nanoseconds(policy.action.period_s)
        self._answers = AnswerTimes(self._row_ns)
        period_ns = robot.set_point_period_ns
        self._playing = Playing(self, player, safety, period_ns, join_ns, self._answers, ahead_of)
        self._hardware = f"{self.get_namespace().strip('/')}/{robot.name}".lstrip("/")
        self._diagnostics = topics.DIAGNOSTICS.publisher(self)
        self._drive: LockStep | RealTime
        if given.lock_step:
            self._drive = LockStep(self, robot, policy, player, self._playing)
        else:
            task = replace(task, input_age_max_s=given.patience * task.input_age_max_s)
            self._drive = RealTime(self, robot, task, policy, player, safety, self._playing)
        self.create_service(Trigger, topics.HOLD_SERVICE, self._on_stop)
        self.create_service(Trigger, topics.RESUME_SERVICE, self._on_resume)
        self.wall_timer(_TELL_S, self._tell)

    def waits_for(self) -> str:
        missing = self._drive.waits_for() or self._playing.waits_for()
        if not missing:
            self._drive.begin()
        return missing

    def _on_stop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._drive.press_stop("somebody pressed stop")
        response.success, response.message = True, f"the arm is held ({self._playing.hold})"
        return response

    def _on_resume(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Only a person calls this; the arm goes on with the next reset."""
        if not self._playing.hold:
            response.message = "the arm is not held"
        elif cause := self._drive.why_not_resume():
            response.message = f"not resumed, its cause stands: {cause}"
        else:
            self._playing.resume()
            response.success, response.message = True, "the arm may move again"
        return response

    def _tell(self) -> None:
        self._playing.tell_safety()
        player = self._player
        health = player_health(
            self._answers, player.idleness, player.asks_ahead, self._row_ns, self._hardware
        )
        self._diagnostics.publish(health_to_message(health, self.now_ns()))

    def close(self) -> None:
        self._drive.close()


def _asks_ahead(
    player: ChunkPlayer, policy: PolicySpec, given: ChunkPlayerParameters
) -> Callable[[int], int] | None:
    """Set how early the player asks; what decides it by how long answers take [ns], if it is not
    fixed.

    Raises:
        InvalidValue: a chunk has not so many actions, or there is nothing to measure.
    """
    if given.ask_ahead == 0:
        return None
    if given.ask_ahead != AHEAD_AS_MEASURED:
        player.ask_ahead(given.ask_ahead)
        return None
    if given.lock_step:
        raise InvalidValue(
            "in lock-step an answer takes no time; expected ask_ahead as a number of actions"
        )
    row_ns = to_nanoseconds(policy.action.period_s)
    return partial(actions_ahead, horizon=policy.horizon, row_ns=row_ns)


def _in_real_time(robot: RobotSpec, given: ChunkPlayerParameters) -> RobotSpec:
    """The robot with the rate and the patience that the parameters ask for."""
    rate_hz = given.set_point_rate_hz
    path = _chosen(given.command_path, robot.command_path)
    share = PATHS[path].acceleration_share
    return replace(
        robot.pressing(given.force_scale),
        set_point_period_s=1.0 / rate_hz if rate_hz else robot.set_point_period_s,
        joint_states_age_max_s=given.patience * robot.joint_states_age_max_s,
        robot_state_age_max_s=given.patience * robot.robot_state_age_max_s,
        chunk_wait_max_s=given.chunk_wait_s or robot.chunk_wait_max_s,
        command_path=cast(CommandPath, path),
        joint_acceleration_max_rad_s2=tuple(
            share * most for most in robot.joint_acceleration_max_rad_s2
        ),
        return_path=cast(ReturnPath, _chosen(given.return_path, robot.return_path)),
    )


def _chosen(given: str, in_file: str) -> str:
    return in_file if given == ROBOT_FILE else given


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable."""
    spin(ChunkPlayerNode, args)


if __name__ == "__main__":
    main()
