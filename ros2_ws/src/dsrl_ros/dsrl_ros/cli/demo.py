"""`./dsrl demo`: the whole story in one command."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dsrl_core.catalog import Catalog
from dsrl_core.errors import DsrlError, InvalidValue
from dsrl_core.evaluation.summary import Measured, Status, Summary
from dsrl_core.evaluation.summary_file import SUMMARY_FILE, read_summary
from dsrl_core.policies import file_sha256
from dsrl_core.types import Mode
from dsrl_ros.demo.beside import Film, Oracle
from dsrl_ros.demo.demonstration import Demonstration
from dsrl_ros.demo.display import Display, result_table
from dsrl_ros.demo.plan import begin, new_folder, require_empty, resume, settings_of
from dsrl_ros.demo.record import Record
from dsrl_ros.demo.results import film_of, memory_sha256, steered_latency, write_results
from dsrl_ros.paths import catalog as installed_catalog
from dsrl_ros.paths import prepare_output
from dsrl_ros.session import GraphSession, SessionOptions

_TASK = "franka_pick"
_EPISODES = 40
_EVAL_EPISODES = 100
_INTERRUPTED = 130
"""Exit status after Ctrl+C, as of every program of a shell."""


def demo(
    task: Annotated[str | None, typer.Option(help=f"Task file to run. [default: {_TASK}]")] = None,
    episodes: Annotated[
        int | None,
        typer.Option(min=0, help=f"Online episodes after the warm-up. [default: {_EPISODES}]"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**31 - 1, help="Seed of the run. [default: 0]")
    ] = None,
    eval_episodes: Annotated[
        int | None,
        typer.Option(
            min=1, help=f"Resets on which every policy is measured. [default: {_EVAL_EPISODES}]"
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Output folder. [default: a new one in runs/]")
    ] = None,
    go_on: Annotated[
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
    if viewer and headless:
        raise InvalidValue("--viewer and --headless exclude each other; give one of them")
    if go_on and out is None:
        raise InvalidValue("--resume needs the folder of the run that it goes on with: --out DIR")
    catalog = installed_catalog()
    folder = out or new_folder()
    earlier = read_summary(folder).settings if go_on and (folder / SUMMARY_FILE).is_file() else None
    settings = settings_of(
        catalog,
        task or (earlier.task if earlier else _TASK),
        _first(seed, earlier and earlier.seed, 0),
        _first(episodes, earlier and earlier.episodes, _EPISODES),
        _first(eval_episodes, earlier and earlier.eval_episodes, _EVAL_EPISODES),
        realtime or bool(earlier and earlier.realtime),
    )
    if go_on:
        summary = resume(folder, settings, catalog)
    else:
        require_empty(folder)
        summary = begin(settings, catalog)
    _run(Record(prepare_output(folder), summary), catalog, viewer, Console())


def _first(*values: int | None) -> int:
    return next(value for value in values if value is not None)


def _run(record: Record, catalog: Catalog, viewer: bool, console: Console) -> None:
    """Run what is still to be done; whatever happens, the summary says how far it came."""
    try:
        with Display(console) as display:
            _perform(record, catalog, viewer, display)
        record.change(status=Status.COMPLETE)
    except KeyboardInterrupt:
        record.change(status=Status.INTERRUPTED, message="interrupted by Ctrl+C or a stop")
        write_results(record)
        again = f"./dsrl demo --resume --out {record.out}"
        console.print(f"Interrupted; nothing is lost. Go on with: {again}", soft_wrap=True)
        raise typer.Exit(_INTERRUPTED) from None
    except DsrlError as error:
        record.change(status=Status.FAILED, message=str(error))
        raise
    write_results(record)
    console.print(result_table(record.summary))
    console.print(_closing_words(record.summary, record.out), soft_wrap=True, highlight=False)


def _perform(record: Record, catalog: Catalog, viewer: bool, display: Display) -> None:
    settings = record.summary.settings
    display.say(f"{settings.task}, seed {settings.seed}, into {record.out}")
    period_s = catalog.policy(settings.policy).action.period_s
    options = SessionOptions(realtime=settings.realtime, viewer=viewer)
    with ExitStack() as stack:
        session = stack.enter_context(
            GraphSession(settings.task, record.out, settings.seed, options, tell=display.say)
        )
        if record.summary.policy_sha256_memory_before is None:
            record.change(policy_sha256_memory_before=memory_sha256(catalog, settings.policy))
        demonstration = Demonstration(record, session, display, period_s)
        known = record.summary.measurements[Measured.ORACLE]
        oracle = Oracle(settings.task, settings.seed, len(known.outcomes), known.missing)
        stack.callback(oracle.stop)
        demonstration.run(oracle)
        film = film_of(record.summary, record.out)
        stack.callback(film.stop)
        demonstration.measure(Measured.ACTOR, Mode.ACTOR, settings.actor_episodes)
        _finish(record, catalog, film, display)


def _finish(record: Record, catalog: Catalog, film: Film, display: Display) -> None:
    policy = record.summary.settings.policy
    record.change(
        policy_sha256_memory_after=memory_sha256(catalog, policy),
        policy_sha256_after=file_sha256(catalog.policy(policy)),
        decision_latency_ms=steered_latency(record.summary, record.out),
    )
    if reason := film.wait():
        note = f"no film: {reason}"
        display.say(note)
        record.change(notes=(*record.summary.notes, note))


def _closing_words(summary: Summary, out: Path) -> str:
    unchanged = {
        True: "The policy's weights have not changed by a bit.",
        False: "THE POLICY'S WEIGHTS HAVE CHANGED: see the hashes in the report.",
        None: "Whether the policy's weights have changed is not known.",
    }[summary.policy_is_unchanged]
    return (
        f"{summary.verdict}\n{unchanged}\n"
        f"Took {summary.wall_s:.0f} s. Report: {out / 'report.html'}"
    )
