"""`./dsrl label`: the buttons, from a terminal."""

from __future__ import annotations

import getpass
import time
from contextlib import closing
from typing import Annotated

import typer

from dsrl_core.errors import DsrlError
from dsrl_core.status import Phase
from dsrl_core.types import Label, Outcome
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
    note: Annotated[str, typer.Option(help="Free text for the ledger.")] = "",
    namespace: Namespace = "",
) -> None:
    """Label an episode of the running graph; undo takes the last label back."""
    with closing(GraphClient("dsrl_label", namespace)) as client:
        client.wait_for("running graph", lambda: client.status is not None, HEAR_S)
        client.wait_for_listener()
        client.spin(_LEDGER_S)
        number = _chosen(client, outcome) if episode is None else episode
        reward = 1.0 if outcome is Outcome.SUCCESS else 0.0
        pressed = Label(number, outcome, reward, getpass.getuser(), time.time_ns(), note=note)
        written = client.press(pressed)
    replaced = f" (replaces entry {written.supersedes})" if written.supersedes else ""
    typer.echo(f"episode {written.episode}: {written.outcome}, entry {written.entry}{replaced}")


def _chosen(client: GraphClient, outcome: Outcome) -> int:
    """The episode that is meant when none is named."""
    status = client.status
    assert status is not None
    if outcome is Outcome.UNDO:
        standing = [entry for entry in client.labels.values() if entry.outcome != Outcome.UNDO]
        if not standing:
            raise DsrlError("there is no label to take back")
        return max(standing, key=lambda entry: entry.entry).episode
    if status.phase in (Phase.RUNNING, Phase.AWAITING_LABEL, Phase.DONE):
        return status.episode
    raise DsrlError(
        f"no episode runs or awaits a label (episode {status.episode} is {status.phase.name}); "
        "name an earlier one with --episode"
    )
