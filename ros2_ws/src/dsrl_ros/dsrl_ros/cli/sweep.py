"""`./dsrl sweep`: many runs in simulation, on one machine or many, and one table of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

_FAILED = 1
_ENTRY = "dsrl_sim.online_run:measure"


def sweep(
    out: Annotated[
        Path, typer.Option(help="Output folder; a sweep that was stopped is gone on with.")
    ] = Path("runs/sweep"),
    task: Annotated[
        list[str] | None, typer.Option(help="Task file; several times. [default: franka_pick]")
    ] = None,
    policy: Annotated[
        str, typer.Option(help="Frozen policy. [default: the one that the task names]")
    ] = "",
    seeds: Annotated[str, typer.Option(help="Such as 0,2,5-7.")] = "0-4",
    config: Annotated[
        list[Path] | None,
        typer.Option(help="A variant: a YAML map as of ./dsrl retrain --config; several times."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Values of a setting, such as noise_bound=1.0,1.5 or settings.batch=128,256; "
            "several times: every combination is a variant.",
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option(min=0, help="So many of the combinations, drawn; 0: all.")
    ] = 0,
    points: Annotated[
        str, typer.Option(help="Online episodes after which the greedy policy is measured.")
    ] = "0,10,20,40",
    resets: Annotated[int, typer.Option(min=1, help="Fresh starts per figure.")] = 100,
    local: Annotated[
        bool, typer.Option("--local", help="Processes of this machine, without Ray.")
    ] = False,
    workers: Annotated[
        int, typer.Option(min=0, help="Runs at once on this machine; 0: one per core.")
    ] = 0,
    address: Annotated[
        str, typer.Option(help="Ray cluster that runs already: host:port, or auto.")
    ] = "",
) -> None:
    """Learn and measure for every task, variant and seed; a finished run is not repeated.

    Exit status: 0 all are finished, 1 some failed.
    """
    # Here, because they take a second to load, which nobody waits for who asks for help only.
    from dsrl_core.errors import InvalidValue
    from dsrl_core.sweeps.local import run_locally
    from dsrl_core.sweeps.on_ray import library, run_on_ray
    from dsrl_core.sweeps.plan import cells_of, numbers, variants_of
    from dsrl_core.sweeps.results import SweepFolder
    from dsrl_ros.paths import catalog

    if local and address:
        raise InvalidValue("--local is for this machine; expected no --address with it")
    known, tasks = catalog(), list(task or ["franka_pick"])
    variants = variants_of(config or [], set_ or [], samples)
    cells = cells_of(
        tasks, variants, numbers(seeds, "--seeds"), resets, numbers(points, "--points"), policy
    )
    for cell in cells:
        # Refused before anything starts.
        known.policy_of(cell.of_task(known.task(cell.task)), policy)
    if not local:
        library()
    folder = SweepFolder(out.absolute())
    due = folder.due(cells)
    typer.echo(f"{len(cells)} runs, {len(cells) - len(due)} of them finished already", err=True)
    at_once = workers or os.cpu_count() or 1
    if local:
        ended = run_locally(_ENTRY, due, at_once)
    else:
        ended = run_on_ray(_ENTRY, due, workers or None, address or None)
    for cell, found in ended if due else ():
        if isinstance(found, str):
            folder.failed(cell, found)
            typer.echo(f"{cell.name} failed: {folder.error_of(cell)}", err=True)
        else:
            folder.keep(cell, found)
            typer.echo(f"{cell.name}: {found['greedy']}", err=True)
        folder.write_tables(cells)
    typer.echo(folder.write_tables(cells))
    typer.echo(f"{folder.out / 'sweep.md'}, .csv, .json")
    if any(folder.error_of(cell) for cell in cells):
        raise typer.Exit(_FAILED)
