"""`./dsrl stop`, `resume`, `start`, `pause`: what a person at the robot says."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from dsrl_core.errors import DsrlError
from dsrl_ros.cli.options import Namespace
from dsrl_ros.client import GraphClient


def stop(namespace: Namespace = "") -> None:
    """Hold the arm now; the running episode becomes invalid. It goes on only after resume."""
    with closing(GraphClient("dsrl_stop", namespace)) as client:
        _answer(client.hold())


def resume(namespace: Namespace = "") -> None:
    """Let the arm go on after a hold; refused with the reason while its cause stands."""
    with closing(GraphClient("dsrl_resume", namespace)) as client:
        _answer(client.resume())


def start(namespace: Namespace = "") -> None:
    """Let the episode that waits for a person begin; on a robot: the cell stands at its start.

    After an episode that awaits its label: leave it without, it can be labelled later.
    """
    with closing(GraphClient("dsrl_start", namespace)) as client:
        _answer(client.start())


def pause(
    off: Annotated[bool, typer.Option("--off", help="Let the run go on.")] = False,
    namespace: Namespace = "",
) -> None:
    """Let no further episode or reset begin; what is under way goes on to its end."""
    with closing(GraphClient("dsrl_pause", namespace)) as client:
        typer.echo(client.pause(not off))


def _answer(answer: tuple[bool, str]) -> None:
    accepted, message = answer
    if not accepted:
        raise DsrlError(message)
    typer.echo(message or "done")
