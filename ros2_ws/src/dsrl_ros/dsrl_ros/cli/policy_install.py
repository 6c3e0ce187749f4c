"""`./dsrl policy install`: environments of other frameworks, beside ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dsrl_core.errors import InvalidValue


def install(
    framework: Annotated[str, typer.Argument(help="lerobot or openpi.")] = "",
    python: Annotated[
        Path | None,
        typer.Option(help="Use the environment that this Python belongs to, as it is."),
    ] = None,
    is_listed: Annotated[
        bool, typer.Option("--list", help="Only tell what there is and what is installed.")
    ] = False,
    is_removed: Annotated[bool, typer.Option("--remove", help="Delete it.")] = False,
) -> None:
    """Make the environment that a framework's policies run in; ours stays as it is."""
    from dsrl_core.policies import installing, recipes

    if is_listed:
        found = {environment.framework: environment for environment in installing.installed()}
        for name in recipes.recipe_names():
            state = "not installed"
            if name in found:
                state = f"{found[name].version} ({found[name].folder})"
            typer.echo(f"{name:<12} {state}")
        return
    if not framework:
        raise InvalidValue(f"which framework? available: {', '.join(recipes.recipe_names())}")
    if is_removed:
        installing.remove(framework)
        typer.echo(f"removed {framework}")
        return
    environment = installing.install(framework, typer.echo, python)
    typer.echo(f"installed {environment.version} in {environment.folder}")
