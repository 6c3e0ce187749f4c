"""A preflight for people: verdict and reasons, what noise does, and what it could gain."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

_STYLES: Final = {"go": "bold green", "warn": "bold yellow", "stop": "bold red"}
_NO_VALUE: Final = "-"
_FIGURES: Final = ("numbers", "spread", "seams", "distance", "chance", "off support", "refused")


def show(content: dict[str, Any], path: Path, console: Console | None = None) -> None:
    """Print what `preflight_file.to_json` made."""
    console = console or Console(highlight=False)
    console.print(
        Text.assemble(
            (content["task"], "bold"),
            f" with {content['policy']}",
            (f"   {content['observations']} observations of {content['source']}", "dim"),
        )
    )
    measured = content["measured"]
    if measured["sensitivity"]:
        console.print(_titled("What noise changes", _spreads(measured)))
        console.print(_titled("Kinds of noise, against the policy's own", _kinds(measured)))
        console.print(_titled("Time of a decision", _times(measured["time"])))
    console.print(_titled("Trials", _trials(content)))
    if "robot" in content:
        console.print(_titled("On the robot, in turn", _robot(content)))
    if content["reasons"]:
        console.print(_titled("What speaks against it", _reasons(content["reasons"])))
    advice = content["recommended"]
    if advice:
        setting = ", ".join(f"{k}: {v}" for k, v in advice.items() if k != "without_objection")
        console.print(Text.assemble("\nRecommended: ", (setting, "cyan")))
    verdict = content["verdict"]
    console.print(Text.assemble("Verdict: ", (verdict, _STYLES[verdict]), (f"   {path}", "dim")))


def _spreads(measured: dict[str, Any]) -> RenderableType:
    """Standard deviations in typical magnitudes."""
    found, times = measured["sensitivity"], measured["determinism"]
    table = Table(
        Column("column", no_wrap=True),
        *(f"step {n}" for n in range(len(found["spread"]))),
        "observations",
    )
    for index, name in enumerate(found["columns"]):
        rows = [f"{row[index]:.3f}" for row in found["spread"]]
        between = max(row[index] for row in found["observation_spread"])
        table.add_row(name, *rows, f"{between:.3f}")
    facts = Text(
        f"{found['behaviours']:.1f} distinct behaviours in the mean, "
        f"{found['behaviours_best']:.1f} at the best tenth of observations, in "
        f"{found['dimensions']:.1f} directions; {found['share']:.0%} of the variance of what "
        "chunks come to\n"
        f"equal noises differ by {max(times['repeated'], times['batched']):.1g} "
        f"(accepted {times['tolerance']:.1g})"
    )
    return Group(table, facts)


def _kinds(measured: dict[str, Any]) -> RenderableType:
    table = Table(Column("noise", no_wrap=True), *_FIGURES, padding=(0, 0))
    for one in (measured["own"], *measured["shapes"], *measured["bounds"]):
        kind, distance = one["kind"], one["distance"]
        shape = f"knots {kind['knots']}" if kind["shape"] == "knots" else kind["shape"]
        name = "its own, N(0, I)" if kind["draw"] == "normal" else shape
        bound = "" if kind["draw"] == "normal" else f", {kind['draw']} {kind['bound']:g}"
        table.add_row(
            name + bound,
            str(one["latent_size"]),
            f"x {one['reach_ratio']:.2f}",
            _NO_VALUE if one["seam_ratio"] is None else f"x {one['seam_ratio']:.2f}",
            f"{distance['energy']:.3f}",
            f"{distance['floor']:.3f}",
            f"{one['off_support']:.1%}",
            f"{one['refused']:.1%}",
        )
    return table


def _times(found: dict[str, Any]) -> RenderableType:
    table = Table("part", "p50, ms", "p99, ms")
    rows = (
        ("encode", "encode"),
        ("decode 1", "decode_one"),
        (f"decode {found['candidates']}", "decode_many"),
        ("a whole decision's share", "decision"),
    )
    for title, name in rows:
        table.add_row(title, f"{found[name]['p50']:.2f}", f"{found[name]['p99']:.2f}")
    return Group(table, Text(f"a chunk lasts {found['chunk_ms']:.0f} ms"))


def _trials(content: dict[str, Any]) -> RenderableType:
    room = content["head_room"]
    if room is None:
        return Text("none that are labelled: nothing is known of the head-room")
    table = _counts(content["trials"], {} if "robot" in content else content["against_base"])
    low, high = room["gain"]
    facts = Text(
        f"at {room['resets_both']} of {room['resets']} resets trials both succeeded and failed, at "
        f"{room['resets_never']} none succeeded; {room['replays_differ']} of {room['replays']} "
        f"replays with equal noise ended otherwise\n"
        f"base rate {room['base_low']:.0%} to {room['base_high']:.0%}, a perfect choice of noise "
        f"{room['reach_low']:.0%} to {room['reach_high']:.0%}: head-room {low:.0%} to {high:.0%}, "
        "with 95 %, if"
    )
    assumed = Text("\n".join(f"- {assumption}" for assumption in room["assumptions"]), "dim")
    return Group(table, facts, assumed)


def _counts(trials: dict[str, Any], against_base: dict[str, Any]) -> Table:
    table = Table("noise", "successes", "rate, 95 % (Wilson)", "less its own, 95 % (exact)")
    for name, count in trials.items():
        rate = count["successes"] / count["trials"]
        interval = f"{count['wilson_low']:.0%} to {count['wilson_high']:.0%}"
        less = _NO_VALUE
        if other := against_base.get(name):
            less = f"{other['difference']:+.0%}, {other['low']:+.0%} to {other['high']:+.0%}"
        successes = f"{count['successes']} of {count['trials']}"
        table.add_row(name, successes, f"{rate:.0%}, {interval}", less)
    return table


def _robot(content: dict[str, Any]) -> RenderableType:
    found = content["robot"]
    facts = Text("\n".join(f"not played: {reason}" for reason in found["left_out"]), "dim")
    if not found["each"]:
        return Text("the arm was left where it is: stop, without any motion")
    return Group(_counts(content["compared"], content["against_base"]), facts)


def _reasons(reasons: list[dict[str, str]]) -> RenderableType:
    parts: list[RenderableType] = []
    for reason in reasons:
        head = Text.assemble((reason["level"], _STYLES[reason["level"]]), " ", reason["name"])
        rows = Table.grid(padding=(0, 1))
        rows.add_column(style="dim", no_wrap=True)
        rows.add_column(overflow="fold")
        for title, name in (("found", "found"), ("expected", "expected"), ("do", "advice")):
            rows.add_row(title, reason[name])
        parts += [head, Padding(rows, (0, 0, 0, 2))]
    return Group(*parts)


def _titled(title: str, what: RenderableType) -> RenderableType:
    return Group(Text(f"\n{title}", "bold"), what)
