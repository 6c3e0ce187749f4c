"""`./dsrl preflight`: is a frozen policy worth steering, and by which noise?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from dsrl_ros.cli.options import Namespace


def preflight(
    recorded: Annotated[
        Path | None,
        typer.Argument(
            help="Folder of a run or import: observations, and labels if there are. "
            "[default: with --robot the graph's own]"
        ),
    ] = None,
    task: Annotated[str, typer.Option(help="Task file.")] = "franka_pick",
    policy: Annotated[
        str, typer.Option(help="Frozen policy. [default: the one that the task names]")
    ] = "",
    sim: Annotated[
        bool, typer.Option("--sim", help="Play base episodes in simulation, and measure on them.")
    ] = False,
    episodes: Annotated[
        int,
        typer.Option(
            min=4,
            max=1000,
            help="With --sim: episodes with the policy's own noise, four at each reset; as many "
            "with one noise held for an episode, and as many with the recommended noise.",
        ),
    ] = 24,
    robot: Annotated[
        bool,
        typer.Option(
            "--robot",
            help="Then play episodes of each noise on the running graph, blinded; somebody labels. "
            "Unless the verdict is stop before that.",
        ),
    ] = False,
    each: Annotated[
        int, typer.Option(min=1, max=100, help="With --robot: episodes of each noise.")
    ] = 8,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of noises and resets.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where preflight.json, and simulated episodes, go. [default: the recorded folder; "
            "with --sim a new one in runs/, with --robot the graph's]"
        ),
    ] = None,
    observations: Annotated[
        int, typer.Option(min=2, max=1000, help="At how many noise is measured.")
    ] = 24,
    noises: Annotated[
        int, typer.Option(min=8, max=512, help="How many of each kind, at each observation.")
    ] = 64,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    namespace: Namespace = "",
) -> None:
    """Measure what noise does to a policy's actions, and what choosing it could gain.

    Exit status: 0 go, 1 warn, 3 stop, 2 if it could not be measured.
    """
    # Here, because they take a second to load, which nobody waits for who asks for help only.
    from dsrl_core.errors import InvalidValue
    from dsrl_core.steering.preflight.examination import Effort
    from dsrl_core.steering.preflight.preflight_file import FILE, write
    from dsrl_core.steering.preflight.verdict import EXIT_STATUS, Level
    from dsrl_ros.paths import catalog
    from dsrl_ros.preflight.command import Asked, perform
    from dsrl_ros.preflight.display import show

    if sim == (recorded is not None or robot):
        raise InvalidValue(
            "give either the folder of a run or import, or --sim, or, on a running graph, --robot"
        )
    known = catalog()
    spec = known.task(task)
    asked = Asked(
        spec,
        known.robot(spec.robot),
        known.policy_of(spec, policy),
        recorded,
        out,
        episodes,
        seed,
        Effort(observations, noises),
        each if robot else 0,
        namespace,
    )
    content, folder = perform(asked, lambda text: typer.echo(text, err=True))
    write(folder / FILE, content)
    if as_json:
        typer.echo(json.dumps(content, indent=1))
    else:
        show(content, folder / FILE)
    raise typer.Exit(EXIT_STATUS[Level(content["verdict"])])
