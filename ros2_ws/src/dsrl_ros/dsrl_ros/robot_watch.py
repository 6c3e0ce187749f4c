"""What the set-points depend on, watched in real time: states, pictures, processes.

Joint and robot states may come a thousand times a second: their bytes are kept, and read when a
tick needs them. Nothing here decides; it tells `dsrl_core.control.watch`.
"""

from __future__ import annotations

import struct
import zlib
from functools import partial
from typing import Any, Final

from franka_msgs.msg import FrankaRobotState
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import JointState

from dsrl_core.control.watch import Watch
from dsrl_core.specs import CameraSpec, RobotSpec
from dsrl_core.types import NANOSECONDS_PER_SECOND, Float64Array
from dsrl_ros import topics
from dsrl_ros.conversions.basics import stamp_of
from dsrl_ros.conversions.robot import errors_of, force_of, gripper_width_of, ordered_positions
from dsrl_ros.node import DsrlNode
from dsrl_ros.parameters import ChunkPlayerParameters
from dsrl_ros.wire_names import joint_names

_STATE_NS: Final = NANOSECONDS_PER_SECOND // 50
"""A robot state is a large message: it is read so often at most."""
_STAMP: Final = struct.Struct("<iI")
"""Of a message that begins with a header, behind the four bytes of its encapsulation."""
_PROCESSES: Final = {
    "noise_actor": topics.ACTION_CHUNK,
    "episode_manager": topics.EPISODE,
    "policy_server": topics.POLICY_INFO,
}
"""Without which no episode can go on, and a topic by which each is known to live."""


class RobotWatch:
    """Subscriptions of the chunk player in real time."""

    def __init__(
        self,
        node: DsrlNode[ChunkPlayerParameters],
        robot: RobotSpec,
        cameras: tuple[CameraSpec, ...],
        watch: Watch,
    ) -> None:
        self.watch = watch
        self._node = node
        self._names = joint_names(robot)
        self._joints: tuple[bytes, int] | None = None
        self._state: tuple[bytes, int] | None = None
        self._fingers: bytes | None = None
        self._state_read_ns = 0
        self._measured: Float64Array | None = None
        topics.JOINT_STATES.subscribe(node, self._on_joints, raw=True)
        topics.ROBOT_STATE.subscribe(node, self._on_state, raw=True)
        topics.GRIPPER_STATES.subscribe(node, self._on_fingers, raw=True)
        for camera in cameras:
            topic = topics.policy_image(camera.name)
            topic.subscribe(node, partial(self._on_image, camera.name), raw=True)

    def waits_for(self) -> str:
        """A robot whose state was never heard is not there."""
        if self._joints is None:
            return f"the robot ({topics.JOINT_STATES.name})"
        return "" if self._state is not None else f"the robot ({topics.ROBOT_STATE.name})"

    def measured(self) -> Float64Array | None:
        """The newest joint positions (joints,) [rad]; None: there never were any."""
        if self._joints is not None:
            data, received_ns = self._joints
            self._joints = None
            message = deserialize_message(data, JointState)
            positions = ordered_positions(message, self._names)
            if positions is None:
                # As if nothing had come: it will be stale soon, and the arm held.
                self._node.get_logger().error(
                    f"{topics.JOINT_STATES.name} has the joints {list(message.name)}; expected "
                    f"{self._names}",
                    throttle_duration_sec=5.0,
                )
            else:
                self._measured = positions
                self.watch.saw("joint_states", stamp_of(message), received_ns)
                self.watch.arm_at(positions)
        return self._measured

    def force_n(self, now_ns: int) -> Float64Array | None:
        """Read the robot's state if that is due: its external force (3,) [N], or None."""
        if self._state is None or now_ns - self._state_read_ns < _STATE_NS:
            return None
        (data, received_ns), self._state_read_ns = self._state, now_ns
        self._state = None
        state = deserialize_message(data, FrankaRobotState)
        self.watch.saw("robot_state", stamp_of(state), received_ns)
        self.watch.robot(state.robot_mode, errors_of(state.current_errors))
        return force_of(state)

    def width_m(self) -> float | None:
        """The gripper's measured width [m]; None: it never told."""
        if self._fingers is None:
            return None
        return gripper_width_of(deserialize_message(self._fingers, JointState))

    def _on_joints(self, data: bytes) -> None:
        self._joints = data, self._node.now_ns()

    def _on_state(self, data: bytes) -> None:
        self._state = data, self._node.now_ns()

    def _on_fingers(self, data: bytes) -> None:
        self._fingers = data

    def _on_image(self, camera: str, data: bytes) -> None:
        seconds, nanoseconds = _STAMP.unpack_from(data, 4)
        stamp_ns = seconds * NANOSECONDS_PER_SECOND + nanoseconds
        content = zlib.crc32(memoryview(data)[4 + _STAMP.size :])
        self.watch.saw(camera, stamp_ns, self._node.now_ns(), content)


def watch_processes(node: DsrlNode[Any], watch: Watch, callbacks: dict[str, Any]) -> None:
    """Subscribe to the processes' topics; `callbacks`: what else is to hear their messages."""
    for process, topic in _PROCESSES.items():
        topic.subscribe(
            node,
            callbacks.get(process, lambda _: None),
            on_lost=partial(watch.lost, process),
            on_back=partial(watch.back, process),
        )
