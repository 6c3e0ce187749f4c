"""The simulated robot as the graph sees it: franka_ros2's topics and nothing else of ROS.

What a real FR3 publishes has its names and QoS from franka_ros2; what only a simulator can tell
(the object's true pose, success, /clock) stands beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool, Int32

from dsrl_core.specs import CameraSpec, RobotSpec
from dsrl_ros import topics
from dsrl_ros.conversions.basics import time_to_message
from dsrl_ros.conversions.robot import (
    StampedPose,
    camera_info_to_message,
    finger_positions,
    image_to_message,
    pose_to_message,
    set_positions,
    set_state,
)
from dsrl_sim.environment import SimulatedRobot
from dsrl_sim.scene import CAMERAS
from dsrl_sim.world import World

MODE_IDLE: Final = 1
MODE_MOVE: Final = 2
"""Of franka_msgs/FrankaRobotState: a controller moves the arm."""


class RosFace:
    """Publishers of the simulated robot; messages that tick are kept and written in place."""

    def __init__(
        self, node: Node, robot: RobotSpec, cameras: Sequence[CameraSpec], clock_period_ns: int
    ) -> None:
        """`cameras`: the policy's."""
        self._robot = robot
        self._clock_period_ns = clock_period_ns
        self._clock_ns = -clock_period_ns
        self._clock = node.create_publisher(Clock, "/clock", 10)
        self._joint_states = topics.JOINT_STATES.publisher(node)
        self._gripper_states = topics.GRIPPER_STATES.publisher(node)
        self._current_pose = topics.CURRENT_POSE.publisher(node)
        self._object_pose = topics.OBJECT_POSE.publisher(node)
        self._goal_pose = topics.GOAL_POSE.publisher(node)
        self._robot_mode = topics.ROBOT_MODE.publisher(node)
        self._success = topics.SIM_SUCCESS.publisher(node)
        self._images = {name: topics.camera_image(name).publisher(node) for name in CAMERAS}
        self._infos = {name: topics.camera_info(name).publisher(node) for name in CAMERAS}
        self._policy_images = {
            camera.name: topics.policy_image(camera.name).publisher(node) for camera in cameras
        }
        self._drawn: list[Image] = []
        self._drawn_ns = -1
        self._joints = JointState(name=list(robot.joint_names))
        self._fingers = JointState(name=list(robot.finger_joint_names))

    def clock(self, now_ns: int, force: bool = False) -> None:
        """Tell the time, if it is due."""
        if force or now_ns >= self._clock_ns + self._clock_period_ns:
            self._clock_ns = now_ns
            self._clock.publish(Clock(clock=time_to_message(now_ns)))

    def joint_states(self, world: World) -> None:
        """The arm, once per set-point tick."""
        set_state(
            self._joints,
            world.time_ns,
            world.joint_positions,
            world.joint_velocities,
            world.joint_efforts,
        )
        self._joint_states.publish(self._joints)

    def inputs(self, world: World) -> None:
        """What an observation is made of, all with the present stamp."""
        now_ns, frame = world.time_ns, self._robot.base_frame
        self._current_pose.publish(pose_to_message(StampedPose(now_ns, world.tool_pose, frame)))
        self._object_pose.publish(pose_to_message(StampedPose(now_ns, world.object_pose, frame)))
        if world.goal_pose is not None:
            self._goal_pose.publish(pose_to_message(StampedPose(now_ns, world.goal_pose, frame)))
        set_positions(self._fingers, now_ns, finger_positions(world.gripper_width_m))
        self._gripper_states.publish(self._fingers)

    def policy_images(self, robot: SimulatedRobot) -> None:
        """What the policy's cameras see now, if somebody listens; drawn once for a moment."""
        if not any(entry.get_subscription_count() for entry in self._policy_images.values()):
            return
        now_ns = robot.time_ns
        if now_ns != self._drawn_ns:
            self._drawn_ns = now_ns
            self._drawn = [
                image_to_message(now_ns, f"{camera}_camera", image)
                for camera, image in zip(self._policy_images, robot.images(), strict=True)
            ]
        for publisher, message in zip(self._policy_images.values(), self._drawn, strict=True):
            publisher.publish(message)

    def success(self, value: bool) -> None:
        """Whether the simulator sees the task done."""
        self._success.publish(Bool(data=value))

    def robot_mode(self, mode: int) -> None:
        self._robot_mode.publish(Int32(data=mode))

    def images(self, world: World, width: int, height: int) -> None:
        """One image of every camera that somebody listens to, and its intrinsics.

        Raises:
            RendererMissing: nothing on this machine can draw without a screen.
        """
        for name, publisher in self._images.items():
            if publisher.get_subscription_count():
                frame, now_ns = f"{name}_camera", world.time_ns
                image = world.render(name, width, height)
                publisher.publish(image_to_message(now_ns, frame, image))
                angle = math.radians(float(world.model.camera(name).fovy[0]))
                info = camera_info_to_message(now_ns, frame, width, height, angle)
                self._infos[name].publish(info)
