"""How `./dsrl console` looks; everything fits into 80 columns and 24 lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.layout import Layout
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from dsrl_core.operator.episodes import EpisodeRow
from dsrl_core.operator.orders import Action
from dsrl_core.operator.progress import Rate
from dsrl_core.operator.view import OperatorView
from dsrl_core.operator.words import Tone
from dsrl_ros.cli.desk import Desk

_TONES: Final = {
    Tone.QUIET: "white on grey30",
    Tone.BUSY: "white on navy_blue",
    Tone.MOVES: "bold white on dodger_blue3",
    Tone.ASKS: "bold black on gold1",
    Tone.HELD: "bold white on red3",
}
_OUTCOMES: Final = {
    "success": ("✓", "green3"),
    "failure": ("✗", "dark_orange"),
    "discard": ("-", "grey62"),
    "running": (">", "dodger_blue1"),
    "invalid": ("!", "grey62"),
}
_SHOWN: Final = (
    (
        ("s", Action.SUCCESS),
        ("f", Action.FAILURE),
        ("d", Action.DISCARD),
        ("g", Action.GRADE),
        ("u", Action.UNDO),
        ("space", Action.STOP),
    ),
    (
        ("enter", Action.START),
        ("p", Action.PAUSE),
        ("e", Action.END),
    ),
)
_BAR: Final = 20
_WIDTH_MIN: Final = 74
"""Letters of a line of words in the smallest terminal."""
_WORDS_MAX: Final = 5


def screen(desk: Desk) -> RenderableType:
    """Everything, for a terminal of any size."""
    view = desk.view
    told = [*view.alarms, *(f"conflict: {text}" for text in view.conflicts)]
    layout = Layout()
    parts = [Layout(_headline(view), size=4)]
    if told:
        lines = [_line(text, "black on gold3") for text in told[:3]]
        parts.append(Layout(Group(*lines), size=len(lines)))
    body = Layout()
    body.split_row(
        Layout(Panel(_numbers(view), title="run", border_style="grey50")),
        Layout(_Episodes(view, desk.chosen)),
    )
    # What is asked must be read to its end.
    words = Text(desk.words, style="bold") if desk.asks else _line(desk.words, "bold")
    room = min(_WORDS_MAX, 1 + len(desk.words) // _WIDTH_MIN) if desk.asks else 1
    layout.split_column(*parts, body, Layout(Group(_keys(view), words), size=2 + room))
    return layout


def _headline(view: OperatorView) -> RenderableType:
    style = _TONES[view.sentence.tone]
    grid = Table.grid(expand=True)
    grid.style = style
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    grid.add_column(justify="right", no_wrap=True)
    timer = ""
    if view.timer is not None:
        timer = f"{view.timer.elapsed_s:.1f} s"
        if view.timer.limit_s:
            timer = f"{view.timer.elapsed_s:.1f} of {view.timer.limit_s:.0f} s"
    grid.add_row(view.sentence.headline, timer or view.episode)
    grid.add_row("", f"{view.episode} · {view.run}" if timer else view.run)
    detail = Padding(Text(view.sentence.detail), (0, 0), style=style, expand=True)
    return Group(grid, detail)


def _line(text: str, style: str) -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _numbers(view: OperatorView) -> RenderableType:
    lines: list[RenderableType] = []
    for rate in view.rates:
        lines += [_line(f"{rate.name}: {_rate(rate)}", ""), _bar(rate)]
    if view.is_hidden:
        lines.append(_line("rates: not shown, blinded comparison", "grey62"))
    if view.cost.forecast:
        lines.append(Text(view.cost.forecast))
    lines.append(Text(f"learner: {view.learner}"))
    cost = view.cost
    lines.append(_line(f"{cost.minutes:.1f} min, {cost.labelled} labelled", ""))
    if cost.shares:
        waits = ", ".join(f"{share.words} {share.share:.0%}" for share in cost.waiting[:3])
        lines.append(Text(f"arm idle {cost.idle_share:.0%}: {waits}"))
    return Group(*lines)


def _rate(rate: Rate) -> str:
    if not rate.episodes:
        return "none yet"
    return f"{rate.share:.0%} ({rate.low:.0%}-{rate.high:.0%}, {rate.episodes} ep.)"


def _bar(rate: Rate) -> Text:
    """The interval as a band, the rate as a mark."""
    if not rate.episodes:
        return Text("·" * _BAR, style="grey50")
    mark = round(rate.share * (_BAR - 1))
    cells = [
        "█" if i == mark else "▒" if rate.low <= (i + 0.5) / _BAR <= rate.high else "·"
        for i in range(_BAR)
    ]
    return Text("".join(cells), style="dodger_blue1")


class _Episodes:
    """As many rows as there is room for, the chosen one among them."""

    def __init__(self, view: OperatorView, chosen: int) -> None:
        self._rows, self._chosen = view.episodes, chosen

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        height = options.height or options.max_height
        room = max(1, height - 2)
        numbers = [row.episode for row in self._rows]
        at = numbers.index(self._chosen) if self._chosen in numbers else 0
        first = max(0, min(at - room // 2, len(numbers) - room))
        lines = [self._row(row) for row in self._rows[first : first + room]]
        yield Panel(Group(*lines), title="episodes", border_style="grey50", height=height)

    def _row(self, row: EpisodeRow) -> Text:
        sign, colour = _OUTCOMES.get(row.outcome, ("?", "gold1"))
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append("▶" if row.episode == self._chosen else " ")
        text.append(f"{sign} {row.episode:>4} {row.graded:<11} ", style=colour)
        detail = " ".join(filter(None, (row.mode, row.author)))
        text.append(f"! {row.other}" if row.conflict else detail, style="grey70")
        return text


def _keys(view: OperatorView) -> RenderableType:
    """In two lines, labels and the stop in the upper one."""
    lines = []
    for part in _SHOWN:
        text = Text(no_wrap=True, overflow="ellipsis")
        for key, action in part:
            button = view.buttons[action]
            style = "bold" if button.order else "grey42 strike"
            if action is Action.STOP:
                style = "bold white on red3"
            text.append(f"{key} {button.text}", style=style)
            text.append("  ")
        lines.append(text)
    lines[-1].append("jk+SFDGU earlier ones  q quit", style="grey62")
    return Group(*lines)
