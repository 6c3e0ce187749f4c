"""A policy behind openpi's websocket: our own server, or openpi started with our launch script.

A stock openpi server drops a noise that is sent to it silently; `workers/serve_openpi.py`, run in
openpi's own environment, passes it on and says so. What the server tells of itself on connecting is
compared with the policy's file, at the start and whenever it is connected again.

In `settings`: `url` (ws://host:port or wss://...); `timeout_s` for one answer; `connect_s` to wait
for the server at the start; `token_file`, relative to the policy's folder; `images` (raw, jpeg or
png; the latter two for servers of ours).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from dsrl_core.errors import InvalidFile, InvalidValue
from dsrl_core.policies.backend import Encoded, check_decode, check_observations
from dsrl_core.policies.model_io import FIRST_ACTION, ModelIO
from dsrl_core.policies.wire.client import Ticket, image_format_of
from dsrl_core.policies.wire.errors import PolicyUnavailable
from dsrl_core.policies.wire.images import compress
from dsrl_core.policies.wire.keys import read_token
from dsrl_core.policies.wire.messages import UNKNOWN_ENCODING
from dsrl_core.policies.wire.metadata import check_metadata
from dsrl_core.policies.wire.openpi_connection import OpenPiConnection
from dsrl_core.policies.wire.openpi_requests import FEATURES, KEY, NOISE
from dsrl_core.policies.worker_process import seconds
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Float32Array, UInt8Array

_TIMEOUT_S: Final = 10.0
_CONNECT_S: Final = 30.0


@dataclass(frozen=True)
class OpenPiEncoded(Encoded):
    """Observations with the server's features of them, or themselves where there are none."""

    observations: Float32Array
    images: UInt8Array | None = None
    tickets: tuple[Ticket, ...] = ()

    def _columns(self) -> dict[str, Any] | None:
        columns = {"features": self.features, "observations": self.observations}
        return columns if self.images is None else columns | {"images": self.images}

    def _made_of(self, columns: dict[str, Any]) -> Encoded:
        tickets = tuple(Ticket() for _ in columns["features"])
        return OpenPiEncoded(**columns, tickets=tickets)


class OpenPiPolicy:
    """`PolicyBackend` of a server that speaks openpi's protocol; calls come from one thread."""

    def __init__(self, spec: PolicySpec) -> None:
        """
        Raises:
            PolicyUnavailable: the server is not there in time, or does not let us in.
            InvalidFile: the server does not take this policy's noise, is another model or gives
                shorter chunks; or a setting is wrong.
        """
        self.spec, self._io = spec, ModelIO(spec)
        self._format = image_format_of(spec)
        token_file = str(spec.settings.get("token_file", ""))
        self._connection = OpenPiConnection(
            _url(spec),
            seconds(spec, "timeout_s", _TIMEOUT_S),
            read_token(spec.folder / token_file) if token_file else "",
            self._check,
        )
        self._connection.open(seconds(spec, "connect_s", _CONNECT_S))

    def encode(self, observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
        check_observations(self.spec, observations, images)
        tickets = tuple(Ticket() for _ in observations)
        unencoded = OpenPiEncoded(observations, observations, images, tickets)
        if not self.spec.features_size:
            return unencoded
        rows = [self._features(unencoded, row) for row in range(len(observations))]
        return OpenPiEncoded(np.stack(rows), observations, images, tickets)

    def decode(self, encoded: Encoded, noises: Float32Array) -> Float32Array:
        check_decode(self.spec, encoded, noises)
        if not isinstance(encoded, OpenPiEncoded):
            raise InvalidValue(
                f"policy '{self.spec.name}' decodes what it encoded itself; got "
                f"{type(encoded).__name__}"
            )
        given = np.array(noises, dtype=np.float32)
        if len(encoded) == 1:
            return self._chunks(encoded, 0, given)
        rows = [self._chunks(encoded, row, given[row : row + 1]) for row in range(len(given))]
        return np.concatenate(rows)

    def digest(self) -> str:
        """What the server calls its model; the policy's file pins it."""
        return str(self._connection.metadata["model_id"])

    def close(self) -> None:
        self._connection.close()

    def _check(self, told: dict[str, Any]) -> None:
        first = int(self.spec.settings.get(FIRST_ACTION, 0))
        check_metadata(self.spec, told, _url(self.spec), first + self.spec.horizon)
        size = self.spec.features_size
        if size and told.get("features_size") != size:
            raise InvalidFile(
                f"the server at {_url(self.spec)} gives {told.get('features_size', 0)} features; "
                f"policy '{self.spec.name}' says features_size {size}"
            )

    def _features(self, encoded: OpenPiEncoded, row: int) -> Float32Array:
        reply = self._ask(encoded, row, {FEATURES: True})
        features = self._array(reply, FEATURES, (self.spec.features_size,))
        return np.asarray(features, dtype=np.float32)

    def _chunks(self, encoded: OpenPiEncoded, row: int, noises: Float32Array) -> Float32Array:
        """Of one observation: in as few questions as the server takes."""
        told = self._connection.metadata
        at_once = told.get("max_batch", 1) if told.get("batched_noise") is True else 1
        if not isinstance(at_once, int) or at_once < 1 or len(noises) == 1:
            at_once = 1
        found = []
        for start in range(0, len(noises), at_once):
            part = noises[start : start + at_once]
            reply = self._ask(encoded, row, {NOISE: part[0] if at_once == 1 else part})
            actions = self._array(reply, "actions", None)
            found.append(self._io.chunks(actions if actions.ndim == 3 else actions[None]))
            if len(found[-1]) != len(part):
                raise PolicyUnavailable(
                    f"policy server at {self._connection.url} answered something else: "
                    f"{len(found[-1])} chunks for {len(part)} noises"
                )
        return np.concatenate(found)

    def _ask(self, encoded: OpenPiEncoded, row: int, asked: dict[str, Any]) -> dict[str, Any]:
        ticket = encoded.tickets[row]
        if self._connection.metadata.get("handles") is not True:
            return self._answered(asked | self._observation(encoded, row))
        asked = asked | {KEY: ticket.key}
        reply = self._connection.ask(asked) if ticket.is_known else None
        if reply is None or _kind_of(reply) == UNKNOWN_ENCODING:
            reply = self._connection.ask(asked | self._observation(encoded, row))
        return self._good(reply, ticket)

    def _answered(self, question: dict[str, Any]) -> dict[str, Any]:
        return self._good(self._connection.ask(question), Ticket())

    def _good(self, reply: dict[str, Any], ticket: Ticket) -> dict[str, Any]:
        if "error" in reply:
            error = reply["error"]
            told = error.get("message") if isinstance(error, dict) else error
            raise PolicyUnavailable(
                f"policy server at {self._connection.url}: {_kind_of(reply)}: {told}"
            )
        ticket.is_known = True
        return reply

    def _observation(self, encoded: OpenPiEncoded, row: int) -> dict[str, Any]:
        images = None if encoded.images is None else encoded.images[row : row + 1]
        given = self._io.inputs(encoded.observations[row : row + 1], images)
        found: dict[str, Any] = {key: value[0] for key, value in given.items()}
        if self._format != "raw":
            for key in self._io.camera_keys:
                found[key] = self._compressed(found[key])
        return found | ({"prompt": self.spec.prompt} if self.spec.prompt else {})

    def _compressed(self, picture: UInt8Array) -> Any:
        if picture.ndim == 3:
            return {self._format: compress(picture, self._format)}
        return [{self._format: compress(one, self._format)} for one in picture]

    def _array(self, reply: dict[str, Any], name: str, shape: tuple[int, ...] | None) -> Any:
        found = reply.get(name)
        if isinstance(found, np.ndarray) and found.dtype.kind == "f":
            if found.shape == shape or (shape is None and found.ndim in (2, 3)):
                return found
            got = f"{found.dtype} {found.shape}"
        else:
            got = type(found).__name__
        raise PolicyUnavailable(
            f"policy server at {self._connection.url} answered something else: {name} {got}; "
            f"expected floats {shape or '(rows, columns)'}"
        )


def _kind_of(reply: dict[str, Any]) -> object:
    error = reply.get("error")
    return error.get("kind") if isinstance(error, dict) else None


def _url(spec: PolicySpec) -> str:
    url = str(spec.settings.get("url", ""))
    if not url.startswith(("ws://", "wss://")):
        raise InvalidFile(
            f"policy '{spec.name}': settings.url is '{url}'; expected ws://host:port of its server"
        )
    return url
