"""A policy over ZeroMQ between two processes of one machine: one request, one reply, msgpack.

The search of a decision asks for several decodings; a synchronous call on an `ipc://` socket costs
about 0.15 ms and blocks nothing else. Requests: {"method": "encode" | "decode" | "digest", arrays};
replies: {"result": ...} or {"error": text}. An array is {"dtype", "shape", "data"}. An observation
goes over once, with its images: where somebody is to see its features (`features_size` in the
policy's file) it is encoded by a call of its own, otherwise the first decoding brings it along and
takes the features back, which saves that call.
The socket file lies in a folder that only its owner can enter; nothing listens on a network.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgpack
import numpy as np
import zmq

from dsrl_core.errors import DsrlError
from dsrl_core.policies.backend import Encoded, PolicyBackend, check_observations
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Float32Array, UInt8Array

MESSAGE_SIZE_MAX_BYTES = 64 * 1024 * 1024
_ON_THIS_MACHINE: Final = "ipc://"


class PolicyUnavailable(DsrlError):
    """The policy server did not answer in time, or answered with an error."""


class PolicyServer:
    """Serves one backend on one endpoint; call `serve_once` from a loop."""

    def __init__(self, backend: PolicyBackend, endpoint: str) -> None:
        self._backend, self._endpoint = backend, endpoint
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.MAXMSGSIZE, MESSAGE_SIZE_MAX_BYTES)
        self._socket.bind(endpoint)

    def serve_once(self, timeout_s: float) -> bool:
        """Answer one request, if one comes within the time; whether one came."""
        if not self._socket.poll(int(timeout_s * 1000)):
            return False
        identity, number, payload = self._socket.recv_multipart()
        try:
            reply = {"result": self._answer(msgpack.unpackb(payload))}
        except (DsrlError, ValueError, KeyError, TypeError) as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        self._socket.send_multipart([identity, number, msgpack.packb(reply)])
        return True

    def close(self) -> None:
        """Stop answering; ZeroMQ leaves its socket's file behind."""
        self._socket.close()
        self._context.term()
        if self._endpoint.startswith(_ON_THIS_MACHINE):
            Path(self._endpoint.removeprefix(_ON_THIS_MACHINE)).unlink(missing_ok=True)

    def _answer(self, request: dict[str, Any]) -> Any:
        method = request["method"]
        if method == "decode":
            noises = unpack(request["noises"])
            if "features" in request:
                encoded = Encoded(unpack(request["features"]))
                return {"chunks": pack(self._backend.decode(encoded, noises))}
            encoded = self._encoded(request)
            chunks = self._backend.decode(encoded, noises)
            return {"chunks": pack(chunks), "features": pack(encoded.features)}
        if method == "encode":
            return {"features": pack(self._encoded(request).features)}
        if method == "digest":
            return self._backend.digest()
        raise DsrlError(f"unknown method '{method}'; available: encode, decode, digest")

    def _encoded(self, request: dict[str, Any]) -> Encoded:
        images = unpack_images(request["images"]) if "images" in request else None
        return self._backend.encode(unpack(request["observations"]), images)


@dataclass(frozen=True)
class _Unencoded(Encoded):
    """Observations in the place of features, until the server has told what their features are."""

    images: UInt8Array | None = None
    known: list[Encoded] = field(default_factory=list)


class RemotePolicy:
    """`PolicyBackend` that asks a `PolicyServer`; a late answer to an old request is dropped."""

    def __init__(self, endpoint: str, spec: PolicySpec, timeout_s: float) -> None:
        self.spec = spec
        self._endpoint, self._timeout_s = endpoint, timeout_s
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(endpoint)
        self._number = 0

    def encode(self, observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
        check_observations(self.spec, observations, images)
        unencoded = _Unencoded(observations, images)
        if not self.spec.features_size:
            return unencoded
        answer = self._call(method="encode", **_packed(unencoded))
        return Encoded(unpack(answer["features"]))

    def decode(self, encoded: Encoded, noises: Float32Array) -> Float32Array:
        content = {"features": pack(encoded.features)}
        if isinstance(encoded, _Unencoded):
            known = encoded.known
            content = {"features": pack(known[0].features)} if known else _packed(encoded)
        answer = self._call(method="decode", noises=pack(noises), **content)
        if isinstance(encoded, _Unencoded) and not encoded.known:
            encoded.known.append(Encoded(unpack(answer["features"])))
        return unpack(answer["chunks"])

    def digest(self) -> str:
        return str(self._call(method="digest"))

    def close(self) -> None:
        self._socket.close()
        self._context.term()

    def _call(self, **request: Any) -> Any:
        self._number += 1
        number = self._number.to_bytes(8, "big")
        self._socket.send_multipart([number, msgpack.packb(request)])
        while self._socket.poll(int(self._timeout_s * 1000)):
            answered, payload = self._socket.recv_multipart()
            if answered != number:
                continue
            reply = msgpack.unpackb(payload)
            if "error" in reply:
                raise PolicyUnavailable(f"policy server at {self._endpoint}: {reply['error']}")
            return reply["result"]
        raise PolicyUnavailable(
            f"policy server at {self._endpoint} did not answer within {self._timeout_s} s"
        )


def _packed(unencoded: _Unencoded) -> dict[str, Any]:
    """The part of a request that brings observations along."""
    packed = {"observations": pack(unencoded.features)}
    if unencoded.images is not None:
        packed["images"] = _map_of(np.ascontiguousarray(unencoded.images))
    return packed


def pack(array: Float32Array) -> dict[str, Any]:
    """A float32 array as a map of plain msgpack values."""
    return _map_of(np.ascontiguousarray(array, dtype=np.float32))


def unpack(packed: dict[str, Any]) -> Float32Array:
    """The array of a map made by `pack`; another dtype or a size that does not fit is refused."""
    return np.array(_array_in(packed, "float32"), dtype=np.float32)


def unpack_images(packed: dict[str, Any]) -> UInt8Array:
    """The images of a map; another dtype or a size that does not fit is refused."""
    return np.array(_array_in(packed, "uint8"), dtype=np.uint8)


def _map_of(array: Float32Array | UInt8Array) -> dict[str, Any]:
    return {"dtype": str(array.dtype), "shape": list(array.shape), "data": array.tobytes()}


def _array_in(packed: dict[str, Any], dtype: str) -> Any:
    if packed["dtype"] != dtype:
        raise DsrlError(f"array of dtype '{packed['dtype']}'; expected {dtype}")
    return np.frombuffer(packed["data"], dtype=dtype).reshape(packed["shape"])
