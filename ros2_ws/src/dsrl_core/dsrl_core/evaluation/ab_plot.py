"""The difference of an A/B test over its pairs, as a picture."""

from __future__ import annotations

import io
from typing import Final

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from dsrl_core.evaluation.ab_test import AbTest

_COLOUR: Final = "#0072B2"
_MARGIN: Final = "#007A5A"


def plot_difference(test: AbTest) -> bytes:
    """Difference and confidence sequence after each complete pair, as a PNG."""
    matplotlib.use("agg")
    figure = Figure(figsize=(9.0, 4.4), dpi=140, layout="constrained")
    axes = figure.subplots()
    axes.set_title(
        f"{test.plan.second} less {test.plan.first}", loc="left", fontsize=14, fontweight="bold"
    )
    axes.set_xlabel("complete pairs", fontsize=12)
    axes.set_ylabel("difference of success [points]", fontsize=12)
    axes.set_ylim(-1.05, 1.05)
    axes.set_xlim(0, max(len(test.looks), 10) + 0.5)
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{100 * value:+.0f}" if value else "0")
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(labelsize=11)
    axes.grid(axis="y", color="#d9d9d9", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.axhline(0.0, color="#333333", linewidth=1.2)
    if (margin := test.rule.margin) is not None:
        label = f"margin, {100 * margin:g} points"
        for end in (-margin, margin):
            axes.axhline(end, color=_MARGIN, linestyle=(0, (5, 3)), linewidth=1.4, label=label)
            label = ""
    if test.looks:
        _draw_looks(axes, test)
    else:
        axes.text(
            0.5, 0.75, "no pair is complete", transform=axes.transAxes, ha="center", fontsize=12
        )
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", fontsize=10.5, framealpha=0.9)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()


def _draw_looks(axes: matplotlib.axes.Axes, test: AbTest) -> None:
    # Half a pair more, so that the last step has a width.
    counts = [*range(len(test.looks) + 1), len(test.looks) + 0.5]
    lows = [-1.0, *(look.interval.low for look in test.looks), test.interval.low]
    highs = [1.0, *(look.interval.high for look in test.looks), test.interval.high]
    axes.fill_between(
        counts,
        lows,
        highs,
        step="post",
        color=_COLOUR,
        alpha=0.2,
        linewidth=0,
        label=f"{100 * (1 - test.rule.alpha):g}% confidence sequence",
    )
    axes.plot(
        counts[1:],
        [*(look.mean for look in test.looks), test.looks[-1].mean],
        drawstyle="steps-post",
        marker="o",
        markevery=range(len(test.looks)),
        markersize=3.5,
        color=_COLOUR,
        linewidth=2.0,
        label="difference so far",
    )
    if test.should_stop:
        axes.axvline(
            test.decided[1],
            color="#555555",
            linestyle=(0, (1, 1.5)),
            linewidth=2.0,
            label=f"stop: {test.verdict}",
        )
