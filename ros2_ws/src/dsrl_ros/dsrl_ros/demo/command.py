"""The demonstration from beginning to end, and what is left of it however it ends."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Final

from rich.console import Console

from dsrl_core.catalog import Catalog
from dsrl_core.evaluation.summary import Measured, Settings, Status, Summary
from dsrl_core.policies import file_sha256
from dsrl_core.types import Mode
from dsrl_ros.demo.beside import Film, Oracle
from dsrl_ros.demo.demonstration import Demonstration
from dsrl_ros.demo.display import Display, result_table
from dsrl_ros.demo.plan import Asked, plan
from dsrl_ros.demo.record import Record
from dsrl_ros.demo.results import film_of, memory_sha256, steered_latency, write_results
from dsrl_ros.paths import catalog as installed_catalog
from dsrl_ros.paths import prepare_output
from dsrl_ros.session import GraphSession, SessionOptions

INTERRUPTED: Final = 130
"""Exit status after Ctrl+C, as of every program of a shell."""


def perform(asked: Asked) -> int:
    """Run what is still to be done; whatever happens, the summary says how far it came.

    Returns the exit status.

    Raises:
        DsrlError: something that was asked for does not exist or does not hold, or a node failed.
    """
    catalog, console = installed_catalog(), Console()
    folder, summary = plan(asked, catalog)
    if summary.status is Status.COMPLETE:
        console.print("This run is complete: there is nothing to go on with.")
        _show(summary, folder, console)
        return 0
    display = Display(console)
    # Before the folder is made: it checks what was asked for.
    session = _session(summary.settings, folder, asked.viewer, display)
    record = Record(prepare_output(folder), summary)
    try:
        with display:
            _run(record, catalog, session, display)
        record.change(status=Status.COMPLETE)
    except KeyboardInterrupt:
        record.change(status=Status.INTERRUPTED, message="interrupted by Ctrl+C or a stop")
        write_results(record)
        again = f"./dsrl demo --resume --out {record.out}"
        console.print(f"Interrupted; nothing is lost. Go on with: {again}", soft_wrap=True)
        return INTERRUPTED
    except Exception as error:
        record.change(status=Status.FAILED, message=str(error) or type(error).__name__)
        raise
    write_results(record)
    _show(record.summary, record.out, console)
    return 0


def _session(settings: Settings, folder: Path, viewer: bool, display: Display) -> GraphSession:
    options = SessionOptions(realtime=settings.realtime, viewer=viewer)
    return GraphSession(settings.task, folder, settings.seed, options, tell=display.say)


def _run(record: Record, catalog: Catalog, session: GraphSession, display: Display) -> None:
    settings = record.summary.settings
    display.say(f"{settings.task}, seed {settings.seed}, into {record.out}")
    period_s = catalog.policy(settings.policy).action.period_s
    with ExitStack() as stack:
        stack.enter_context(session)
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


def _show(summary: Summary, out: Path, console: Console) -> None:
    console.print(result_table(summary))
    console.print(_closing_words(summary, out), soft_wrap=True, highlight=False)


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
