"""The simulator alone, as a client of a real FR3 sees it: names, types, QoS, stamps."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import rclpy
from rclpy.context import Context
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy, qos_profile_sensor_data

from dsrl_interfaces.srv import ResetWorld
from dsrl_ros import topics
from dsrl_ros.conversions.basics import stamp_of, time_from_message
from dsrl_ros.paths import catalog
from dsrl_sim.rendering import RendererMissing, available_backend

FRANKA = {
    "/franka/joint_states": ("sensor_msgs/msg/JointState", ReliabilityPolicy.RELIABLE),
    "/franka_gripper/joint_states": ("sensor_msgs/msg/JointState", ReliabilityPolicy.RELIABLE),
    "/franka_robot_state_broadcaster/current_pose": (
        "geometry_msgs/msg/PoseStamped",
        ReliabilityPolicy.BEST_EFFORT,
    ),
}


class Client:
    """A node that keeps the newest message of every topic it listens to."""

    def __init__(self) -> None:
        self.context = Context()
        rclpy.init(context=self.context)
        self.node = Node("client", context=self.context)
        self.executor = EventsExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.newest: dict[str, Any] = {}
        for topic in (
            topics.JOINT_STATES,
            topics.GRIPPER_STATES,
            topics.CURRENT_POSE,
            topics.OBJECT_POSE,
            topics.SIM_SUCCESS,
        ):
            topic.subscribe(self.node, self.keeper(topic.name))
        self.reset = self.node.create_client(ResetWorld, topics.RESET_SERVICE)

    def keeper(self, name: str) -> Callable[[Any], None]:
        return lambda message: self.newest.__setitem__(name, message)

    def wait_until(self, condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
        until_s = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < until_s, f"heard only {sorted(self.newest)}"
            self.executor.spin_once(timeout_sec=0.1)


@pytest.fixture(scope="module")
def client(domain: int) -> Iterator[Client]:
    """Beside a simulator in real time, which needs nobody to go on."""
    command = [sys.executable, "-m", "dsrl_sim.nodes.franka_sim"]
    command += ["--ros-args", "-p", "lock_step:=false"]
    simulator = subprocess.Popen(command)
    client = Client()
    client.wait_until(client.reset.service_is_ready)
    yield client
    client.node.destroy_node()
    client.context.try_shutdown()
    simulator.terminate()
    assert simulator.wait(timeout=10) == 0


def test_it_has_franka_ros2s_topics_types_and_qos(client: Client) -> None:
    for name, (kind, reliability) in FRANKA.items():
        (publisher,) = client.node.get_publishers_info_by_topic(name)
        assert publisher.topic_type == kind
        assert publisher.qos_profile.reliability is reliability
        assert publisher.qos_profile.durability is DurabilityPolicy.VOLATILE


def test_joints_have_their_names_and_stand_at_the_start(client: Client) -> None:
    robot = catalog().robot("fr3")
    client.wait_until(lambda: len(client.newest) == 5)
    arm = client.newest[topics.JOINT_STATES.name]
    assert tuple(arm.name) == robot.joint_names
    assert len(arm.position) == len(arm.velocity) == len(arm.effort) == 7
    fingers = client.newest[topics.GRIPPER_STATES.name]
    assert tuple(fingers.name) == robot.finger_joint_names
    assert sum(fingers.position) == pytest.approx(robot.gripper_width_max_m, abs=1e-3)
    assert client.newest[topics.CURRENT_POSE.name].header.frame_id == robot.base_frame
    assert not client.newest[topics.SIM_SUCCESS.name].data


def test_time_goes_on_over_a_reset_and_the_seed_tells_the_start(client: Client) -> None:
    cubes = []
    for seed in (5, 6, 5):
        before_ns = stamp_of(client.newest[topics.JOINT_STATES.name])
        answer = client.reset.call_async(ResetWorld.Request(seed=seed))
        client.wait_until(answer.done)
        start_ns = time_from_message(answer.result().stamp)
        assert start_ns > before_ns
        name = topics.OBJECT_POSE.name
        client.wait_until(lambda n=name, s=start_ns: stamp_of(client.newest[n]) >= s)
        position = client.newest[name].pose.position
        cubes.append((position.x, position.y))
    assert cubes[0] == pytest.approx(cubes[2], abs=1e-6)
    assert cubes[0] != pytest.approx(cubes[1], abs=1e-3)


@pytest.mark.parametrize("camera", ["wrist", "scene"])
def test_images_come_to_whoever_listens(client: Client, camera: str) -> None:
    try:
        available_backend()
    except RendererMissing as error:
        pytest.skip(str(error))
    image, info = topics.camera_image(camera), topics.camera_info(camera)
    for topic in (image, info):
        client.node.create_subscription(
            topic.message_type, topic.name, client.keeper(topic.name), qos_profile_sensor_data
        )
    client.wait_until(lambda: image.name in client.newest and info.name in client.newest)
    picture = client.newest[image.name]
    assert (picture.width, picture.height, picture.encoding) == (320, 240, "rgb8")
    assert len(set(bytes(picture.data))) > 20
    assert client.newest[info.name].k[2] == 160.0
