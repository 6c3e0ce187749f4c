"""Which weights decide: the newest, but during a comparison those that it began with.

Updates that were pending when a comparison began may end in the midst of it; an arm that changes
meanwhile cannot be compared.
"""

from __future__ import annotations

from typing import NamedTuple

from dsrl_core.status import RUN_AB, EpisodeStatus, Phase


class Weights(NamedTuple):
    """Of actor and critics, as `DecisionLoop.set_weights` takes them."""

    version: int
    data: bytes


class WeightsInUse:
    """Keeps the newest weights and those that are in use."""

    def __init__(self) -> None:
        self._newest: Weights | None = None
        self._used: Weights | None = None
        self._compares = False

    def offer(self, weights: Weights) -> None:
        """The learner has newer ones."""
        self._newest = weights

    def choose(self, status: EpisodeStatus) -> Weights | None:
        """Those to decide with under this status of the run; None: there are none yet.

        Weights that the status asks for (`minimum_weights_version`) are never held back.
        """
        compared, self._compares = self._compares, _is_comparison(status)
        version = self._used.version if self._used else 0
        if not (compared and self._compares) or version < status.minimum_weights_version:
            self._used = self._newest
        return self._used


def _is_comparison(status: EpisodeStatus) -> bool:
    return status.run_mode == RUN_AB and status.phase is not Phase.IDLE
