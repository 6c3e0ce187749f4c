"""`./dsrl report`: what a run was, in one file for people."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from dsrl_core.errors import DsrlError

_NAME = "run_report.html"


def report(
    run: Annotated[Path, typer.Argument(help="Folder of a run: episodes/ and ledger.jsonl.")],
    compare: Annotated[
        list[Path] | None,
        typer.Option(help="Another run to tell beside it; may be given several times."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help=f"File to write. [default: {_NAME} in the run's folder]")
    ] = None,
    ab: Annotated[
        bool,
        typer.Option(
            "--ab",
            help="Report every blinded comparison of the run in a file of its own; one that is "
            "over is opened.",
        ),
    ] = False,
    unblind: Annotated[
        bool, typer.Option("--unblind", help="With --ab: open those that are not over too.")
    ] = False,
) -> None:
    """Write a self-contained HTML report of a run, or of several beside each other."""
    # Here, because they take a second to load, which nobody waits for who asks for help only.
    from dsrl_core.evaluation.run_data import read_run
    from dsrl_core.evaluation.run_report import write_run_report
    from dsrl_ros.cli.ab_reports import write_ab_reports
    from dsrl_ros.demo.history import versions
    from dsrl_ros.paths import catalog

    runs = [read_run(folder) for folder in (run, *(compare or ()))]
    known = catalog()
    policies = {}
    for name in {str(one.about["policy"]) for one in runs if one.about}:
        # One that is not here any more: what was recorded can be told without.
        with suppress(DsrlError):
            policies[name] = known.policy(name)
    path = write_run_report(runs, policies, versions(), out or run / _NAME)
    typer.echo(str(path))
    if ab:
        for written in write_ab_reports(runs[0], versions(), unblind):
            typer.echo(str(written))
