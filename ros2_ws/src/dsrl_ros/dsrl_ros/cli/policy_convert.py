"""`./dsrl policy convert`: a checkpoint that is a pickle, made into one that is not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def convert(
    checkpoint: Annotated[Path, typer.Argument(help="A .ckpt of Stanford's diffusion_policy.")],
    out: Annotated[Path, typer.Argument(help="Folder to be made.")],
) -> None:
    """Make safetensors of a checkpoint, in a process that can do nothing else."""
    from dsrl_core.policies.converters.conversion import convert_checkpoint

    done = convert_checkpoint(checkpoint, out)
    if not done.had_no_network:
        typer.echo("note: the kernel did not let the conversion give up the network", err=True)
    if not done.had_no_files:
        typer.echo("note: the kernel did not let the conversion give up other files", err=True)
    typer.echo(
        f"{done.folder}: weights.safetensors, and policy.json with what policy.yaml has to say of "
        "them; add name, description, observation, action and cameras"
    )
