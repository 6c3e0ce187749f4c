"""Parameters of the learner."""

from __future__ import annotations

from dataclasses import dataclass

from dsrl_ros.declaring import parameter
from dsrl_ros.parameters import SharedParameters


@dataclass(frozen=True)
class LearnerParameters(SharedParameters):
    """learner"""

    out: str = parameter("out", "Output folder of the run.")
    seed: int = parameter(0, "Seed of the run.", minimum=0, maximum=2**31 - 1)
    slice_s: float = parameter(
        0.03,
        "Updates run for about so long before messages are served.",
        unit="s, wall clock",
        minimum=0.001,
        maximum=1.0,
    )
    prior: str = parameter(
        "",
        "Folders of runs or imports, separated by ':', whose episodes are learned from first.",
    )
    guard: bool = parameter(
        True, "Go back to better weights, or to the frozen policy, when success has fallen."
    )
    guard_level: float = parameter(
        0.05,
        "Share of runs of 200 episodes in which the guard acts although nothing is wrong.",
        minimum=0.0,
        maximum=0.5,
    )
    resume: bool = parameter(
        True,
        "Go on from the newest checkpoint; false: learn everything again from the episodes. Both "
        "come to the same weights.",
    )
    checkpoint_period_s: float = parameter(
        30.0,
        "Time between two checkpoints: what a learner that is killed learns again at most.",
        unit="s, wall clock",
        minimum=1.0,
        maximum=3600.0,
    )
    kept_versions: int = parameter(
        100,
        "Versions of the weights that stay on disk, so that they can be compared later: the "
        "newest, those that evaluations ran under, and others spread over the run.",
        minimum=1,
        maximum=10000,
    )
    kept_megabytes: float = parameter(
        500.0, "The same, together at most.", unit="MB", minimum=1.0, maximum=1e6
    )
    status_period_s: float = parameter(
        0.5,
        "Least time between two progress reports.",
        unit="s, wall clock",
        minimum=0.05,
        maximum=60.0,
    )
