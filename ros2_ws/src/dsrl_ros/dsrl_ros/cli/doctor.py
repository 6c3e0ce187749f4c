"""`./dsrl doctor`: looks before a run whether it can be done, and explains what is in its way."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer


def doctor(
    task: Annotated[str, typer.Option(help="Task file to be run.")] = "franka_pick",
    policy: Annotated[
        str, typer.Option(help="Frozen policy. [default: the one that the task names]")
    ] = "",
    robot_ip: Annotated[
        str,
        typer.Option(
            help="Address of the controller that this machine talks to: what its control loop "
            "needs is then demanded. Nothing is sent to its control interface."
        ),
    ] = "",
    simulated: Annotated[
        bool | None,
        typer.Option(
            "--simulated/--realtime",
            help="On simulated time in lock-step, or at the clock on the wall. [default: as heard]",
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.5, max=60.0, help="How long to listen to the topics.")
    ] = 2.0,
    namespace: Annotated[str, typer.Option(help="Of the robot's topics and the graph's.")] = "",
    out: Annotated[Path, typer.Option(help="Output folder of the run.")] = Path("runs/up"),
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 on a warning too.")] = False,
) -> None:
    """Examine machine, network, robot, topics and policy; exit with 1 if a run would fail."""
    # Here, because it takes a second to load, which nobody waits for who asks for help only.
    from rich.console import Console

    from dsrl_ros.doctor.display import show
    from dsrl_ros.doctor.examination import examine
    from dsrl_ros.doctor.question import Question
    from dsrl_ros.paths import catalog

    known = catalog()
    question = Question.of(known, task, policy, out, robot_ip, simulated, seconds, namespace)
    console = Console(highlight=False)
    waiting = nullcontext() if as_json else console.status("")
    with waiting as spinner:
        report = examine(question, lambda what: spinner.update(what) if spinner else None)
    if as_json:
        typer.echo(json.dumps(report.to_json(), indent=2))
    else:
        show(report, console)
    raise typer.Exit(report.exit_code(strict))
