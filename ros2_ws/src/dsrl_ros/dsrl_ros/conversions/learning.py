"""The learner's progress, its weights, and the policy that they steer."""

from __future__ import annotations

from array import array

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from dsrl_core.health import Health
from dsrl_core.status import ActorWeights, GuardStatus, LearnerStatus, PolicyInfo
from dsrl_interfaces import msg
from dsrl_ros.conversions.basics import header, stamp_of


def weights_to_message(value: ActorWeights) -> msg.ActorWeights:
    return msg.ActorWeights(
        header=header(value.stamp_ns),
        version=value.version,
        sha256=value.sha256,
        data=array("B", value.data),
        restored_from=value.restored_from,
    )


def weights_from_message(message: msg.ActorWeights) -> ActorWeights:
    return ActorWeights(
        message.version,
        message.sha256,
        bytes(message.data),
        stamp_of(message),
        message.restored_from,
    )


def learner_to_message(value: LearnerStatus) -> msg.LearnerStatus:
    return msg.LearnerStatus(
        header=header(value.stamp_ns),
        weights_version=value.weights_version,
        updates=value.updates,
        updates_pending=value.updates_pending,
        updates_per_s=value.updates_per_s,
        episodes=value.episodes,
        ledger_entries=value.ledger_entries,
        message=value.message,
        alarms=list(value.alarms),
        restored_from=value.guard.restored_from,
        acts_as_base=value.guard.acts_as_base,
        best_version=value.guard.best_version,
        base=np.array(value.guard.base, dtype=np.uint32),
        evaluated=np.array(value.guard.evaluated, dtype=np.uint32),
        trained=np.array(value.guard.trained, dtype=np.uint32),
    )


def learner_from_message(message: msg.LearnerStatus) -> LearnerStatus:
    return LearnerStatus(
        message.weights_version,
        message.updates,
        message.updates_pending,
        message.updates_per_s,
        message.episodes,
        message.ledger_entries,
        message.message,
        tuple(message.alarms),
        stamp_of(message),
        GuardStatus(
            message.restored_from,
            message.acts_as_base,
            message.best_version,
            _count(message.base),
            _count(message.evaluated),
            _count(message.trained),
        ),
    )


def health_to_message(value: Health, stamp_ns: int) -> DiagnosticArray:
    """For /diagnostics, as robot monitors show it."""
    status = DiagnosticStatus(
        level=bytes([value.level]),
        name=value.name,
        message=value.message,
        hardware_id=value.hardware_id,
        values=[KeyValue(key=key, value=text) for key, text in value.values.items()],
    )
    return DiagnosticArray(header=header(stamp_ns), status=[status])


def policy_to_message(value: PolicyInfo) -> msg.PolicyInfo:
    return msg.PolicyInfo(
        header=header(value.stamp_ns),
        name=value.name,
        sha256=value.sha256,
        noise_shape=np.array(value.noise_shape, dtype=np.uint32),
        chunk_shape=np.array(value.chunk_shape, dtype=np.uint32),
        endpoint=value.endpoint,
    )


def policy_from_message(message: msg.PolicyInfo) -> PolicyInfo:
    noise_shape, chunk_shape = message.noise_shape.tolist(), message.chunk_shape.tolist()
    return PolicyInfo(
        message.name,
        message.sha256,
        (noise_shape[0], noise_shape[1]),
        (chunk_shape[0], chunk_shape[1]),
        message.endpoint,
        stamp_of(message),
    )


def _count(pair: np.ndarray) -> tuple[int, int]:
    """Successes and episodes."""
    successes, trials = pair.tolist()
    return successes, trials
