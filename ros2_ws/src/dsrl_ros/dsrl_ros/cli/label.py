"""`./dsrl label`: the buttons, from a terminal."""

from __future__ import annotations

import getpass
from contextlib import closing
from typing import Annotated

import typer

from dsrl_core.types import Outcome
from dsrl_ros.cli.options import Namespace
from dsrl_ros.client import HEAR_S, GraphClient

_LEDGER_S = 0.3
"""The ledger's old entries are heard within this after the present state."""


def label(
    outcome: Annotated[Outcome, typer.Argument(help="What to say of the episode.")],
    episode: Annotated[
        int | None,
        typer.Option(min=0, help="Its number. [default: the one that runs or awaits its label]"),
    ] = None,
    reward: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="How good it was. [default: 1 for success, else 0]"),
    ] = None,
    note: Annotated[str, typer.Option(help="Free text for the ledger.")] = "",
    namespace: Namespace = "",
) -> None:
    """Label an episode of the running graph; undo takes the last label back, mark is a remark."""
    with closing(GraphClient("dsrl_label", namespace)) as client:
        client.wait_for("running graph", lambda: client.status is not None, HEAR_S)
        client.spin(_LEDGER_S)
        written = client.say(outcome, getpass.getuser(), episode, reward, note)
    replaced = f" (replaces entry {written.supersedes})" if written.supersedes else ""
    typer.echo(f"episode {written.episode}: {outcome}, entry {written.entry}{replaced}")
    if written.message:
        typer.echo(written.message)
