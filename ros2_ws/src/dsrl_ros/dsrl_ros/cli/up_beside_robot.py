"""`./dsrl up --machine robot`: of two machines, the part beside the arm."""

from __future__ import annotations

import time

from rich.console import Console

from dsrl_core.errors import DsrlError
from dsrl_ros.graph import Graph
from dsrl_ros.machine import clean_shared_memory
from dsrl_ros.paths import prepare_output
from dsrl_ros.runner import Runner

_LOOK_S = 0.1
_OTHER_MACHINE_S = 3600.0
"""The other machine's part is there within; it may be started later."""


def run_beside_robot(graph: Graph, console: Console) -> None:
    """The part of a graph that must be beside the arm, until Ctrl+C or a failure for good.

    Raises:
        DsrlError: the output folder cannot be used, or a node fails.
    """

    def tell(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True)

    prepare_output(graph.options.out)
    clean_shared_memory()
    runner = Runner(graph, tell)
    try:
        names = ", ".join(node.name for node in graph.nodes)
        tell(f"{names} wait for the other machine. Ctrl+C ends this part, and the arm stays.")
        runner.start(_OTHER_MACHINE_S)
        tell("The robot's part is up.")
        while runner.failure is None:
            time.sleep(_LOOK_S)
        raise DsrlError(runner.failure)
    finally:
        runner.stop()
