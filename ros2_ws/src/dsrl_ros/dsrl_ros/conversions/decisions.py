"""Chunk requests, decisions and what became of them."""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np
from std_msgs.msg import String

from dsrl_core.errors import InvalidValue
from dsrl_core.steering.policy_inputs import DecisionInputs
from dsrl_core.types import ChunkRequest, Decision, DecisionStep, Float32Array, Observation
from dsrl_interfaces import msg
from dsrl_ros.conversions.basics import bytes_of, float32, floats, header, stamp_of, uint8

_NO_IMAGES: Final = np.zeros((0, 0, 0, 0), dtype=np.uint8)


def request_to_message(value: ChunkRequest) -> msg.ChunkRequest:
    return msg.ChunkRequest(
        header=header(value.stamp_ns),
        episode=value.episode,
        sequence=value.sequence,
        previous_steps_executed=value.previous_steps_executed,
        final=value.final,
        reason=value.reason,
        committed=floats(np.array(value.committed, dtype=np.float32)),
        committed_rows=len(value.committed),
    )


def request_from_message(message: msg.ChunkRequest) -> ChunkRequest:
    return ChunkRequest(
        stamp_of(message),
        message.episode,
        message.sequence,
        message.previous_steps_executed,
        message.reason,
        message.final,
        _rows(message.committed, message.committed_rows),
    )


def _rows(values: Any, count: int) -> tuple[tuple[float, ...], ...]:
    """
    Raises:
        InvalidValue: the values are not so many rows of one length.
    """
    if count == 0 and len(values) == 0:
        return ()
    if count == 0 or len(values) % count:
        raise InvalidValue(f"{len(values)} committed values, expected {count} rows of one length")
    return tuple(map(tuple, float32(values, (count, len(values) // count)).tolist()))


def decision_to_message(value: Decision) -> msg.ActionChunk:
    images = value.observation.images
    if images is None:
        images = _NO_IMAGES
    return msg.ActionChunk(
        header=header(value.observation.stamp_ns),
        episode=value.episode,
        sequence=value.sequence,
        observation=floats(value.observation.values),
        images=bytes_of(images),
        images_shape=np.array(images.shape, dtype=np.uint32),
        noise_requested=floats(value.noise_requested),
        noise=floats(value.noise),
        noise_shape=np.array(value.noise.shape, dtype=np.uint32),
        chunk=floats(value.chunk),
        chunk_shape=np.array(value.chunk.shape, dtype=np.uint32),
        source=value.source,
        weights_version=value.weights_version,
        seed=value.seed,
        value=value.value,
        latency_s=value.latency_s,
        final=value.is_final,
    )


def decision_from_message(message: msg.ActionChunk) -> Decision:
    noise = float32(message.noise, message.noise_shape)
    requested = float32(message.noise_requested)
    images = uint8(message.images, message.images_shape) if message.images_shape.any() else None
    return Decision(
        message.episode,
        message.sequence,
        Observation(stamp_of(message), float32(message.observation), images),
        requested.reshape(_latent_shape(requested.size, noise)),
        noise,
        float32(message.chunk, message.chunk_shape),
        message.source,
        message.weights_version,
        message.seed,
        message.value,
        message.latency_s,
    )


def _latent_shape(size: int, noise: Float32Array) -> tuple[int, ...]:
    """The latent's shape is not sent: rows of the noise's width, as many as there are."""
    return (0, 0) if size == 0 else (size // noise.shape[1], noise.shape[1])


def step_to_message(value: DecisionStep) -> msg.DecisionStep:
    return msg.DecisionStep(
        decision=decision_to_message(value.decision),
        steps_executed=value.steps_executed,
        final=value.decision.is_final,
        between=floats(value.between),
        between_shape=np.array(value.between.shape, dtype=np.uint32),
        reward=value.reward,
    )


def step_from_message(message: msg.DecisionStep) -> DecisionStep:
    return DecisionStep(
        decision_from_message(message.decision),
        message.steps_executed,
        float32(message.between, message.between_shape),
        message.reward,
    )


def inputs_to_message(value: DecisionInputs) -> String:
    return String(data=json.dumps({**vars(value), "stamps_ns": dict(value.stamps_ns)}))


def inputs_from_message(message: String) -> DecisionInputs:
    told = json.loads(message.data)
    # Bags of before have no such entry.
    return DecisionInputs(**(told | {"measured": tuple(told.get("measured", ()))}))
