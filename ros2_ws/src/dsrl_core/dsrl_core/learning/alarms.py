"""Known signs that learning fails, from what updates tell of themselves.

A sign is raised once it holds for several reports on end, and cleared likewise, so that it does not
flicker. An algorithm that does not tell a quantity cannot raise its sign.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from pydantic.dataclasses import dataclass as checked_dataclass

from dsrl_core.learning.remembering import Memory
from dsrl_core.specs.values import STRICT, Count, Positive, Probability

Report: TypeAlias = Mapping[str, float]


@checked_dataclass(frozen=True, config=STRICT)
class AlarmConfig:
    """Thresholds. A span is the largest return that there can be minus the smallest."""

    reports: Count = 3
    """Reports on end that raise a sign, or clear it."""
    mean_excess: Positive = 0.05
    """[span] The mean value may leave the range of returns by so much."""
    peak_excess: Positive = 0.5
    """[span] A single value may exceed it by so much."""
    disagreement: Positive = 0.3
    """[span] Standard deviation among the critics."""
    gap: Positive = 0.25
    """[span] Mean distance of Q^W from Q^A."""
    saturated: Probability = 0.6
    """Share of noise components at the bound."""
    alpha_low: Positive = 1e-5
    """[return/nat]"""
    alpha_high: Positive = 10.0
    """[return/nat]"""
    bonus: Positive = 1.0
    """[span] What the entropy bonus alpha * |penalty| may be worth."""


@dataclass(frozen=True)
class _Sign:
    name: str
    advice: str
    """For people: what it means and what to do."""
    holds: Callable[[Report, AlarmConfig, float, float], bool]
    """Of a report, with the smallest and largest return; False where a quantity is missing."""
    at_once: bool = False


def _not_finite(report: Report, *_: object) -> bool:
    return not all(map(math.isfinite, report.values()))


def _out_of_range(report: Report, config: AlarmConfig, low: float, high: float) -> bool:
    span, mean = high - low, report.get("critic/q_mean", math.nan)
    peak = report.get("critic/q_max", math.nan)
    return (
        mean > high + config.mean_excess * span
        or mean < low - config.mean_excess * span
        or peak > high + config.peak_excess * span
    )


def _above(name: str, threshold: str) -> Callable[[Report, AlarmConfig, float, float], bool]:
    """A quantity in spans above a threshold of the config."""

    def holds(report: Report, config: AlarmConfig, low: float, high: float) -> bool:
        limit = float(getattr(config, threshold)) * (high - low)
        return report.get(name, math.nan) > limit

    return holds


def _bonus(report: Report, config: AlarmConfig, low: float, high: float) -> bool:
    bonus = report.get("actor/alpha", math.nan) * abs(report.get("actor/penalty", math.nan))
    return bonus > config.bonus * (high - low)


SIGNS: Final = (
    _Sign(
        "not_finite",
        "a loss or value is not finite: the learned weights are lost; lower learning_rate",
        _not_finite,
        at_once=True,
    ),
    _Sign(
        "value_out_of_range",
        "the critics promise more than the task's rewards allow (or less): set clamp_values, more "
        "critics, or a smaller initial alpha",
        _out_of_range,
    ),
    _Sign(
        "critics_disagree",
        "the critics differ widely: label more episodes before you trust it, or lower "
        "learning_rate",
        _above("critic/disagreement", "disagreement"),
    ),
    _Sign(
        "actor_saturated",
        "the actor's noise sticks to its bound, where the policy was never trained: look at the "
        "features, or lower noise_bound",
        lambda r, c, *_: r.get("actor/saturated", math.nan) > c.saturated,
    ),
    _Sign(
        "alpha_collapsed",
        "the temperature has collapsed and nothing is explored any more: raise the target entropy, "
        "or fix alpha (entropy.learning_rate 0)",
        lambda r, c, *_: r.get("actor/alpha", math.nan) < c.alpha_low,
    ),
    _Sign(
        "alpha_exploded",
        "the temperature has exploded and drowns the reward: lower the target entropy, or fix "
        "alpha (entropy.learning_rate 0)",
        lambda r, c, *_: r.get("actor/alpha", math.nan) > c.alpha_high,
    ),
    _Sign(
        "entropy_outweighs_success",
        "the bonus for random noise is worth more than success: lower entropy.initial or set "
        "entropy.bonus_max",
        _bonus,
    ),
    _Sign(
        "critics_apart",
        "the noise critic does not follow the action critic: more noise_critic_steps, or a "
        "smaller noise_critic_interval",
        _above("noise_critic/gap", "gap"),
    ),
)
NAMES: Final = tuple(sign.name for sign in SIGNS)


class Alarms:
    """Hears every report of a learner; `active` are the signs that hold, with their words."""

    def __init__(self, value_range: tuple[float, float], config: AlarmConfig | None = None) -> None:
        """`value_range`: smallest and largest return; infinite where there is no limit, and then
        nothing that is measured in it can be raised."""
        self._range, self._config = value_range, config or AlarmConfig()
        self._run = dict.fromkeys(NAMES, 0)
        """Reports on end that spoke for a change."""
        self.active: dict[str, str] = {}

    def hear(self, report: Report) -> None:
        """Take one report of metrics by name."""
        if not report:
            return
        for sign in SIGNS:
            holds = sign.holds(report, self._config, *self._range)
            if holds == (sign.name in self.active):
                self._run[sign.name] = 0
                continue
            self._run[sign.name] += 1
            if self._run[sign.name] >= self._config.reports or (holds and sign.at_once):
                self._run[sign.name] = 0
                if holds:
                    self.active[sign.name] = sign.advice
                else:
                    del self.active[sign.name]

    def texts(self) -> Iterable[str]:
        """Active signs in the order of `SIGNS`, for people."""
        return [f"{name}: {self.active[name]}" for name in NAMES if name in self.active]

    def state(self) -> Memory:
        return Memory({}, {"run": self._run, "active": self.active})

    def put_back(self, memory: Memory) -> None:
        self._run, self.active = dict(memory.facts["run"]), dict(memory.facts["active"])
