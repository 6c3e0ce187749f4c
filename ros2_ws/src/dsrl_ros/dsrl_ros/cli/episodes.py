"""`./dsrl episodes`: what is there; datasets of other formats in, and out."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dsrl_ros.cli import episodes_kept

if TYPE_CHECKING:
    from dsrl_core.specs import PolicySpec

_NOTHING_TAKEN = 1

episodes = typer.Typer(
    help="Look at a run's episodes, check and repair them; import and export other formats.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

episodes.command("list")(episodes_kept.list_)
episodes.command("show")(episodes_kept.show)
episodes.command("verify")(episodes_kept.verify)
episodes.command("repair")(episodes_kept.repair)

Task = Annotated[str, typer.Option(help="Task file that the episodes are for.")]
Policy = Annotated[str, typer.Option(help="Frozen policy. [default: the one that the task names]")]


class Format(StrEnum):
    """Of a dataset."""

    LEROBOT = "lerobot"
    ROBOMIMIC = "robomimic"


@episodes.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="LeRobot folder (v3.0) or robomimic HDF5 file.")],
    mapping: Annotated[
        Path, typer.Option(help="Which column becomes which field of the policy (YAML).")
    ],
    out: Annotated[Path, typer.Option(help="Folder of a run; episodes are added to it.")],
    task: Task = "franka_pick",
    policy: Policy = "",
) -> None:
    """Add a dataset's episodes, with labels, to a run; a second time adds nothing.

    No node may use the folder meanwhile.
    """
    from dsrl_core.data.importers.importing import import_dataset
    from dsrl_core.data.importers.mapping import read_mapping

    report = import_dataset(source, read_mapping(mapping), _policy(task, policy), out, task)
    for reason in report.refused:
        typer.echo(f"refused: {reason}", err=True)
    taken = len(report.taken)
    typer.echo(
        f"{out}: {taken} new episodes ({report.successes} success, {taken - report.successes} "
        f"failure), {report.known} were there already, {len(report.refused)} refused"
    )
    if not report.taken and not report.known:
        raise typer.Exit(_NOTHING_TAKEN)


@episodes.command("export")
def export(
    folder: Annotated[Path, typer.Argument(help="Folder of a run.")],
    to: Annotated[Format, typer.Option(help="Format of the dataset.")],
    out: Annotated[Path, typer.Option(help="Folder (lerobot) or file (robomimic) to make.")],
    task: Task = "franka_pick",
    policy: Policy = "",
) -> None:
    """Write a run's labelled episodes as a dataset, and beside it the mapping that reads it."""
    from dsrl_core.data.importers.export import export_run

    report = export_run(folder, _policy(task, policy), task, to.value, out)
    for reason in report.left_out:
        typer.echo(f"left out: {reason}", err=True)
    if report.cameras_left_out:
        typer.echo("left out: images, which were not recorded at every action", err=True)
    typer.echo(
        f"{out}: {len(report.written)} episodes, {len(report.left_out)} left out; "
        f"mapping to import it again: {report.mapping}"
    )


def _policy(task: str, policy: str) -> PolicySpec:
    from dsrl_ros.paths import catalog

    known = catalog()
    return known.policy_of(known.task(task), policy)
