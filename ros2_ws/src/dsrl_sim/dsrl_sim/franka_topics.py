"""Topics, services and actions of franka_ros2 that only the simulator offers; QoS as upstream.

Sources: franka_robot_state_broadcaster (best effort, depth 1, beside the reliable `robot_state`),
franka_bringup, franka_gripper, franka_hardware's `action_server` and `service_server`. What other
nodes use too stands in `dsrl_ros.topics`.
"""

from __future__ import annotations

from typing import Final

from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from sensor_msgs.msg import JointState

from dsrl_ros.topics import Quality, Topic

_BROADCASTER: Final = "franka_robot_state_broadcaster"
_CONVENIENCE: Final = Quality(depth=1, reliable=False)
_EVERY: Final = Quality(depth=10)
_NEWEST: Final = Quality(depth=1)

LAST_DESIRED_POSE: Final = Topic(f"{_BROADCASTER}/last_desired_pose", PoseStamped, _CONVENIENCE)
DESIRED_TWIST: Final = Topic(
    f"{_BROADCASTER}/desired_end_effector_twist", TwistStamped, _CONVENIENCE
)
WRENCH_IN_BASE: Final = Topic(
    f"{_BROADCASTER}/external_wrench_in_base_frame", WrenchStamped, _CONVENIENCE
)
WRENCH_IN_STIFFNESS: Final = Topic(
    f"{_BROADCASTER}/external_wrench_in_stiffness_frame", WrenchStamped, _CONVENIENCE
)
DESIRED_JOINT_STATES: Final = Topic(
    f"{_BROADCASTER}/desired_joint_states", JointState, _CONVENIENCE
)
EXTERNAL_TORQUES: Final = Topic(f"{_BROADCASTER}/external_joint_torques", JointState, _CONVENIENCE)

MERGED_JOINT_STATES: Final = Topic("joint_states", JointState, _EVERY)
"""Arm and fingers, as joint_state_publisher puts them together."""
MERGED_RATE_HZ: Final = 30.0
GRIPPER_RATE_HZ: Final = 15.0
FEEDBACK_RATE_HZ: Final = 30.0


PUSH: Final = Topic("franka_sim/push", WrenchStamped, _NEWEST)
"""A wrench on the tool point in the base frame, until the next one; the simulator's own."""
USER_STOP_SERVICE: Final = "franka_sim/user_stop"
GUIDE_SERVICE: Final = "franka_sim/guide"
CONTROLLERS_SERVICE: Final = "franka_sim/controllers"
LOSE_PACKETS_SERVICE: Final = "franka_sim/lose_packets"
FREEZE_CAMERAS_SERVICE: Final = "franka_sim/freeze_cameras"
STOP_CAMERAS_SERVICE: Final = "franka_sim/stop_cameras"
HIDE_OBJECT_SERVICE: Final = "franka_sim/hide_object"
GRIPPER_FAULT_SERVICE: Final = "franka_sim/gripper_fault"

ACTION_SERVER: Final = "action_server"
SERVICE_SERVER: Final = "service_server"
