"""`./dsrl demo`: the whole story in one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    task: Annotated[
        str | None, typer.Option(help="Task file to run. [default: franka_pick]")
    ] = None,
    episodes: Annotated[
        int | None,
        typer.Option(min=0, help="Online episodes after the warm-up. [default: 40]"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**31 - 1, help="Seed of the run. [default: 0]")
    ] = None,
    eval_episodes: Annotated[
        int | None,
        typer.Option(min=1, help="Resets on which every policy is measured. [default: 100]"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Output folder. [default: a new one in runs/]")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out that was interrupted.")
    ] = False,
    headless: Annotated[bool, typer.Option("--headless", help="No window; the default.")] = False,
    viewer: Annotated[bool, typer.Option("--viewer", help="Watch it in a window.")] = False,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Simulate at the clock on the wall.")
    ] = False,
) -> None:
    """Measure a frozen policy, learn to steer it, measure again, and write a report.

    With --resume, what is not given is as it was.
    """
    # Here, because they take a second to load, which nobody waits for who asks for help only.
    from dsrl_ros.demo.command import perform
    from dsrl_ros.demo.plan import Asked

    asked = Asked(task, episodes, seed, eval_episodes, out, resume, headless, viewer, realtime)
    status = perform(asked)
    if status:
        raise typer.Exit(status)
