"""Pictures of a run's report, as PNG and SVG text that an HTML file carries within itself."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Final

import cv2
import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from dsrl_core.evaluation.run_curves import (
    EVALUATIONS,
    FROZEN,
    NOISE,
    SUCCESS,
    VALUE,
    WINDOW,
)
from dsrl_core.evaluation.run_data import EpisodeFacts, RunData
from dsrl_core.evaluation.statistics import wilson_interval
from dsrl_core.types import Float64Array, UInt8Array

# Okabe and Ito's colours, which differ for every kind of colour vision; lines differ by dashes too.
_COLOURS: Final = ("#0072B2", "#B24700", "#007A5A", "#8A5A96", "#555555")
_DASHES: Final = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)))
_FRAME_HEIGHT_PX: Final = 110
_STRIP_QUALITY: Final = 82
_PATH_SIZE_PX: Final = 120


def curve_figure(runs: Sequence[RunData]) -> str:
    """Success of the latest steered episodes as they came, one line per run: a PNG's data URI."""
    return _png(draw_curve(runs))


def draw_curve(runs: Sequence[RunData]) -> Figure:
    """The same as a figure."""
    figure, (axes,) = _figure(4.6)
    for index, run in enumerate(runs):
        colour = _COLOURS[index % len(_COLOURS)]
        _draw_base(axes, run, colour)
        _draw_run(axes, run, colour, index)
    axes.set_title(SUCCESS.title, loc="left", fontsize=14, fontweight="bold")
    axes.set_xlabel(SUCCESS.step, fontsize=12)
    axes.set_ylabel(f"success, latest {WINDOW}", fontsize=12)
    axes.set_ylim(-0.05, 1.05)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if not any(run.steered for run in runs):
        _say(axes, "no steered episode has been labelled yet")
    if axes.get_legend_handles_labels()[0]:
        # Below the axes: a curve may lie anywhere in them, at 0 % as at 100 %.
        figure.legend(frameon=False, loc="outside lower center", ncols=2, fontsize=10)
    return figure


def diagnostics_figure(run: RunData) -> str:
    """Noise and value of each episode, by outcome: a PNG's data URI."""
    figure, panels = _figure(4.2, columns=2)
    outcomes = {episode.number: episode.outcome for episode in run.episodes}
    for panel, curve in zip(panels, (NOISE, VALUE), strict=True):
        for outcome, marker, colour in (
            ("success", "o", _COLOURS[0]),
            ("failure", "x", _COLOURS[1]),
        ):
            points = [point for point in curve.points(run) if outcomes[point[0]] == outcome]
            known = np.array(points)
            if len(known):
                panel.scatter(known[:, 0], known[:, 1], s=22, marker=marker, c=colour, lw=1.4)
        if not panel.collections:
            _say(panel, "nothing is known yet")
        panel.set_title(curve.title, loc="left", fontsize=12, fontweight="bold")
        panel.set_xlabel(curve.step, fontsize=11)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[0].axhline(1.0, color=_COLOURS[4], linestyle=_DASHES[2], linewidth=1.4)
    return _png(figure)


def film_strip(frames: Sequence[UInt8Array]) -> str:
    """Pictures side by side, as the data URI of a WebP."""
    scaled = [_scaled(frame) for frame in frames]
    gap = np.full((_FRAME_HEIGHT_PX, 4, 3), 255, np.uint8)
    parts = [part for frame in scaled for part in (frame, gap)][:-1]
    strip = cv2.cvtColor(np.concatenate(parts, axis=1), cv2.COLOR_RGB2BGR)
    done, encoded = cv2.imencode(".webp", strip, [cv2.IMWRITE_WEBP_QUALITY, _STRIP_QUALITY])
    assert done, "OpenCV writes WebP"
    return "data:image/webp;base64," + base64.b64encode(encoded.tobytes()).decode()


def tool_path(points: Float64Array) -> str:
    """The tool's way (n, 3) [m] as an SVG: from above on the left, from the side on the right."""
    views = []
    for offset, columns in ((0, (1, 0)), (_PATH_SIZE_PX + 12, (0, 2))):
        flat = points[:, columns]
        span = max(float(np.ptp(points, axis=0).max()), 1e-3)
        middle = (flat.max(axis=0) + flat.min(axis=0)) / 2
        scaled = (flat - middle) / span * (_PATH_SIZE_PX - 16) + _PATH_SIZE_PX / 2
        scaled[:, 1] = _PATH_SIZE_PX - scaled[:, 1]
        line = " ".join(f"{x + offset:.1f},{y:.1f}" for x, y in scaled)
        start, end = scaled[0], scaled[-1]
        views.append(
            f'<rect x="{offset}" y="0" width="{_PATH_SIZE_PX}" height="{_PATH_SIZE_PX}" '
            'fill="none" stroke="currentColor" stroke-opacity=".25"/>'
            f'<polyline points="{line}" fill="none" stroke="currentColor" stroke-width="2"/>'
            f'<circle cx="{start[0] + offset:.1f}" cy="{start[1]:.1f}" r="4" fill="none" '
            'stroke="currentColor" stroke-width="2"/>'
            f'<circle cx="{end[0] + offset:.1f}" cy="{end[1]:.1f}" r="4" fill="currentColor"/>'
        )
    width = 2 * _PATH_SIZE_PX + 12
    return (
        f'<svg role="img" aria-label="way of the tool, from above and from the side" '
        f'width="{width}" height="{_PATH_SIZE_PX}" viewBox="0 0 {width} {_PATH_SIZE_PX}">'
        f"{''.join(views)}</svg>"
    )


def _draw_run(axes: Axes, run: RunData, colour: str, index: int) -> None:
    if not (points := SUCCESS.points(run)):
        return
    x, rates = zip(*points, strict=True)
    trials = [min(WINDOW, end) for end in x]
    intervals = [wilson_interval(round(r * n), n) for r, n in zip(rates, trials, strict=True)]
    low, high = zip(*intervals, strict=True)
    axes.fill_between(x, low, high, color=colour, alpha=0.16, linewidth=0)
    dashes = _DASHES[index % len(_DASHES)]
    axes.plot(x, rates, color=colour, linestyle=dashes, linewidth=2.4, label=run.name)
    evaluated = EVALUATIONS.points(run)
    # Outside of the curve's range, so that many of them hide nothing of it.
    places = [place for place, _ in evaluated]
    heights = [1.035 if value else -0.035 for _, value in evaluated]
    axes.scatter(places, heights, marker="|", s=26, color=colour, clip_on=False)


def _draw_base(axes: Axes, run: RunData, colour: str) -> None:
    count = run.count(run.base)
    if points := FROZEN.points(run):
        axes.axhspan(count.wilson_low, count.wilson_high, color=colour, alpha=0.07, linewidth=0)
        axes.axhline(
            points[-1][1],
            color=colour,
            linestyle=_DASHES[2],
            linewidth=1.6,
            label=f"{run.name}: frozen policy, {count.successes}/{count.trials}",
        )


def _say(axes: Axes, text: str) -> None:
    where = axes.transAxes
    axes.text(0.5, 0.5, text, transform=where, ha="center", fontsize=12, color=_COLOURS[4])


def _figure(height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    mpl.use("agg")
    figure = Figure(figsize=(9.0, height), dpi=130, layout="constrained")
    panels: list[Axes] = list(figure.subplots(ncols=columns, squeeze=False)[0])
    for panel in panels:
        panel.grid(axis="y", color="#d9d9d9", linewidth=0.8)
        panel.spines[["top", "right"]].set_visible(False)
    return figure, panels


def _png(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _scaled(frame: UInt8Array) -> UInt8Array:
    height, width = frame.shape[:2]
    size = (max(1, round(width * _FRAME_HEIGHT_PX / height)), _FRAME_HEIGHT_PX)
    scaled: UInt8Array = cv2.resize(frame, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    return scaled


def tool_points(episode: EpisodeFacts, columns: slice) -> Float64Array:
    """Where the tool was at each decision, (n, 3) [m]; `columns`: of it in an observation."""
    return episode.observations[:, columns].astype(np.float64)
