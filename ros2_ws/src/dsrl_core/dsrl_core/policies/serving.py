"""Answers the requests of several robots with one policy: what is there at once goes as one batch.

To be used from one thread only, the one in which the policy was loaded. What was made of an
observation is kept under the key that the client gave it, so that neither images nor features go
over the wire twice; what was used least recently is forgotten, and then the client sends the
observation again.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Container, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

import numpy as np

from dsrl_core.errors import DsrlError, InvalidValue
from dsrl_core.policies.backend import Encoded, PolicyBackend, check_decode, check_observations
from dsrl_core.types import Float32Array, UInt8Array

ENCODINGS_MAX: Final = 64
ENCODINGS_OF_ONE_MAX: Final = 4
"""A robot asks about its newest observations; memory that was used just now is the fastest."""
_GATHER_SHARE: Final = 0.1
_GATHER_MIN_S: Final = 0.001
_GATHER_MAX_S: Final = 0.005
_LOG: Final = logging.getLogger(__name__)
_Value = TypeVar("_Value")
_Array = TypeVar("_Array", Float32Array, UInt8Array)


class UnknownEncoding(DsrlError):
    """What was made of an observation is no longer held here: it must be sent again."""


@dataclass(frozen=True)
class Request:
    """One robot's question: with `observations` encode them, with `noises` decode."""

    key: bytes = b""
    """What the client calls its observation; empty: it will not come back to it."""
    observations: Float32Array | None = None
    images: UInt8Array | None = None
    noises: Float32Array | None = None
    wants_features: bool = False
    wants_digest: bool = False


@dataclass
class Answer:
    """What came of a request: what it asked for, or the error that it made."""

    request: Request
    client: Hashable = None
    encoded: Encoded | None = None
    chunks: Float32Array | None = None
    digest: str = ""
    error: Exception | None = None


class Serving:
    """One policy and what it made of observations."""

    def __init__(self, backend: PolicyBackend, encodings_max: int = ENCODINGS_MAX) -> None:
        """Decodes once, noise included: what is slow the first time is not so at a decision."""
        self.backend, self._encodings_max = backend, encodings_max
        self._known: OrderedDict[bytes, Encoded] = OrderedDict()
        self._keys: OrderedDict[int, deque[bytes]] = OrderedDict()
        warm_up(backend)

    def answer(
        self, requests: Sequence[Request], clients: Sequence[Hashable] | None = None
    ) -> list[Answer]:
        """One answer for each request; what is wrong with one is told to that one alone.

        `clients`: who asked each, where that is known.
        """
        asking = clients or [None] * len(requests)
        answers = [Answer(*pair) for pair in zip(requests, asking, strict=True)]
        self._in_batches([a for a in answers if self._is_new(a)], _observed, self._encode)
        self._in_batches([a for a in answers if self._is_to_decode(a)], _asked, self._decode)
        for answer in answers:
            if answer.request.wants_digest and answer.error is None:
                with_digest = self._tried(answer, self.backend.digest)
                answer.digest = with_digest or ""
        return answers

    def _is_new(self, answer: Answer) -> bool:
        """Whether its observation is to be encoded; finds the encoding of one that is known."""
        request = answer.request
        if request.observations is not None:
            return self._tried(answer, lambda: self._checked(request)) is not None
        if request.noises is not None or request.wants_features:
            answer.encoded = self._known.get(request.key)
            if answer.encoded is None:
                answer.error = UnknownEncoding("this observation is not known here: send it again")
            else:
                self._known.move_to_end(request.key)
        return False

    def _is_to_decode(self, answer: Answer) -> bool:
        encoded, noises = answer.encoded, answer.request.noises
        if encoded is None or noises is None or answer.error is not None:
            return False

        def check() -> bool:
            check_decode(self.backend.spec, encoded, noises)
            return True

        return self._tried(answer, check) is not None

    def _checked(self, request: Request) -> bool:
        spec, observations = self.backend.spec, request.observations
        assert observations is not None
        check_observations(spec, observations, request.images)
        if len(observations) > spec.max_batch:
            raise InvalidValue(
                f"{len(observations)} observations in one call; max_batch is {spec.max_batch}"
            )
        return True

    def _encode(self, group: list[Answer]) -> bool:
        """Encode for all of a group at once; False where that cannot be taken apart again."""
        values = [answer.request.observations for answer in group]
        images = [answer.request.images for answer in group]
        seen = None if images[0] is None else _joined(images)
        together = self.backend.encode(_joined(values), seen)
        start = 0
        for answer in group:
            stop = start + _observed(answer)
            part = together if len(group) == 1 else together.rows(slice(start, stop))
            if part is None:
                return False
            answer.encoded, start = part, stop
        for answer in group:
            if answer.request.key and answer.encoded is not None:
                self._known[answer.request.key] = answer.encoded
                self._keep_few_of(answer)
        while len(self._known) > self._encodings_max:
            self._known.popitem(last=False)
        return True

    def _keep_few_of(self, answer: Answer) -> None:
        if answer.client is None:
            return
        # Not the client itself: one that has left is not to be held.
        client = hash(answer.client)
        keys = self._keys.setdefault(client, deque())
        self._keys.move_to_end(client)
        if answer.request.key not in keys:
            keys.append(answer.request.key)
        if len(keys) > ENCODINGS_OF_ONE_MAX:
            self._known.pop(keys.popleft(), None)
        if len(self._keys) > self._encodings_max:
            self._keys.popitem(last=False)

    def _decode(self, group: list[Answer]) -> bool:
        """Decode for all of a group at once; False where their encodings cannot be put together."""
        encodings = [answer.encoded for answer in group if answer.encoded is not None]
        counts = [_asked(answer) for answer in group]
        together = encodings[0] if len(group) == 1 else Encoded.joined(encodings, counts)
        if together is None:
            return False
        chunks = self.backend.decode(together, _joined([answer.request.noises for answer in group]))
        if len(group) == 1:
            group[0].chunks = chunks
            return True
        for answer, part in zip(group, np.split(chunks, np.cumsum(counts)[:-1]), strict=True):
            answer.chunks = part
        return True

    def _in_batches(
        self,
        answers: list[Answer],
        size: Callable[[Answer], int],
        run: Callable[[list[Answer]], bool],
    ) -> None:
        """Run groups of at most `max_batch`; one that fails, or cannot go together, one by one."""
        for group in _groups(answers, size, self.backend.spec.max_batch):
            if len(group) > 1:
                try:
                    if run(group):
                        continue
                except Exception:
                    # Whose error it is shows when each is asked alone.
                    _LOG.debug("a batch of %d failed", len(group), exc_info=True)
            for answer in group:
                self._tried(answer, partial(run, [answer]))

    def _tried(self, answer: Answer, ask: Callable[[], _Value]) -> _Value | None:
        """What came of it; None where it failed, and then the answer holds the error."""
        try:
            return ask()
        except DsrlError as error:
            answer.error = error
        except Exception as error:
            _LOG.exception("policy '%s' failed", self.backend.spec.name)
            answer.error = error
        return None


class Rhythm:
    """Whether to wait a moment for robots that were answered just now and ask again at once.

    Otherwise one of several would always be answered alone, and the others together: half the
    throughput of a policy for which a batch takes no longer than one.
    """

    def __init__(self) -> None:
        self._answered_s: dict[Hashable, float] = {}
        self._took_s = 0.0

    def wait_s(self, waiting: Container[Hashable], now_s: float, is_amid: bool = False) -> float:
        """Time [s] worth waiting for more than these: a small share of what an answer takes.

        `is_amid`: somebody is known to be asking just now.
        """
        window_s = min(_GATHER_SHARE * self._took_s, _GATHER_MAX_S)
        if window_s < _GATHER_MIN_S:
            return 0.0
        recent = (who for who, at_s in self._answered_s.items() if now_s - at_s < self._took_s)
        return window_s if is_amid or any(who not in waiting for who in recent) else 0.0

    def answered(self, clients: Iterable[Hashable], began_s: float, ended_s: float) -> None:
        """Remember who was answered, and how long that took."""
        self._took_s = ended_s - began_s
        for who in [w for w, at_s in self._answered_s.items() if ended_s - at_s > self._took_s]:
            del self._answered_s[who]
        self._answered_s |= dict.fromkeys(clients, ended_s)


def warm_up(backend: PolicyBackend) -> None:
    """Decode once, noise included: what is slow the first time is not so at the first decision."""
    spec = backend.spec
    images = None if spec.images_shape is None else np.zeros((1, *spec.images_shape), np.uint8)
    encoded = backend.encode(np.zeros((1, spec.observation_size), np.float32), images)
    backend.decode(encoded, np.zeros((1, *spec.noise_shape), np.float32))


def _observed(answer: Answer) -> int:
    observations = answer.request.observations
    return 0 if observations is None else len(observations)


def _asked(answer: Answer) -> int:
    noises = answer.request.noises
    return 0 if noises is None else len(noises)


def _joined(arrays: Sequence[_Array | None]) -> _Array:
    found = [array for array in arrays if array is not None]
    return found[0] if len(found) == 1 else np.concatenate(found)


def _groups(
    answers: list[Answer], size: Callable[[Answer], int], at_most: int
) -> list[list[Answer]]:
    groups: list[list[Answer]] = []
    total = 0
    for answer in answers:
        if not groups or total + size(answer) > at_most:
            groups.append([])
            total = 0
        groups[-1].append(answer)
        total += size(answer)
    return groups
