"""`./dsrl console`: the operator's buttons and everything they need to see, in a terminal."""

from __future__ import annotations

import getpass
import time
from typing import Annotated, Final

import typer

from dsrl_core.errors import DsrlError
from dsrl_core.operator.orders import RunWanted
from dsrl_core.types import Mode
from dsrl_ros.cli.desk import Desk
from dsrl_ros.cli.keys import Keys
from dsrl_ros.cli.options import Alpha, Margin, Namespace
from dsrl_ros.start_run import ARMS

_TURN_S: Final = 0.05
_FRAME_S: Final = 0.2


def console(
    author: Annotated[str, typer.Option(help="Whose name labels bear. [default: yours]")] = "",
    mode: Annotated[str, typer.Option(help="Run that a start begins.")] = str(Mode.TRAIN),
    episodes: Annotated[int, typer.Option(min=0, help="Of that run. 0: until stopped.")] = 0,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of that run.")] = 0,
    arms: Annotated[
        tuple[str, str], typer.Option(help="That mode ab compares, such as eval@12 eval@40.")
    ] = ARMS,
    alpha: Alpha = 0.05,
    margin: Margin = 0.0,
    namespace: Namespace = "",
) -> None:
    """Operate a running graph from the terminal, full-screen. q leaves; the graph goes on."""
    from rich.console import Console
    from rich.live import Live

    from dsrl_ros.cli.console_screen import screen
    from dsrl_ros.operator_link import OperatorLink
    from dsrl_ros.served_node import served_node

    terminal = Console()
    with served_node("dsrl_console", namespace) as node, Keys() as keys:
        if not keys.is_interactive or not terminal.is_terminal:
            raise DsrlError("the console needs a terminal; for scripts there is ./dsrl label")
        link = OperatorLink(node, author or getpass.getuser())
        link.run_wanted = RunWanted(mode, episodes, seed, arms, alpha, margin)
        desk = Desk(link)
        with Live(console=terminal, screen=True, auto_refresh=False) as live:
            drawn_s = 0.0
            while True:
                key = keys.pressed()
                if key and desk.press(key):
                    break
                desk.look()
                if key or time.monotonic() - drawn_s > _FRAME_S:
                    drawn_s = time.monotonic()
                    live.update(screen(desk), refresh=True)
                if not key:
                    time.sleep(_TURN_S)
        link.close()
