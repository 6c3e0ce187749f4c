"""Which noise to learn with: a shape and a bound that the policy bears."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from dsrl_core.steering.preflight.noise_kinds import NoiseKind
from dsrl_core.steering.preflight.shapes import ShapeComparison, ShapeFigures
from dsrl_core.steering.preflight.thresholds import Thresholds

BOUNDS: Final = (1.0, 1.5, 2.0, 2.5, 3.0)


@dataclass(frozen=True)
class Recommendation:
    """The kind to learn with, and whether it is without objection."""

    kind: NoiseKind
    is_clean: bool
    """False: every shape does harm, and this is the least."""


def objections(figures: ShapeFigures, own: ShapeFigures, thresholds: Thresholds) -> list[str]:
    """What speaks against a shape, beside the policy's own noise; each names its figure."""
    found = _off_support(figures, thresholds.off_support_max)
    if figures.seam_ratio > thresholds.seam_ratio_max:
        found.append(
            f"jumps between chunks are {figures.seam_ratio:.2f} times as large "
            f"(at most {thresholds.seam_ratio_max:g})"
        )
    return found + _violence(figures, own, thresholds)


def dangers(figures: ShapeFigures, own: ShapeFigures, thresholds: Thresholds) -> list[str]:
    """Why a shape is not even to be tried on an arm: what seems to do a little harm may show there
    whether it does."""
    far = _off_support(figures, thresholds.box_off_support_max)
    return far + _violence(figures, own, thresholds)


def _off_support(figures: ShapeFigures, at_most: float) -> list[str]:
    if figures.off_support <= at_most:
        return []
    return [
        f"{figures.off_support:.0%} of its chunks lie where the policy's own hardly ever do "
        f"(at most {at_most:.0%})"
    ]


def _violence(figures: ShapeFigures, own: ShapeFigures, thresholds: Thresholds) -> list[str]:
    found = []
    if figures.refused > own.refused + thresholds.refused_stop:
        found.append(f"{figures.refused:.1%} of its chunks would be refused")
    if figures.untypical > own.untypical + thresholds.untypical_warn:
        found.append(f"{figures.untypical:.1%} of its values are untypical")
    return found


def recommend(
    own: ShapeFigures,
    shapes: Sequence[ShapeFigures],
    comparison: ShapeComparison,
    thresholds: Thresholds,
) -> tuple[Recommendation, tuple[ShapeFigures, ...]]:
    """The shape with most freedom that does no harm and is not too large to search; then the
    largest bound that may be used up without leaving the policy's own chunks too often.

    Also the figures that the bound was chosen by.
    """
    clean = [one for one in shapes if not objections(one, own, thresholds)]
    small = [one for one in clean if one.latent_size <= thresholds.latent_size_max]
    if small:
        chosen = max(small, key=lambda one: one.latent_size)
    elif clean:
        chosen = min(clean, key=lambda one: one.latent_size)
    else:
        chosen = min(shapes, key=lambda one: one.off_support)
    boxes = tuple(
        comparison.figures(replace(chosen.kind, bound=bound, draw="box")) for bound in BOUNDS
    )
    borne = [one.kind.bound for one in boxes if _is_borne(one, own, thresholds)]
    kind = replace(chosen.kind, bound=max(borne, default=BOUNDS[0]))
    corner = comparison.figures(replace(kind, draw="corners"))
    return Recommendation(kind, bool(clean) and bool(borne)), (*boxes, corner)


def _is_borne(box: ShapeFigures, own: ShapeFigures, thresholds: Thresholds) -> bool:
    return (
        box.off_support <= thresholds.box_off_support_max
        and box.refused <= own.refused + thresholds.refused_stop
    )
