"""A policy that is served elsewhere, as if it were here."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from dsrl_core.errors import InvalidFile, InvalidValue
from dsrl_core.policies.backend import Encoded, check_observations
from dsrl_core.policies.wire.connection import Connection
from dsrl_core.policies.wire.door import IPC, TCP
from dsrl_core.policies.wire.errors import PolicyUnavailable
from dsrl_core.policies.wire.images import IMAGE_FORMATS, ImageFormat, compress
from dsrl_core.policies.wire.keys import ClientKeys
from dsrl_core.policies.wire.messages import PROTOCOL, UNKNOWN_ENCODING, Array, Message
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Float32Array, UInt8Array


def endpoint_of(spec: PolicySpec) -> str:
    """Where a policy file says that its policy is served.

    Raises:
        InvalidFile: nowhere that can be connected.
    """
    endpoint = str(spec.settings.get("endpoint", ""))
    if not endpoint.startswith((IPC, TCP)):
        raise InvalidFile(
            f"policy '{spec.name}': settings.endpoint is '{endpoint}'; expected {TCP}host:port of "
            "its server"
        )
    return endpoint


def image_format_of(spec: PolicySpec) -> ImageFormat:
    """How a policy file says that images go over; as they are unless it says so.

    Raises:
        InvalidFile: no format that there is.
    """
    found = spec.settings.get("images", "raw")
    if found not in IMAGE_FORMATS:
        raise InvalidFile(
            f"policy '{spec.name}': settings.images is {found!r}; expected one of "
            f"{', '.join(IMAGE_FORMATS)}"
        )
    return cast(ImageFormat, found)


class _Forgotten(PolicyUnavailable):
    """The server no longer has an observation."""


@dataclass
class Ticket:
    """What the server calls an observation, and whether it has it."""

    key: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    is_known: bool = False


@dataclass(frozen=True)
class RemoteEncoded(Encoded):
    """Observations that the server has, or will have with the first decoding.

    `features` are what the server told of them, or the observations where nobody is to see any.
    """

    observations: Float32Array
    images: UInt8Array | None = None
    ticket: Ticket = field(default_factory=Ticket)

    def _columns(self) -> dict[str, Any] | None:
        columns = {"features": self.features, "observations": self.observations}
        return columns if self.images is None else columns | {"images": self.images}

    def _made_of(self, columns: dict[str, Any]) -> Encoded:
        return RemoteEncoded(**columns)


class RemotePolicy:
    """`PolicyBackend` that asks a `PolicyServer`; to be used from one thread.

    A server that is lost is connected again by itself, as soon as it is back; until then every call
    ends with `PolicyUnavailable` within the time.
    """

    def __init__(
        self,
        endpoint: str,
        spec: PolicySpec,
        timeout_s: float,
        keys: ClientKeys | None = None,
        images: ImageFormat | None = None,
    ) -> None:
        """`images`: how they go over; JPEG loses a little and is for slow networks.

        Keys and images are those of the policy file's settings where it names this endpoint, unless
        they are given.

        Raises:
            InvalidFile: the keys that the file names cannot be used.
        """
        if keys is None and endpoint == spec.settings.get("endpoint") and "keys" in spec.settings:
            keys = ClientKeys.read(spec.folder / str(spec.settings["keys"]))
        self.spec, self._format = spec, images or image_format_of(spec)
        self._connection = Connection(endpoint, timeout_s, keys)

    def encode(self, observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
        check_observations(self.spec, observations, images)
        unencoded = RemoteEncoded(observations, observations, images)
        if not self.spec.features_size:
            return unencoded
        observed = self._observed(unencoded)
        reply = self._ask(Message(observed.values | {"features": True}, observed.arrays))
        features = self._array(reply, "features", (len(observations), self.spec.features_size))
        unencoded.ticket.is_known = True
        return RemoteEncoded(features, observations, images, unencoded.ticket)

    def decode(self, encoded: Encoded, noises: Float32Array) -> Float32Array:
        """
        Raises:
            InvalidValue: encoded by another policy.
            PolicyUnavailable: no answer in time, or the server refused; says why.
        """
        if not isinstance(encoded, RemoteEncoded):
            raise InvalidValue(
                f"policy '{self.spec.name}' decodes what it encoded itself; got "
                f"{type(encoded).__name__}"
            )
        noise = Message({}, {"noises": np.asarray(noises, dtype=np.float32)})
        reply = None
        if encoded.ticket.is_known:
            with suppress(_Forgotten):
                reply = self._ask(Message({"key": encoded.ticket.key}, noise.arrays))
        if reply is None:
            observed = self._observed(encoded)
            reply = self._ask(Message(observed.values, observed.arrays | noise.arrays))
            encoded.ticket.is_known = True
        return self._array(reply, "chunks", (len(noises), *self.spec.chunk_shape))

    def digest(self) -> str:
        return str(self._ask(Message({"digest": True})).values.get("digest"))

    def metadata(self) -> dict[str, Any]:
        """What the server tells of its policy; see `metadata_of`."""
        told = self._ask(Message({"metadata": True})).values.get("metadata")
        if not isinstance(told, dict):
            raise PolicyUnavailable(f"{self._server} told nothing of its policy")
        return told

    def close(self) -> None:
        self._connection.close()

    @property
    def _server(self) -> str:
        return f"policy server at {self._connection.endpoint}"

    def _ask(self, question: Message) -> Message:
        """The answer.

        Raises:
            PolicyUnavailable: none in time, or an error.
        """
        values = {"protocol": PROTOCOL, "model": self.spec.weights_sha256} | question.values
        reply = self._connection.ask(Message(values, question.arrays))
        error = reply.values.get("error")
        if error is None:
            return reply
        if not isinstance(error, dict):
            error = {"kind": "error", "message": error}
        kind = _Forgotten if error.get("kind") == UNKNOWN_ENCODING else PolicyUnavailable
        raise kind(f"{self._server}: {error.get('kind')}: {error.get('message')}")

    def _observed(self, encoded: RemoteEncoded) -> Message:
        """The part of a request that brings observations along."""
        values: dict[str, Any] = {"key": encoded.ticket.key}
        arrays: dict[str, Array] = {
            "observations": np.asarray(encoded.observations, dtype=np.float32)
        }
        if encoded.images is not None:
            arrays["images"] = encoded.images
            if self._format != "raw":
                views = encoded.images.reshape(-1, *encoded.images.shape[-3:])
                files = [compress(view, self._format) for view in views]
                values["compressed"] = [len(file) for file in files]
                arrays["images"] = np.frombuffer(b"".join(files), np.uint8)
        return Message(values, arrays)

    def _array(self, reply: Message, name: str, shape: tuple[int, ...]) -> Float32Array:
        found = reply.arrays.get(name)
        if found is None or found.shape != shape or found.dtype != np.float32:
            got = "none" if found is None else f"{found.dtype} {found.shape}"
            raise PolicyUnavailable(
                f"{self._server} answered something else: {name} {got}; expected float32 {shape}"
            )
        return found.copy()
