"""Plays action chunks on the arm: measured state in, set-points and chunk requests out.

The gripper's target goes out with the first set-point of every action, changed or not, so that
whoever waits for it knows what to wait for.

Lock-step: ticks with every measured state, and no set-point goes out before the chunk that is due
has come. Otherwise it ticks likewise and the arm is held until the chunk comes.
"""

from __future__ import annotations

from sensor_msgs.msg import JointState

from dsrl_core.control.chunk_player import ChunkPlayer
from dsrl_core.control.kinematics import Kinematics
from dsrl_core.control.safety import Safety
from dsrl_core.status import INVALID, EpisodeStatus, Phase
from dsrl_core.types import NANOSECONDS_PER_SECOND, ChunkRequest, SetPoint, to_nanoseconds
from dsrl_interfaces import msg
from dsrl_ros import topics
from dsrl_ros.conversions.basics import stamp_of
from dsrl_ros.conversions.decisions import decision_from_message, request_to_message
from dsrl_ros.conversions.episodes import status_from_message
from dsrl_ros.conversions.robot import finger_positions, positions_of, set_positions
from dsrl_ros.node import DsrlNode, spin
from dsrl_ros.parameters import ChunkPlayerParameters
from dsrl_ros.paths import catalog

_JOIN_NS = NANOSECONDS_PER_SECOND // 2
"""In real time an episode may be joined so late; in lock-step only at its very first tick."""
_ASK_AGAIN_NS = NANOSECONDS_PER_SECOND // 4
"""A request of which nothing came is repeated after this."""


class ChunkPlayerNode(DsrlNode[ChunkPlayerParameters]):
    """Adapter of `dsrl_core.control.chunk_player`."""

    def __init__(self) -> None:
        super().__init__("chunk_player", ChunkPlayerParameters)
        known = catalog()
        task = known.task(self.parameters.task)
        robot = known.robot(task.robot)
        policy = known.policy(self.parameters.policy or task.policy)
        self._safety = Safety(robot)
        self._player = ChunkPlayer(
            robot, policy.action, policy.horizon, Kinematics(robot), self._safety
        )
        self._period_ns = robot.set_point_period_ns
        self._grid_ns = to_nanoseconds(policy.action.period_s)
        self._width_m = robot.gripper_width_max_m
        self._lock_step = self.parameters.lock_step
        self._join_ns = 0 if self._lock_step else _JOIN_NS
        self._status = EpisodeStatus()
        self._state: JointState | None = None
        self._playing: int | None = None
        self._sent_ns = 0
        self._ticked_ns = -1
        self._asked: ChunkRequest | None = None
        self._asked_ns = 0
        self._request = topics.CHUNK_REQUEST.publisher(self)
        self._set_point = topics.TARGET_JOINT.publisher(self)
        self._gripper = topics.GRIPPER_TARGET.publisher(self)
        self._target = JointState(name=list(robot.joint_names))
        self._fingers = JointState(name=list(robot.finger_joint_names))
        topics.EPISODE.subscribe(self, self._on_episode)
        topics.ACTION_CHUNK.subscribe(self, self._on_chunk)
        topics.JOINT_STATES.subscribe(self, self._on_state)

    def waits_for(self) -> str:
        return topics.CHUNK_REQUEST.missing_listeners(self._request)

    def _on_episode(self, message: msg.EpisodeStatus) -> None:
        self._status = status = status_from_message(message)
        if status.phase is Phase.RUNNING:
            self._begin()
        elif self._playing is not None:
            self._playing = None
            if not self._player.is_over:
                is_invalid = status.outcome == INVALID or not status.phase.is_over
                self._end(INVALID if is_invalid else "ended")

    def _on_state(self, message: JointState) -> None:
        self._state = message
        if self._playing is not None:
            self._tick()
        elif self._status.phase is Phase.RUNNING:
            self._begin()

    def _on_chunk(self, message: msg.ActionChunk) -> None:
        if self._playing is None or self._player.pending is None:
            return
        refused = self._player.load(decision_from_message(message))
        if refused is not None:
            self.get_logger().warning(f"chunk refused: {refused}")
        elif self._lock_step:
            self._tick()

    def _begin(self) -> None:
        """Start the running episode at its first measured state."""
        status = self._status
        if self._state is None or self._playing == status.episode:
            return
        stamp_ns = stamp_of(self._state)
        if 0 <= stamp_ns - status.started_ns <= self._join_ns:
            self._playing = status.episode
            measured = positions_of(self._state)
            self._player.start(stamp_ns, measured, status.episode, status.deadline_ns)
            self._sent_ns = stamp_ns - self._period_ns
            self._tick()

    def _tick(self) -> None:
        assert self._state is not None
        stamp_ns = stamp_of(self._state)
        is_repeated = stamp_ns == self._ticked_ns
        self._ticked_ns = stamp_ns
        tick = self._player.tick(stamp_ns, positions_of(self._state))
        if tick.request is not None:
            self._send_request(tick.request)
        elif is_repeated or stamp_ns - self._asked_ns >= _ASK_AGAIN_NS:
            self._ask_again(stamp_ns)
        if tick.set_point is not None and not self._waits:
            self._send(tick.set_point)

    def _ask_again(self, now_ns: int) -> None:
        """Somebody may not have heard the last request: nothing came of it yet."""
        asked = self._asked
        if asked is not None and (self._player.pending is asked or asked.final):
            self._asked_ns = now_ns
            self._request.publish(request_to_message(asked))

    @property
    def _waits(self) -> bool:
        """Whether the world stands still for a chunk, or for good."""
        return self._lock_step and (self._player.pending is not None or self._player.is_over)

    def _end(self, reason: str) -> None:
        """Close the episode at the time that the last set-point led to."""
        self._send_request(self._player.end(self._sent_ns + self._period_ns, reason))

    def _send_request(self, request: ChunkRequest) -> None:
        if request.final and self._safety.hold_reason is not None:
            self.get_logger().error(f"the arm is held: {self._safety.hold_reason}")
        self._asked, self._asked_ns = request, request.stamp_ns
        self._request.publish(request_to_message(request))

    def _send(self, set_point: SetPoint) -> None:
        if set_point.gripper_width_m is not None:
            self._width_m = set_point.gripper_width_m
        if (set_point.stamp_ns - self._status.started_ns) % self._grid_ns == 0:
            set_positions(self._fingers, set_point.stamp_ns, finger_positions(self._width_m))
            self._gripper.publish(self._fingers)
        self._sent_ns = set_point.stamp_ns
        set_positions(self._target, set_point.stamp_ns, set_point.joint_positions)
        self._set_point.publish(self._target)


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable."""
    spin(ChunkPlayerNode, args)


if __name__ == "__main__":
    main()
