"""`./dsrl policy keys`: keys by which a policy's server and a robot know each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def keys(
    folder: Annotated[Path, typer.Argument(help="Where they are made, a folder for each machine.")],
    client: Annotated[str, typer.Option(help="Name of the robot that gets keys.")] = "robot",
) -> None:
    """Make keys for a policy's server and for one robot; again with --client for another one."""
    from dsrl_core.policies.wire.keys import make_keys

    server, own = make_keys(folder, client)
    typer.echo(
        f"{server}: to the machine that serves the policy (dsrl policy serve --keys {server})\n"
        f"{own}: to the robot's machine, into the policy's folder "
        f"(settings: {{keys: {own.name}}})\n"
        "Carry them by hand or over ssh; whoever has them may ask the policy."
    )
