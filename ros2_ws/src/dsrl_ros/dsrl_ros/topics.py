"""Every topic and service of the graph: its name, what it carries, and its quality of service.

Names are relative, so that a namespace or a remapping moves them. `franka` and `franka_gripper`
topics have franka_ros2's names and QoS: its state topics are best effort with depth 1, and a
reliable subscriber to them would get nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from diagnostic_msgs.msg import DiagnosticArray
from franka_msgs.msg import FrankaRobotState
from geometry_msgs.msg import PoseStamped
from rclpy.duration import Duration
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, LivelinessPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, Image, JointState, Joy
from std_msgs.msg import Bool, String
from trajectory_msgs.msg import JointTrajectory

from dsrl_interfaces import msg


@dataclass(frozen=True)
class Quality:
    """The part of a QoS profile that differs between our topics."""

    depth: int
    reliable: bool = True
    latched: bool = False
    lease_s: float = 0.0
    """A publisher that is not heard of for so long is gone; 0: nobody watches it."""
    light: bool = False
    """Offered reliably, for whoever asks for it, and heard best effort: a message that is lost is
    made up for by the next one, and a round trip takes a third less."""

    def profile(self) -> QoSProfile:
        values: dict[str, Any] = {}
        if self.lease_s:
            values["liveliness"] = LivelinessPolicy.AUTOMATIC
            values["liveliness_lease_duration"] = Duration(seconds=self.lease_s)
        return QoSProfile(
            depth=self.depth,
            reliability=(
                ReliabilityPolicy.RELIABLE if self.reliable else ReliabilityPolicy.BEST_EFFORT
            ),
            durability=(
                DurabilityPolicy.TRANSIENT_LOCAL if self.latched else DurabilityPolicy.VOLATILE
            ),
            **values,
        )


@dataclass(frozen=True)
class Topic:
    """A name, a message type and a quality of service, for publisher and subscriber alike."""

    name: str
    message_type: type
    quality: Quality
    listeners: int = 0
    """Nodes that must hear every message: nothing is said before as many are there."""

    def missing_listeners(self, publisher: Publisher, more: int = 0) -> str:
        """How many of them, and of so many more, are not there yet, for people; empty: none."""
        found, wanted = publisher.get_subscription_count(), self.listeners + more
        if found >= wanted:
            return ""
        return f"listeners of {self.name} ({found} of {wanted})"

    def publisher(self, node: Node) -> Publisher:
        return node.create_publisher(self.message_type, self.name, self.quality.profile())

    def subscribe(
        self,
        node: Node,
        callback: Callable[[Any], None],
        on_lost: Callable[[], None] | None = None,
        on_back: Callable[[], None] | None = None,
        raw: bool = False,
    ) -> Subscription:
        """`on_lost` is called when a publisher is gone, be it that its process was killed, and
        `on_back` when one is there (again).

        `raw`: the callback gets the message's bytes, for what comes more often than it is needed.
        """
        events = None
        quality = replace(self.quality, reliable=self.quality.reliable and not self.quality.light)
        if on_lost is None:
            quality = replace(quality, lease_s=0.0)
        else:
            lost, back = on_lost, on_back

            def on_liveliness(event: Any) -> None:
                if event.alive_count_change < 0:
                    lost()
                elif event.alive_count_change > 0 and back is not None:
                    back()

            events = SubscriptionEventCallbacks(liveliness=on_liveliness)
        return node.create_subscription(
            self.message_type,
            self.name,
            callback,
            quality.profile(),
            event_callbacks=events,
            raw=raw,
        )


_COMMAND: Final = Quality(depth=10)
_STREAM: Final = Quality(depth=1)
"""Set-points for a controller: only the newest counts."""
_LATCHED: Final = Quality(depth=1, latched=True)
_LATCHED_ALIVE: Final = Quality(depth=1, latched=True, lease_s=1.0)
_LATCHED_DEEP: Final = Quality(depth=200, latched=True)
_LATCHED_DEEP_ALIVE: Final = Quality(depth=200, latched=True, lease_s=1.0)
_TICK: Final = Quality(depth=10, light=True)
_SENSOR: Final = Quality(depth=1, reliable=False)
_INPUT_IMAGE: Final = Quality(depth=1, light=True)
_PER_MOMENT: Final = 4
"""Messages that may wait, for each moment of a policy that sees several."""

JOINT_STATES: Final = Topic("franka/joint_states", JointState, _TICK)
GRIPPER_STATES: Final = Topic("franka_gripper/joint_states", JointState, _TICK)
CURRENT_POSE: Final = Topic("franka_robot_state_broadcaster/current_pose", PoseStamped, _SENSOR)
MEASURED_JOINT_STATES: Final = Topic(
    "franka_robot_state_broadcaster/measured_joint_states", JointState, _SENSOR
)
"""Of the same moment as the pose, from the same broadcaster: what a policy sees of the joints."""
ROBOT_STATE: Final = Topic(
    "franka_robot_state_broadcaster/robot_state", FrankaRobotState, Quality(1, light=True)
)
OBJECT_POSE: Final = Topic("object_pose", PoseStamped, _SENSOR)
GOAL_POSE: Final = Topic("goal_pose", PoseStamped, _SENSOR)
SIM_SUCCESS: Final = Topic("franka_sim/success", Bool, Quality(10, latched=True, lease_s=1.0))

TARGET_JOINT: Final = Topic("target_joint", JointState, _TICK)
TARGET_POSE: Final = Topic("target_pose", PoseStamped, _STREAM)
JOINT_TRAJECTORY: Final = Topic("fr3_arm_controller/joint_trajectory", JointTrajectory, _STREAM)
GRIPPER_TARGET: Final = Topic("franka_gripper/target", JointState, _TICK)
"""In lock-step only, where a width must come at its time; a robot's gripper has actions."""
SAFETY: Final = Topic("chunk_player/safety", msg.SafetyStatus, _LATCHED)

CHUNK_REQUEST: Final = Topic(
    "chunk_request", msg.ChunkRequest, Quality(10, lease_s=1.0), listeners=3
)
ACTION_CHUNK: Final = Topic("action_chunk", msg.ActionChunk, Quality(10, lease_s=1.0), listeners=3)
DECISION_INPUTS: Final = Topic("decision_inputs", String, Quality(depth=100))
"""Which measurements a decision was made of; said to whoever listens, as a recorder does."""
DECISION_STEP: Final = Topic("decision_step", msg.DecisionStep, Quality(depth=100))

EPISODE: Final = Topic("episode", msg.EpisodeStatus, _LATCHED_ALIVE)
LABEL: Final = Topic("label", msg.EpisodeLabel, _COMMAND, listeners=1)
LABEL_LEDGER: Final = Topic("label_ledger", msg.EpisodeLabel, _LATCHED_DEEP)
RUN_BUDGET: Final = Topic("run_budget", msg.RunBudget, _LATCHED)
EPISODE_RECORDED: Final = Topic("episode_recorded", msg.EpisodeRecorded, _LATCHED_DEEP_ALIVE)

ACTOR_WEIGHTS: Final = Topic("actor_weights", msg.ActorWeights, _LATCHED)
LEARNER_STATUS: Final = Topic("learner/status", msg.LearnerStatus, _LATCHED)
JOY: Final = Topic("joy", Joy, Quality(depth=10))
DIAGNOSTICS: Final = Topic("/diagnostics", DiagnosticArray, Quality(depth=10))
"""Absolute: where robot monitors and aggregators look."""
POLICY_INFO: Final = Topic("policy_info", msg.PolicyInfo, _LATCHED_ALIVE)

GRIPPER: Final = "franka_gripper"
"""Of the gripper's node: its actions and services are below. Its name is a parameter there, so it
is remapped where it is another."""
RUN_SERVICE: Final = "episode_manager/run"
START_SERVICE: Final = "episode_manager/start"
STOP_SERVICE: Final = "episode_manager/stop"
PAUSE_SERVICE: Final = "episode_manager/pause"
LABEL_SERVICE: Final = "episode_manager/label"
RESET_SERVICE: Final = "franka_sim/reset"
HOLD_SERVICE: Final = "chunk_player/stop"
RESUME_SERVICE: Final = "chunk_player/resume"
RETURN_ACTION: Final = "chunk_player/return_to_start"


def button_service(outcome: str) -> str:
    """Of the episode manager: says this of the present episode, without any argument."""
    return f"episode_manager/{outcome}"


def of_robot(topic: Topic, robot: str) -> Topic:
    """The topic of one of several robots, for who serves them all; empty: of the only one."""
    return replace(topic, name=f"{robot}/{topic.name}") if robot else topic


def camera_image(camera: str) -> Topic:
    """Images of one camera, as a camera driver names them."""
    return Topic(f"{camera}_camera/image_raw", Image, _SENSOR)


def policy_image(camera: str, steps: int = 1) -> Topic:
    """The same at the size that the policy sees, under the name that image_proc's resize node gives
    it. The simulator draws it only where a decision can be due, and then as many `steps` of the
    past as the policy sees."""
    topic = Topic(f"{camera}_camera/resize/image_raw", Image, _INPUT_IMAGE)
    return topic if steps == 1 else with_past(topic, steps)


def with_past(topic: Topic, steps: int) -> Topic:
    """The topic for who is not to miss what came some moments ago: a few messages for each."""
    depth = max(topic.quality.depth, _PER_MOMENT * steps)
    return replace(topic, quality=replace(topic.quality, depth=depth))


def camera_info(camera: str) -> Topic:
    return Topic(f"{camera}_camera/camera_info", CameraInfo, _SENSOR)
