"""The report for people: one line per check, in groups; below, what to do about what is wrong."""

from __future__ import annotations

from itertools import groupby
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dsrl_ros.doctor.check import Check, Status
from dsrl_ros.doctor.examination import GROUPS, Report

_MARKS: Final = {
    Status.OK: ("✓", "green"),
    Status.WARN: ("!", "bold yellow"),
    Status.FAIL: ("✗", "bold red"),
    Status.SKIPPED: ("·", "dim"),
}
_TITLE_WIDTH: Final = 24
"""Longer titles (topics) push their text to the right of them."""
_INDENT: Final = 2


def show(report: Report, console: Console) -> None:
    """Print it."""
    about = report.about
    time_kind = "simulated time" if about["simulated_time"] else "the clock on the wall"
    head = Text.assemble(
        (f"{about['task']}", "bold"),
        f" with {about['policy']} on {about['robot']}",
        f" at {about['robot_ip']}" if about["robot_ip"] else "",
        (f"   domain {about['domain']}, {time_kind}, {about['took_s']:.0f} s", "dim"),
    )
    console.print(head)
    for group, checks in groupby(report.checks, key=lambda check: check.group):
        console.print(Text(f"\n{GROUPS[group]}", "bold"))
        console.print(_lines(list(checks)))
    wrong = [check for check in report.checks if check.status in (Status.WARN, Status.FAIL)]
    if wrong:
        console.print(Text("\nWhat to do", "bold"))
        wrong.sort(key=lambda check: check.status is not Status.FAIL)
        for check in wrong:
            console.print(_explanation(check))
    console.print(_verdict(report))


def _lines(checks: list[Check]) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=_INDENT + 1, justify="right")
    table.add_column(min_width=_TITLE_WIDTH, overflow="fold")
    table.add_column(overflow="fold")
    for check in checks:
        mark, style = _MARKS[check.status]
        is_quiet = check.status is Status.SKIPPED
        table.add_row(
            Text(mark, style),
            Text(check.title, "dim" if is_quiet else ""),
            Text(check.found, "dim" if is_quiet else style if _is_wrong(check) else ""),
        )
    return table


def _explanation(check: Check) -> RenderableType:
    mark, style = _MARKS[check.status]
    heading = Text.assemble((f"{mark} ", style), (check.name, "bold"))
    rows = Table.grid(padding=(0, 1))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column(overflow="fold")
    rows.add_row("found", Text(check.found))
    rows.add_row("expected", Text(check.expected))
    rows.add_row("do", _with_commands(check.advice))
    return Group(Padding(heading, (1, 0, 0, _INDENT)), Padding(rows, (0, 0, 0, 2 * _INDENT)))


def _with_commands(advice: str) -> Text:
    """What stands between backquotes is to be typed."""
    text = Text()
    for index, part in enumerate(advice.split("`")):
        text.append(part, "cyan" if index % 2 else "")
    return text


def _verdict(report: Report) -> Text:
    counts = [
        (f"{report.count(status)} {word}", _MARKS[status][1])
        for status, word in (
            (Status.FAIL, "failed"),
            (Status.WARN, "to look at"),
            (Status.OK, "well"),
            (Status.SKIPPED, "not looked at"),
        )
        if report.count(status)
    ]
    sentence = {
        Status.FAIL: "Not ready: ",
        Status.WARN: "Ready, with reservations: ",
        Status.OK: "Ready: ",
    }[report.status]
    text = Text(f"\n{sentence}", "bold")
    for index, (words, style) in enumerate(counts):
        text.append(", " if index else "")
        text.append(words, style)
    return text


def _is_wrong(check: Check) -> bool:
    return check.status in (Status.WARN, Status.FAIL)
