"""One client's connection to a policy's server: a question, its answer, and why there is none."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from dsrl_core.policies.wire.curve_connection import CurveConnection
from dsrl_core.policies.wire.errors import MalformedMessage, PolicyLost, PolicyUnavailable
from dsrl_core.policies.wire.keys import ClientKeys
from dsrl_core.policies.wire.messages import Message, Part, pack, unpack
from dsrl_core.policies.wire.stream_connection import StreamConnection


class Way(Protocol):
    """How the parts of messages go there and come back; connects again by itself."""

    def ask(self, number: int, parts: Sequence[Part], until_s: float) -> Sequence[Part]:
        """The parts of the answer with this number.

        Raises:
            PolicyLost: none by then, or the connection was lost meanwhile; says only why.
            MalformedMessage: what came is no answer.
        """
        ...

    def close(self) -> None: ...


class Connection:
    """With keys by ZeroMQ, without them by a plain socket, on this machine only."""

    def __init__(self, endpoint: str, timeout_s: float, keys: ClientKeys | None = None) -> None:
        self.endpoint, self._timeout_s = endpoint, timeout_s
        self._way: Way = (
            StreamConnection(endpoint) if keys is None else CurveConnection(endpoint, keys)
        )
        self._number = 0

    def ask(self, question: Message) -> Message:
        """The answer to a question; a late one to another question is dropped.

        Raises:
            PolicyLost: none within the time, or the connection was lost meanwhile.
            PolicyUnavailable: what came is no message.
        """
        self._number += 1
        try:
            parts = self._way.ask(self._number, pack(question), time.monotonic() + self._timeout_s)
            return unpack(parts)
        except PolicyLost as error:
            raise PolicyLost(
                f"policy server at {self.endpoint} did not answer within {self._timeout_s} s: "
                f"{error}"
            ) from error
        except MalformedMessage as error:
            raise PolicyUnavailable(
                f"policy server at {self.endpoint} answered something else: {error}"
            ) from error

    def close(self) -> None:
        """More often than once does no harm."""
        self._way.close()
