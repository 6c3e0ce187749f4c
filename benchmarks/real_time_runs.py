"""Episodes in real time for a benchmark; an arm that is held is let go on, and that is counted."""

from __future__ import annotations

import time

from dsrl_core.status import Phase
from dsrl_core.types import Mode
from dsrl_ros.paths import catalog
from dsrl_ros.session import GraphSession
from dsrl_sim.faults import Cell


def play(session: GraphSession, mode: Mode, seed: int, seconds: float) -> int:
    """Run episodes for so long [s]; how often the arm was held meanwhile, and let go on."""
    task = catalog().task(session.graph.options.task)
    cell = Cell(session, catalog().policy(task.policy).chunk_shape)
    holds = 0
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        if cell.is_held:
            holds += 1
            cell.resume()
        if cell.is_in(Phase.IDLE):
            session.client.begin(mode, 0, seed, 0)
        session.check()
        session.client.serve(0.2)
    cell.end()
    return holds
