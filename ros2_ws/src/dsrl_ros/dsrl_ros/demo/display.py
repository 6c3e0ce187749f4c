"""What a demonstration shows while it runs, and the table at its end."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.progress import TimeElapsedColumn as Elapsed
from rich.table import Table

from dsrl_core.evaluation.statistics import SuccessCount
from dsrl_core.evaluation.summary import Measured, Summary
from dsrl_core.status import LearnerStatus
from dsrl_core.types import Outcome

_TITLES: Final = {
    "base": "base policy",
    "zero_noise": "zero noise",
    "oracle": "oracle, best of 64",
    "steered": "steered",
    "actor": "distilled actor alone",
}
_REFRESH_PER_S: Final = 4
"""Drawing takes time from the robot."""


class Display:
    """Bars on a terminal; elsewhere, in a log, a line at the end of each phase."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            Elapsed(),
            TextColumn("[dim]{task.fields[learner]}"),
            console=console,
            refresh_per_second=_REFRESH_PER_S,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Display:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """A line above the bars."""
        self._console.print(escape(text), highlight=False)

    def phase(self, name: str, total: int) -> None:
        """A phase begins, or goes on."""
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(
                _title(name), total=total, rate="", learner=""
            )

    def episode(self, name: str, outcomes: Sequence[Outcome], learner: LearnerStatus) -> None:
        """An episode of a phase is over; `outcomes` are all of the phase so far."""
        weights = f"weights {learner.weights_version}, {learner.updates} updates"
        self._progress.update(
            self._tasks[name],
            completed=len(outcomes),
            rate=rate_text(SuccessCount.of_outcomes(outcomes)),
            learner=weights if learner.weights_version else "",
        )
        for alarm in learner.alarms:
            self.say(f"learner: {alarm}")

    def ended(self, name: str, count: SuccessCount) -> None:
        """A phase is over."""
        if not self._console.is_terminal:
            self.say(f"{_title(name)}: {count.successes} of {count.trials}, {rate_text(count)}")


def rate_text(count: SuccessCount) -> str:
    """A rate with its interval, as 36 % [27 to 46]."""
    if not count.trials:
        return "-"
    low, high = 100 * count.wilson_low, 100 * count.wilson_high
    return f"{100 * count.rate:.0f} % [{low:.0f} to {high:.0f}]"


def result_table(summary: Summary) -> Table:
    """The rates that were measured."""
    table = Table(title=f"{summary.settings.task}, seed {summary.settings.seed}")
    table.add_column("")
    for column in ("successes", "rate", "95% interval"):
        table.add_column(column, justify="right")
    for what in Measured:
        count = summary.count(what)
        title = _TITLES[what.name.lower()]
        if count is None:
            table.add_row(title, "not measured", "", "")
            continue
        table.add_row(
            title,
            f"{count.successes} / {count.trials}",
            f"{100 * count.rate:.1f} %",
            f"{100 * count.wilson_low:.1f} to {100 * count.wilson_high:.1f}",
        )
    return table


def _title(name: str) -> str:
    curve = name.removeprefix("curve ")
    return f"steered, after {curve} online" if curve != name else _TITLES.get(name, name)
