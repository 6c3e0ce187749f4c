"""`./dsrl episodes list|show|verify|repair`: what lies in a run, and whether it is whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from dsrl_core.evaluation.run_data import EpisodeFacts

_DAMAGED = 1

Run = Annotated[Path, typer.Argument(help="Folder of a run: episodes/ and ledger.jsonl.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: JSON on standard output.")]


def list_(run: Run, as_json: AsJson = False) -> None:
    """Every episode: how it ended, what was said of it, how long it was."""
    from dsrl_core.evaluation.run_data import RunReader

    data = RunReader(run, for_curves=True).read()
    rows = [_row(episode) for episode in data.episodes]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
    else:
        table = Table(box=None)
        for column in rows[0] if rows else ():
            table.add_column(column.replace("_", " "))
        for row in rows:
            table.add_row(*("" if value is None else str(value) for value in row.values()))
        console = Console()
        console.print(table if rows else f"No episodes in {run}.")
        count = data.count([e for e in data.episodes if e.is_valid])
        console.print(f"{len(rows)} episodes, {count.successes} of {count.trials} labelled succeed")
    for problem in data.unreadable:
        typer.echo(f"not readable: {problem}", err=True)
    if data.unreadable:
        typer.echo(f"see ./dsrl episodes repair {run}", err=True)
        raise typer.Exit(_DAMAGED)


def show(
    run: Run,
    number: Annotated[int, typer.Argument(help="Of the episode.")],
    as_json: AsJson = False,
) -> None:
    """One episode: its decisions, and everything that was ever said of it."""
    from dsrl_core.data.episode_store import EPISODES, EpisodeStore
    from dsrl_core.errors import UnknownName
    from dsrl_core.evaluation.run_data import RunReader

    episodes = {
        episode.number: episode for episode in RunReader(run, for_curves=True).read().episodes
    }
    if number not in episodes:
        raise UnknownName(f"episode (in {run})", str(number), map(str, episodes))
    facts = episodes[number]
    stored = EpisodeStore(run / EPISODES).read(number)
    start_ns = stored.steps[0].decision.observation.stamp_ns if stored.steps else 0
    decisions = [
        {
            "decision": step.decision.sequence,
            "at_s": round((step.decision.observation.stamp_ns - start_ns) / 1e9, 3),
            # In a comparison that is not over, who chose and what it was worth would tell the arm.
            "source": "" if facts.code else step.decision.source,
            "value": None if facts.code else _number(step.decision.value),
            "actions_played": step.steps_executed,
            "latency_ms": _number(1e3 * step.decision.latency_s),
        }
        for step in stored.steps
        if not step.decision.is_final
    ]
    said = [
        {
            "entry": label.entry,
            "outcome": str(label.outcome),
            "reward": label.reward,
            "author": label.author,
            "note": label.note,
        }
        for label in facts.said
    ]
    if as_json:
        told = _row(facts) | {"metadata": stored.metadata, "labels": said, "decisions": decisions}
        typer.echo(json.dumps(told, indent=1))
        return
    console = Console()
    for name, value in _row(facts).items():
        console.print(f"{name.replace('_', ' '):16} {'' if value is None else value}")
    for title, rows in (("Labels", said), ("Decisions", decisions)):
        table = Table(title=title, title_justify="left", box=None)
        for column in rows[0] if rows else ():
            table.add_column(column.replace("_", " "))
        for row in rows:
            table.add_row(*("" if value is None else str(value) for value in row.values()))
        console.print(table if rows else f"{title}: none")


def verify(run: Run) -> None:
    """Read every episode, compare it with its checksums, and the ledger with the episodes."""
    from dsrl_core.data import episode_repair
    from dsrl_core.data.episode_store import EPISODES, INTERRUPTED
    from dsrl_core.data.ledger import LEDGER, LedgerFollower

    store = _store(run)
    findings = [(f.episode, f.problem) for f in episode_repair.verify(store)]
    known = set(store.numbers())
    labelled = {label.episode for label in LedgerFollower(run / LEDGER).new()}
    findings += [(number, "is labelled, and not there") for number in sorted(labelled - known)]
    for number, problem in findings:
        typer.echo(f"episode {number}: {problem}")
    remains = run / EPISODES / INTERRUPTED
    if remains.is_dir():
        typer.echo(f"remains of interrupted writes: {remains}")
    typer.echo(f"{len(known)} episodes, {len(findings)} problems")
    if findings:
        raise typer.Exit(_DAMAGED)


def repair(run: Run) -> None:
    """Put back what is damaged or was interrupted, as far as it can be read; delete nothing.

    No node may use the folder meanwhile.
    """
    from dsrl_core.data import episode_repair
    from dsrl_core.data.ledger import LEDGER, LabelLedger

    store = _store(run)
    lost = 0
    with LabelLedger(run / LEDGER):  # whoever runs in this folder holds it
        for done in episode_repair.repair(store):
            typer.echo(f"episode {done.episode}: {done.result}; what it was: {done.source}")
            lost += not done.is_back
    typer.echo(f"{len(store.numbers())} episodes, {lost} could not be saved")
    if lost:
        raise typer.Exit(_DAMAGED)


def _store(run: Path) -> Any:
    from dsrl_core.data.episode_store import EPISODES, EpisodeStore
    from dsrl_core.errors import DsrlError

    if not (run / EPISODES).is_dir():
        raise DsrlError(f"there is no run in {run}: expected a folder with episodes/ in it")
    return EpisodeStore(run / EPISODES)


def _row(episode: EpisodeFacts) -> dict[str, Any]:
    return {
        "episode": episode.number,
        "mode": episode.shown_mode,
        "outcome": episode.outcome,
        "end": episode.end_reason,
        "decisions": episode.decisions,
        "actions_played": episode.steps,
        "duration_s": round(episode.duration_s, 2),
        "weights": None if episode.code else episode.weights_version,
        "cameras": "yes" if episode.has_images else "no",
    }


def _number(value: float) -> float | None:
    return round(value, 4) if value == value else None
