"""An episode at the wall's clock, on a machine however busy."""

from __future__ import annotations

from dsrl_core.errors import DsrlError
from dsrl_core.types import Mode
from dsrl_ros.session import EpisodeResult, GraphSession

TRIES = 5


def one_episode(graph: GraphSession, mode: Mode) -> EpisodeResult:
    """A valid one. A run is given up after some invalid ones in a row, which a machine without time
    for its simulator may bring about; then it is begun again.

    Raises:
        DsrlError: a process failed, or every try was given up.
    """
    for left in reversed(range(TRIES)):
        try:
            (result,) = graph.run(mode, 1)
        except DsrlError:
            graph.check()
            if not left:
                raise
        else:
            break
    return result
