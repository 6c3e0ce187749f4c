"""What only a simulator can tell (the objects' true poses, success, /clock), and its cameras.

Images have their names from camera drivers and image_proc; every image that a camera's own topic
carries comes with its CameraInfo.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from std_msgs.msg import Bool

from dsrl_core.specs import CameraSpec, RobotSpec
from dsrl_core.types import UInt8Array
from dsrl_ros import topics
from dsrl_ros.conversions.basics import time_to_message
from dsrl_ros.conversions.robot import (
    StampedPose,
    camera_info_to_message,
    image_to_message,
    pose_to_message,
)
from dsrl_ros.wire_names import prefixed
from dsrl_sim.environment import Moment, SimulatedRobot
from dsrl_sim.kept_publisher import KeptPublisher
from dsrl_sim.rendering import RendererMissing
from dsrl_sim.scene import CAMERAS
from dsrl_sim.world import World


class RosFace:
    """Publishers that a real robot does not have, and those of the cameras."""

    def __init__(
        self,
        node: Node,
        robot: RobotSpec,
        cameras: Sequence[CameraSpec],
        image_size: tuple[int, int],
        noise: bool = False,
        steps: int = 1,
    ) -> None:
        """`cameras`: the policy's; `image_size`: width and height [px] of the others' images.
        `steps`: of how many moments a policy's inputs are kept to be said again.

        With `noise` no image is ever equal to the one before, as from a real sensor: by that one
        tells a camera that froze.
        """
        self._node = node
        self._frame = prefixed(robot, robot.base_frame)
        self._size = image_size
        self._object_pose = KeptPublisher(topics.OBJECT_POSE, node, steps)
        self._goal_pose = KeptPublisher(topics.GOAL_POSE, node, steps)
        self._success = topics.SIM_SUCCESS.publisher(node)
        self._images = {name: topics.camera_image(name).publisher(node) for name in CAMERAS}
        self._infos = {name: topics.camera_info(name).publisher(node) for name in CAMERAS}
        self._policy_images = {
            camera.name: topics.policy_image(camera.name, steps).publisher(node)
            for camera in cameras
        }
        self._drawn: dict[int, list[Image]] = {}
        self._can_draw = True
        self._noise = np.random.default_rng(0) if noise else None
        self._policy_frames: dict[str, UInt8Array] = {}
        self.is_frozen = False
        """Whether the policy's images stand still while their stamps go on."""
        self.has_images = True
        """Whether the policy's cameras give any."""
        self.sees_object = True
        """Whether object and goal are told, as by somebody who tracks them."""

    def truth(self, world: World, stamp_ns: int) -> None:
        """Where object and goal are."""
        if not self.sees_object:
            return
        pose = StampedPose(stamp_ns, world.object_pose, self._frame)
        self._object_pose.publish(pose_to_message(pose))
        if world.goal_pose is not None:
            pose = StampedPose(stamp_ns, world.goal_pose, self._frame)
            self._goal_pose.publish(pose_to_message(pose))

    def say_again(self) -> None:
        """What a policy may have missed of the truth of the moments that are kept."""
        self._object_pose.say_again()
        self._goal_pose.say_again()

    def forget(self) -> None:
        """An episode's past does not reach into the one before."""
        self._object_pose.forget()
        self._goal_pose.forget()

    def policy_images(
        self, robot: SimulatedRobot, stamp_ns: int, past: Sequence[Moment] = ()
    ) -> None:
        """What the policy's cameras see now, if somebody listens, after what they saw at the
        moments of the `past`, given newest first; drawn once for a moment."""
        is_seen = any(entry.get_subscription_count() for entry in self._policy_images.values())
        if not is_seen or not self.has_images:
            return
        before, self._drawn = self._drawn, {}
        for moment in reversed(past):
            if moment.stamp_ns < stamp_ns:
                drawn = before.get(moment.stamp_ns) or self._draw_moment(robot, moment)
                self._drawn[moment.stamp_ns] = drawn
        self._drawn[stamp_ns] = before.get(stamp_ns) or self._draw_now(robot, stamp_ns)
        for messages in self._drawn.values():
            for publisher, message in zip(self._policy_images.values(), messages, strict=True):
                publisher.publish(message)

    def has_drawn(self, stamp_ns: int) -> bool:
        """Whether what the policy's cameras see at this moment has been published."""
        return stamp_ns in self._drawn

    def _draw_now(self, robot: SimulatedRobot, stamp_ns: int) -> list[Image]:
        if not (self.is_frozen and self._policy_frames):
            frames = zip(self._policy_images, robot.images(), strict=True)
            self._policy_frames = {name: self._sensed(image) for name, image in frames}
        return [
            image_to_message(stamp_ns, _frame_of(name), image)
            for name, image in self._policy_frames.items()
        ]

    def _draw_moment(self, robot: SimulatedRobot, moment: Moment) -> list[Image]:
        return [
            image_to_message(moment.stamp_ns, _frame_of(name), image)
            for name, image in zip(self._policy_images, robot.images(moment), strict=True)
        ]

    def success(self, value: bool) -> None:
        """Whether the simulator sees the task done."""
        self._success.publish(Bool(data=value))

    def images(self, world: World, stamp_ns: int) -> None:
        """An image of every camera that somebody listens to, and the intrinsics of each.

        Without a renderer it is said once, and all else goes on.
        """
        for name, publisher in self._images.items():
            is_seen = publisher.get_subscription_count() > 0 and self._can_draw
            if not is_seen and not self._infos[name].get_subscription_count():
                continue
            width, height = self._size
            angle = math.radians(float(world.model.camera(name).fovy[0]))
            info = camera_info_to_message(stamp_ns, _frame_of(name), width, height, angle)
            self._infos[name].publish(info)
            if is_seen:
                self._draw(name, publisher, world, stamp_ns)

    def _draw(self, name: str, publisher: Any, world: World, stamp_ns: int) -> None:
        try:
            image = world.render(name, *self._size)
        except RendererMissing as error:
            self._can_draw = False
            self._node.get_logger().error(f"no images: {error}")
        else:
            publisher.publish(image_to_message(stamp_ns, _frame_of(name), self._sensed(image)))

    def _sensed(self, image: UInt8Array) -> UInt8Array:
        """With the noise of a sensor: the last bit of every value is anybody's guess."""
        if self._noise is None:
            return image
        bits = np.frombuffer(self._noise.bytes(image.size), dtype=np.uint8).reshape(image.shape)
        return np.bitwise_xor(image, np.bitwise_and(bits, np.uint8(1)))


class SimulatedClock:
    """Tells the time on /clock, at most once in a period of it."""

    def __init__(self, node: Node, period_ns: int) -> None:
        self._publisher = node.create_publisher(Clock, "/clock", 10)
        self._period_ns = period_ns
        self._told_ns = -period_ns

    def tell(self, now_ns: int, force: bool = False) -> None:
        """Tell the time, if it is due."""
        if force or now_ns >= self._told_ns + self._period_ns:
            self._told_ns = now_ns
            self._publisher.publish(Clock(clock=time_to_message(now_ns)))


def _frame_of(camera: str) -> str:
    return f"{camera}_camera"
