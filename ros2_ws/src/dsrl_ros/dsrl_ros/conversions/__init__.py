"""The only place where messages become types and types become messages.

Every pair is listed in `PAIRS`; a test takes a sample of each there and back, and a pair without a
sample fails it. Messages of the topics that tick at the set-point rate are kept and written in
place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from dsrl_core.status import (
    ActorWeights,
    EpisodeStatus,
    LearnerStatus,
    PolicyInfo,
    RecordedEpisode,
    RunBudget,
    SafetyStatus,
)
from dsrl_core.steering.policy_inputs import DecisionInputs
from dsrl_core.types import ChunkRequest, Decision, DecisionStep, Label
from dsrl_interfaces import msg
from dsrl_ros.conversions.decisions import (
    decision_from_message,
    decision_to_message,
    inputs_from_message,
    inputs_to_message,
    request_from_message,
    request_to_message,
    step_from_message,
    step_to_message,
)
from dsrl_ros.conversions.episodes import (
    budget_from_message,
    budget_to_message,
    label_from_message,
    label_to_message,
    recorded_from_message,
    recorded_to_message,
    safety_from_message,
    safety_to_message,
    status_from_message,
    status_to_message,
)
from dsrl_ros.conversions.learning import (
    learner_from_message,
    learner_to_message,
    policy_from_message,
    policy_to_message,
    weights_from_message,
    weights_to_message,
)
from dsrl_ros.conversions.robot import (
    JointSample,
    StampedPose,
    joints_from_message,
    joints_to_message,
    pose_from_message,
    pose_to_message,
)


@dataclass(frozen=True)
class Pair:
    """A type of the core, the message that carries it, and both ways between them."""

    value_type: type
    message_type: type
    to_message: Callable[[Any], Any]
    from_message: Callable[[Any], Any]


PAIRS = (
    Pair(JointSample, JointState, joints_to_message, joints_from_message),
    Pair(StampedPose, PoseStamped, pose_to_message, pose_from_message),
    Pair(ChunkRequest, msg.ChunkRequest, request_to_message, request_from_message),
    Pair(Decision, msg.ActionChunk, decision_to_message, decision_from_message),
    Pair(DecisionInputs, String, inputs_to_message, inputs_from_message),
    Pair(DecisionStep, msg.DecisionStep, step_to_message, step_from_message),
    Pair(Label, msg.EpisodeLabel, label_to_message, label_from_message),
    Pair(EpisodeStatus, msg.EpisodeStatus, status_to_message, status_from_message),
    Pair(RecordedEpisode, msg.EpisodeRecorded, recorded_to_message, recorded_from_message),
    Pair(RunBudget, msg.RunBudget, budget_to_message, budget_from_message),
    Pair(SafetyStatus, msg.SafetyStatus, safety_to_message, safety_from_message),
    Pair(ActorWeights, msg.ActorWeights, weights_to_message, weights_from_message),
    Pair(LearnerStatus, msg.LearnerStatus, learner_to_message, learner_from_message),
    Pair(PolicyInfo, msg.PolicyInfo, policy_to_message, policy_from_message),
)
