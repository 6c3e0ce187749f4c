"""`./dsrl policy check` and `card`: what a frozen policy is like, measured."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dsrl_core.policies.probes import Probe, Sample
    from dsrl_core.specs import PolicySpec

_VIEWS = 16

Name = Annotated[str, typer.Argument(help="The policy, as `./dsrl policy list` shows it.")]
Episodes = Annotated[
    Path | None,
    typer.Option(help="Folder of a run: ask with what was seen there. [default: random values]"),
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: JSON on standard output.")]


def check(name: Name, episodes: Episodes = None, as_json: AsJson = False) -> None:
    """Ask a policy everything that a robot relies on.

    Exit status 0: fine; 1: with warnings; 2: it cannot be steered.
    """
    from dsrl_core.policies.probes import Verdict, verdict_of
    from dsrl_ros.paths import catalog

    found = measured(catalog().policy(name), episodes)
    worst = verdict_of(found)
    if as_json:
        told = {"policy": name, "verdict": worst, "probes": [asdict(one) for one in found]}
        typer.echo(json.dumps(told, indent=1))
    else:
        show(found)
        typer.echo(f"{name}: {worst}")
    raise typer.Exit(list(Verdict).index(worst))


def card(name: Name, episodes: Episodes = None) -> None:
    """Measure a policy and write it into its CARD.md, or beside a card with a template."""
    from dsrl_core.policies.card import write_card
    from dsrl_ros.paths import catalog

    spec = catalog().policy(name)
    typer.echo(f"written: {write_card(spec, measured(spec, episodes))}")


def measured(spec: PolicySpec, episodes: Path | None) -> tuple[Probe, ...]:
    """All probes of a policy, as it would run in a node."""
    import torch

    from dsrl_core.policies import load_policy
    from dsrl_core.policies.probes import probe

    torch.set_num_threads(1)
    sample = None if episodes is None else recorded(spec, episodes)
    with closing(load_policy(spec)) as policy:
        return probe(policy, sample)


def show(found: Sequence[Probe]) -> None:
    """A table, for people."""
    table = Table(box=None)
    for column in ("probe", "verdict", "found", "expected"):
        table.add_column(column, overflow="fold")
    for one in found:
        table.add_row(one.name, str(one.verdict), one.found, one.expected)
    Console().print(table)


def recorded(spec: PolicySpec, folder: Path) -> Sample:
    import numpy as np

    from dsrl_core.policies.probes import Sample
    from dsrl_core.steering.preflight.recorded import read_recorded
    from dsrl_core.steering.preflight.views import views_of

    views = views_of(read_recorded(folder)[0], _VIEWS, spec)
    images = [view.observation.images for view in views if view.observation.images is not None]
    values = np.stack([view.observation.values for view in views])
    return Sample.recorded(spec, values, np.stack(images) if images else None)
