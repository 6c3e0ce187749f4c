"""Every number that a verdict depends on, and why it is that number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Thresholds:
    """Chosen on seeds from 1000 on with altered copies of the shipped policies; see
    benchmarks/README.md. Spreads are in typical magnitudes (`scale` in the policy file)."""

    chance_share_warn: float = 0.02
    chance_share_stop: float = 0.25
    """Share of the chunks' variance that returns under equal noise. Above the second, a quarter of
    what a noise did is not its doing: what is learned of a noise does not hold for it again."""
    resolution: float = 0.05
    """Two chunks whose effects differ by less are one behaviour. A twentieth of a typical motion is
    the order of what an arm tracks while it moves."""
    behaviours_stop: float = 1.2
    """Below, five noises of six come to the same. A tenth of the shipped policy's spread has 1.08
    (seeds 1001 to 1003), and the truth gave less than 0.1 of gain there (seed 1000)."""
    behaviours_warn: float = 1.8
    """Below, there are fewer than two things to choose between. A quarter of the shipped policy's
    spread has 1.4 and gained 0.16, half of it has 2.0 to 2.8 and gained 0.40, all of it 4.2 or
    more (the same seeds)."""
    ignored_spread: float = 1e-4
    """Below, the action does not depend on the noise: a hundredth of a hundredth of a typical
    motion is what rounding and transport leave."""
    pinned_warn: float = 0.5
    """Share of an action's values that no noise changes."""
    piled_warn: float = 0.3
    """Share of values that stand exactly at the largest or smallest one seen: at a limit."""
    typical_multiple: float = 5.0
    """A value so many typical magnitudes from its centre is untypical."""
    untypical_warn: float = 0.01
    """Share of values. A policy file's scale is about one standard deviation: one in a hundred so
    far out is another unit or another policy."""
    refused_stop: float = 0.001
    """Share of chunks that the chunk player would refuse (`jump_max_rad`, `jump_max_m`). One in a
    thousand is one per fifty episodes: each of them stands still for a decision."""
    off_support_max: float = 0.10
    """Share of a shape's chunks farther from every base chunk than 1 % of the base chunks are. Up
    to ten times as many is still mostly what the policy was trained to do."""
    box_off_support_max: float = 0.35
    """The same for noises spread evenly over the whole box, which learning seldom plays. Also for
    a shape that is to be tried on the arm."""
    seam_ratio_max: float = 1.5
    """Jump from a chunk to the next, against that of the base noise."""
    significant: float = 0.01
    """p of the permutation test, under which a distance is told as more than chance."""
    latent_size_max: int = 128
    """More numbers than that are reduced by knots or repeated noise where these do no harm: the
    search and the actor were measured with 20, the published ones with up to 32."""
    decision_share_warn: float = 0.5
    """Share of a chunk's duration. Over half, a decision is late once the machine is busy."""
    decision_share_stop: float = 1.0
    """The arm would wait longer for each chunk than it moves."""
    gain_worth: float = 0.05
    """Of success rate: less can not be told from chance in a day on a robot."""
    few_trials: int = 8
    """Fewer labelled base episodes say next to nothing."""
    choices: int = 64
    """Whole episodes' worth of noise among which a steering is assumed to have its choice."""


THRESHOLDS: Final = Thresholds()
