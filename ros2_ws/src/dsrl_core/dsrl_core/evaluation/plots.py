"""The learning curve as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from dsrl_core.evaluation.statistics import SuccessCount
from dsrl_core.evaluation.summary import Measured, Summary
from dsrl_core.types import Outcome

# Okabe and Ito's colours, which differ for every kind of colour vision; the lines differ by dashes
# too, for a print without colours.
_STEERED: Final = "#0072B2"
_REFERENCES: Final = (
    (Measured.ORACLE, "oracle, best of 64", "#007A5A", (0, (5, 2, 1, 2))),
    (Measured.ZERO_NOISE, "zero noise", "#555555", (0, (1, 1.5))),
    (Measured.BASE, "base policy", "#B24700", (0, (5, 2))),
)
_FAILURE: Final = "#B24700"
_LABEL_GAP: Final = 0.052
"""Least distance of two labels beside the axes, in units of success."""


def plot_learning_curve(summary: Summary, path: Path) -> Path:
    """Draw greedy success over online episodes, with 95% intervals, as a PNG."""
    matplotlib.use("agg")
    figure = Figure(figsize=(9.0, 5.2), dpi=140, layout="constrained")
    axes = figure.subplots()
    axes.set_title("Greedy success while learning", loc="left", fontsize=14, fontweight="bold")
    warm_up = summary.settings.warm_up_episodes
    axes.set_xlabel(f"online episodes, after {warm_up} of warm-up", fontsize=12)
    axes.set_ylabel("success", fontsize=12)
    axes.tick_params(labelsize=11)
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlim(-0.8, max(summary.settings.episodes, 1) + 0.8)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color="#d9d9d9", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    labels = _draw_references(axes, summary) + _draw_curve(axes, summary)
    _write_labels(axes, labels)
    _draw_training(axes, summary)
    figure.savefig(path)
    return path


def _draw_references(axes: Axes, summary: Summary) -> list[tuple[float, str, str]]:
    labels = []
    for what, name, colour, dashes in _REFERENCES:
        count = summary.count(what)
        if count is None:
            continue
        axes.axhspan(count.wilson_low, count.wilson_high, color=colour, alpha=0.09, linewidth=0)
        axes.axhline(count.rate, color=colour, linestyle=dashes, linewidth=1.8)
        labels.append((count.rate, _label(name, count), colour))
    return labels


def _draw_curve(axes: Axes, summary: Summary) -> list[tuple[float, str, str]]:
    points = [(p.online_episodes, c) for p in summary.curve if (c := p.measurement.count)]
    if not points:
        axes.text(
            0.5,
            0.5,
            "the steered policy has not been measured",
            transform=axes.transAxes,
            ha="center",
            fontsize=12,
            color="#555555",
        )
        return []
    x = [episodes for episodes, _ in points]
    low, high = [c.wilson_low for _, c in points], [c.wilson_high for _, c in points]
    rates = [c.rate for _, c in points]
    axes.fill_between(x, low, high, color=_STEERED, alpha=0.18, linewidth=0)
    axes.vlines(x, low, high, color=_STEERED, linewidth=2.2, alpha=0.7)
    axes.plot(x, rates, color=_STEERED, marker="o", markersize=7, linewidth=2.4, zorder=3)
    return [(rates[-1], _label("steered", points[-1][1]), _STEERED)]


def _draw_training(axes: Axes, summary: Summary) -> None:
    """One tick per online episode at the foot of the axes: up and blue is success."""
    for number, outcome in enumerate(summary.training_outcomes, start=1):
        success = outcome is Outcome.SUCCESS
        axes.plot(
            number - 0.5,
            0.012 if success else -0.012,
            marker="|",
            markersize=8,
            markeredgewidth=2.2,
            color=_STEERED if success else _FAILURE,
            clip_on=False,
        )
    if summary.training_outcomes:
        axes.text(
            0,
            0.035,
            "training episodes: upper tick success, lower tick failure",
            fontsize=9.5,
            color="#444444",
        )


def _write_labels(axes: Axes, labels: list[tuple[float, str, str]]) -> None:
    """Name each line at its right end, without overlap."""
    top = 1.0
    for rate, text, colour in sorted(labels, reverse=True):
        at = min(rate, top)
        top = at - _LABEL_GAP
        axes.annotate(
            text,
            (1.0, at),
            xycoords=("axes fraction", "data"),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=11,
            color=colour,
            annotation_clip=False,
        )


def _label(name: str, count: SuccessCount) -> str:
    return f"{name}: {count.rate:.0%} (n={count.trials})"
