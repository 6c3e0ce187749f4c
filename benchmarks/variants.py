"""What is compared: algorithms, their settings and what the critics see, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from dsrl_core.specs import FeatureSpec, TaskSpec

TASKS: Final = ("franka_pick", "franka_place", "franka_pick_vision")


@dataclass(frozen=True)
class Variant:
    """How a run differs from the task file."""

    description: str
    steering: Mapping[str, Any] = field(default_factory=dict)
    reward: Mapping[str, Any] = field(default_factory=dict)
    raw: bool = False
    """Critics see the policy's normalised observation and the chunk, no relations."""
    demonstrations: bool = False
    """The policy's own labelled demonstrations are in the replay before the first episode."""
    online: bool = True
    corrections: bool = False
    """A scripted person takes over where a chunk goes wrong."""

    def of(self, task: TaskSpec) -> TaskSpec:
        """The task as this variant runs it."""
        changes: dict[str, Any] = {
            "steering": replace(task.steering, **self.steering),
            "reward": replace(task.reward, **self.reward),
        }
        if self.raw:
            changes |= {
                "features": (WIDTH,),
                "policy_features": True,
                "critic_sees_chunk": True,
            }
        return replace(task, **changes)


NARROW: Final = {
    "critic_width": 128,
    "critic_layers": 2,
    "actor_width": 128,
    "actor_layers": 2,
}
"""The published width, 2048x3, takes seconds per update on a CPU."""

VARIANTS: Final = {
    "na": Variant("DSRL-NA, preset robot"),
    "na-raw": Variant("DSRL-NA, preset robot, raw inputs", raw=True),
    "na-raw-shift": Variant(
        "DSRL-NA, preset robot, raw inputs, positions shifted together",
        {"settings": {"shift_m": 0.12}},
        raw=True,
    ),
    "na-demonstrations": Variant(
        "DSRL-NA, preset robot, demonstrations in the replay, no warm-up",
        {"warm_up_episodes": 0, "settings": {"windows": "sliding"}},
        demonstrations=True,
    ),
    "offline": Variant(
        "DSRL-NA, preset robot, demonstrations alone",
        {"settings": {"windows": "sliding", "updates_first": 3000, "updates_per_episode": 0}},
        demonstrations=True,
        online=False,
    ),
    "na-paper": Variant(
        "DSRL-NA, preset paper, width 128x2, bound 1.5",
        {
            "preset": "paper",
            "settings": {"sizes": NARROW},
            "selection": "actor",
            "noise_bound": 1.5,
        },
        {"rule": "step_cost", "discount": 0.99},
    ),
    "sac": Variant("DSRL-SAC, preset robot", {"algorithm": "dsrl_sac", "selection": "actor"}),
    "rlpd": Variant(
        "RLPD: SAC on actions, half demonstrations",
        {"algorithm": "rlpd", "selection": "actor", "noise_bound": 1.25, "warm_up_episodes": 0},
        demonstrations=True,
    ),
    "rlpd-corrections": Variant(
        "RLPD with human corrections",
        {"algorithm": "rlpd", "selection": "actor", "noise_bound": 1.25, "warm_up_episodes": 0},
        demonstrations=True,
        corrections=True,
    ),
}

WIDTH: Final = FeatureSpec(
    name="gripper", kind="value", of="gripper_width", offset=0.04, scales=(0.02,)
)
