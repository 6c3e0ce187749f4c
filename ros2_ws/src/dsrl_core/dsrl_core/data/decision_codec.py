"""Decision steps to and from CDR, as `dsrl_interfaces/msg/DecisionStep`, without ROS.

The definitions are those of the package dsrl_interfaces (`msg` beside this file is a link to its
folder); what is read from a bag is read by the definitions that the bag brings along. What an older
definition does not have yet reads as: no images, nothing in between, no reward.
"""

from __future__ import annotations

import struct
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from rosbags.serde import SerdeError
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from dsrl_core.errors import InvalidFile, InvalidValue
from dsrl_core.types import (
    NANOSECONDS_PER_SECOND,
    Decision,
    DecisionStep,
    Float32Array,
    Observation,
    UInt8Array,
)

STEP_TYPE: Final = "dsrl_interfaces/msg/DecisionStep"
TEXT_TYPE: Final = "std_msgs/msg/String"
_CHUNK_TYPE: Final = "dsrl_interfaces/msg/ActionChunk"
MESSAGES: Final = Path(__file__).parent / "msg"
"""The definitions of dsrl_interfaces."""
_NO_IMAGES: Final = (0, 0, 0, 0)


class DecisionCodec:
    """Encodes and decodes by one set of message definitions."""

    def __init__(self, definitions: dict[str, str]) -> None:
        """`definitions`: text of a .msg file by type name; a text may bring its parts along."""
        self.typestore = get_typestore(Stores.ROS2_JAZZY)
        for name, text in definitions.items():
            self.typestore.register(get_types_from_msg(text, name))
        types = self.typestore.types
        self._chunk, self._step = types[_CHUNK_TYPE], types[STEP_TYPE]
        self._knows_images = "images" in self._chunk.__dataclass_fields__
        self._knows_between = "between" in self._step.__dataclass_fields__
        self._header, self._time = (
            types["std_msgs/msg/Header"],
            types["builtin_interfaces/msg/Time"],
        )
        self.definition: str = self.typestore.generate_msgdef(STEP_TYPE, ros_version=2)[0]
        """The definition that goes into a bag."""

    def encode(self, step: DecisionStep) -> bytes:
        """The step as CDR.

        Raises:
            InvalidValue: an array is not of the type or not of a shape that can be stored.
        """
        decision = step.decision
        observation = decision.observation.values
        if observation.ndim != 1:
            raise InvalidValue(f"observation has shape {observation.shape}, expected one dimension")
        noise_rows, noise_dim = _matrix_shape("noise", decision.noise)
        chunk_shape = _matrix_shape("chunk", decision.chunk)
        between_shape = _matrix_shape("between", step.between)
        images, images_shape = _images_of(decision.observation)
        if decision.noise_requested.shape != _requested_shape(
            decision.noise_requested.size, noise_dim
        ):
            raise InvalidValue(
                f"noise_requested has shape {decision.noise_requested.shape}, expected (rows, "
                f"{noise_dim}) as the noise of shape {decision.noise.shape}"
            )
        seconds, nanoseconds = divmod(decision.observation.stamp_ns, NANOSECONDS_PER_SECOND)
        header = self._header(self._time(seconds, nanoseconds), "")
        message = self._step(
            self._chunk(
                header=header,
                episode=decision.episode,
                sequence=decision.sequence,
                observation=_flat("observation", observation),
                images=images,
                images_shape=np.array(images_shape, dtype=np.uint32),
                noise_requested=_flat("noise_requested", decision.noise_requested),
                noise=_flat("noise", decision.noise),
                noise_shape=np.array((noise_rows, noise_dim), dtype=np.uint32),
                chunk=_flat("chunk", decision.chunk),
                chunk_shape=np.array(chunk_shape, dtype=np.uint32),
                source=decision.source,
                weights_version=decision.weights_version,
                seed=decision.seed,
                value=decision.value,
                latency_s=decision.latency_s,
                final=decision.is_final,
            ),
            step.steps_executed,
            decision.is_final,
            _flat("between", step.between),
            np.array(between_shape, dtype=np.uint32),
            step.reward,
        )
        try:
            return bytes(self.typestore.serialize_cdr(message, STEP_TYPE))
        except (SerdeError, struct.error, OverflowError, TypeError) as error:
            raise InvalidValue(
                f"decision {decision.sequence} of episode {decision.episode} cannot be stored as "
                f"{STEP_TYPE}: {error}"
            ) from error

    def decode(self, data: bytes) -> DecisionStep:
        """The step that was encoded; `value` and `latency_s` in float32's precision."""
        message: Any = self.typestore.deserialize_cdr(data, STEP_TYPE)
        chunk = message.decision
        stamp = chunk.header.stamp
        noise_shape = tuple(int(size) for size in chunk.noise_shape)
        decision = Decision(
            episode=chunk.episode,
            sequence=chunk.sequence,
            observation=Observation(
                stamp.sec * NANOSECONDS_PER_SECOND + stamp.nanosec,
                _array(chunk.observation),
                self._images_in(chunk),
            ),
            noise_requested=_array(chunk.noise_requested).reshape(
                _requested_shape(chunk.noise_requested.size, noise_shape[1])
            ),
            noise=_array(chunk.noise).reshape(noise_shape),
            chunk=_array(chunk.chunk).reshape([int(size) for size in chunk.chunk_shape]),
            source=chunk.source,
            weights_version=chunk.weights_version,
            seed=chunk.seed,
            value=chunk.value,
            latency_s=chunk.latency_s,
        )
        if not self._knows_between:
            return DecisionStep(decision, message.steps_executed)
        between = _array(message.between).reshape([int(size) for size in message.between_shape])
        return DecisionStep(decision, message.steps_executed, between, message.reward)

    def _images_in(self, chunk: Any) -> UInt8Array | None:
        if not self._knows_images or tuple(chunk.images_shape) == _NO_IMAGES:
            return None
        shape = [int(size) for size in chunk.images_shape]
        return np.array(chunk.images, dtype=np.uint8).reshape(shape)

    def encode_text(self, text: str) -> bytes:
        """std_msgs/String as CDR."""
        message = self.typestore.types[TEXT_TYPE](text)
        return bytes(self.typestore.serialize_cdr(message, TEXT_TYPE))

    def decode_text(self, data: bytes) -> str:
        message: Any = self.typestore.deserialize_cdr(data, TEXT_TYPE)
        return str(message.data)


@cache
def own_codec() -> DecisionCodec:
    """The codec of this installation's dsrl_interfaces; made once, which takes a moment."""
    definitions = {}
    for name in (_CHUNK_TYPE, STEP_TYPE):
        path = MESSAGES / f"{name.rpartition('/')[2]}.msg"
        try:
            definitions[name] = path.read_text()
        except OSError as error:
            raise InvalidFile(
                f"{path} is missing; it is a link to the messages of dsrl_interfaces, beside "
                "dsrl_core in the workspace"
            ) from error
    return DecisionCodec(definitions)


@cache
def codec_for(definition: str) -> DecisionCodec:
    """The codec for a definition of DecisionStep as it stands in a bag, with its parts."""
    own = own_codec()
    return own if definition == own.definition else DecisionCodec({STEP_TYPE: definition})


def _requested_shape(size: int, noise_dim: int) -> tuple[int, int]:
    """Shape of a noise map's latent: as many rows as there are, of the noise's width."""
    return (size // noise_dim if noise_dim else 0, noise_dim)


def _matrix_shape(name: str, values: Float32Array) -> tuple[int, int]:
    if values.ndim != 2:
        raise InvalidValue(f"{name} has shape {values.shape}, expected two dimensions")
    return values.shape[0], values.shape[1]


def _images_of(observation: Observation) -> tuple[UInt8Array, tuple[int, ...]]:
    """Its images as they are stored, and their shape."""
    images = observation.images
    if images is None:
        return np.zeros(0, dtype=np.uint8), _NO_IMAGES
    if images.dtype != np.uint8:
        raise InvalidValue(f"images are {images.dtype}, expected uint8")
    if images.ndim != 4 or images.shape[3] != 3:
        raise InvalidValue(
            f"images have shape {images.shape}, expected (cameras, height, width, 3)"
        )
    return np.ascontiguousarray(images).reshape(-1), images.shape


def _flat(name: str, values: Float32Array) -> Float32Array:
    if values.dtype != np.float32:
        raise InvalidValue(f"{name} is {values.dtype}, expected float32")
    return np.ascontiguousarray(values).reshape(-1)


def _array(values: Any) -> Float32Array:
    return np.array(values, dtype=np.float32)
