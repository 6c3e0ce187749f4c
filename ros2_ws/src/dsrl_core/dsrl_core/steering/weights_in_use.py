"""Which weights decide: the newest, but in a comparison those that the present arm names.

An arm whose weights change in the midst of a comparison cannot be compared: not when pending
updates end meanwhile, and not when the noise actor is started again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from dsrl_core.status import STEERED, EpisodeStatus


class Weights(NamedTuple):
    """Of actor and critics, as `DecisionLoop.set_weights` takes them."""

    version: int
    data: bytes


NONE_YET = Weights(0, b"")
"""Before the learner has found any: the frozen policy decides by itself."""


class WeightsInUse:
    """Keeps the newest weights and those that are in use."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        """`read` gives the bytes of a version that is kept, or raises DsrlError."""
        self._read = read
        self._newest: Weights | None = None
        self._used: Weights | None = None

    def offer(self, weights: Weights) -> None:
        """The learner has newer ones."""
        self._newest = weights

    def choose(self, status: EpisodeStatus) -> Weights | None:
        """Those to decide with under this status of the run; None: there are none yet.

        Raises:
            DsrlError: the version that a comparison names is not there.
        """
        if not status.compares:
            self._used = self._newest
        elif status.mode in STEERED:
            self._used = self._named(status.minimum_weights_version)
        return self._used

    def _named(self, version: int) -> Weights:
        if version == 0:
            return NONE_YET
        for known in (self._used, self._newest):
            if known is not None and known.version == version:
                return known
        return Weights(version, self._read(version))


def fits(status: EpisodeStatus, version: int) -> bool:
    """Whether decisions of the present episode may be taken with this version of the weights."""
    if status.compares:
        return status.mode not in STEERED or version == status.minimum_weights_version
    return version >= status.minimum_weights_version
