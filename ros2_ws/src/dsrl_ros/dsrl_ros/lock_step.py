"""Lock-step: a tick with every measured state, and no set-point before the chunk that is due.

The gripper's target goes out with the first set-point of every action, changed or not, so that the
simulator that waits for it knows what to wait for. Time stands still in between, so nothing here is
ever late or stale.
"""

from __future__ import annotations

from sensor_msgs.msg import JointState

from dsrl_core.control.chunk_player import ChunkPlayer
from dsrl_core.specs import PolicySpec, RobotSpec
from dsrl_core.types import SetPoint, to_nanoseconds
from dsrl_interfaces import msg
from dsrl_ros import topics
from dsrl_ros.conversions.basics import stamp_of
from dsrl_ros.conversions.robot import finger_positions, positions_of, set_positions
from dsrl_ros.node import DsrlNode
from dsrl_ros.parameters import ChunkPlayerParameters
from dsrl_ros.playing import Playing


class LockStep:
    """Drives a chunk player by the simulator's states."""

    def __init__(
        self,
        node: DsrlNode[ChunkPlayerParameters],
        robot: RobotSpec,
        policy: PolicySpec,
        player: ChunkPlayer,
        playing: Playing,
    ) -> None:
        self._player, self._playing = player, playing
        self._grid_ns = to_nanoseconds(policy.action.period_s)
        # The simulator draws what the policy's cameras see when it is asked.
        self._more_listeners = 1 if policy.cameras else 0
        self._width_m = robot.gripper_width_max_m
        self._state: JointState | None = None
        self._ticked_ns = -1
        self._set_point = topics.TARGET_JOINT.publisher(node)
        self._gripper = topics.GRIPPER_TARGET.publisher(node)
        self._target = JointState(name=list(robot.joint_names))
        self._fingers = JointState(name=list(robot.finger_joint_names))
        topics.EPISODE.subscribe(node, self._on_episode)
        topics.ACTION_CHUNK.subscribe(node, self._on_chunk)
        topics.JOINT_STATES.subscribe(node, self._on_state)

    def waits_for(self) -> str:
        return self._playing.waits_for(self._more_listeners)

    def begin(self) -> None:
        """Nothing is watched: time stands still."""

    def press_stop(self, reason: str) -> None:
        """Hold the arm where it is: the world stands still from now on."""
        self._halt("stop", reason)

    def why_not_resume(self) -> str:
        return ""

    def close(self) -> None:
        """Nothing to let go of."""

    def _on_episode(self, message: msg.EpisodeStatus) -> None:
        self._playing.follow(message)
        self._begin()

    def _on_state(self, message: JointState) -> None:
        self._state = message
        if self._playing.is_playing:
            self._tick()
        else:
            self._begin()

    def _on_chunk(self, message: msg.ActionChunk) -> None:
        if self._playing.take(message):
            self._tick()
        elif self._playing.unusable:
            # Time stands still until a chunk comes, and an equal request gets an equal answer.
            self._halt("bad_chunk", self._playing.unusable)

    def _halt(self, rule: str, reason: str) -> None:
        now_ns = 0 if self._state is None else stamp_of(self._state)
        self._playing.halt(rule, reason, now_ns)

    def _begin(self) -> None:
        """An episode begins at the very state that the world was reset to."""
        state = self._state
        if state is not None and self._playing.begin(stamp_of(state), positions_of(state)):
            self._playing.pace.pause()
            self._tick()

    def _tick(self) -> None:
        assert self._state is not None
        stamp_ns = stamp_of(self._state)
        is_repeated = stamp_ns == self._ticked_ns
        self._ticked_ns = stamp_ns
        set_point = self._playing.tick(stamp_ns, positions_of(self._state), ask_again=is_repeated)
        waits = self._player.pending is not None or self._player.is_over
        if set_point is not None and not waits:
            self._send(set_point)

    def _send(self, set_point: SetPoint) -> None:
        if set_point.gripper_width_m is not None:
            self._width_m = set_point.gripper_width_m
        if (set_point.stamp_ns - self._playing.status.started_ns) % self._grid_ns == 0:
            set_positions(self._fingers, set_point.stamp_ns, finger_positions(self._width_m))
            self._gripper.publish(self._fingers)
        self._playing.pace.tick(set_point.stamp_ns)
        self._playing.sent(set_point)
        set_positions(self._target, set_point.stamp_ns, set_point.joint_positions)
        self._set_point.publish(self._target)
