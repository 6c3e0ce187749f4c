"""`./dsrl stop`, `./dsrl resume`, `./dsrl start`: what a person at the robot says."""

from __future__ import annotations

from contextlib import closing

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
    """The cell stands at its start: let the episode begin (on a robot)."""
    with closing(GraphClient("dsrl_start", namespace)) as client:
        _answer(client.start())


def _answer(answer: tuple[bool, str]) -> None:
    accepted, message = answer
    if not accepted:
        raise DsrlError(message)
    typer.echo(message or "done")
