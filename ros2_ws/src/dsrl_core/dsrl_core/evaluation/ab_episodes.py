"""What an A/B test has seen: episodes with their labels, put together to pairs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from dsrl_core.errors import InvalidValue
from dsrl_core.evaluation.ab_plan import AbPlan
from dsrl_core.types import Label, Outcome

_SAY_NOTHING = (Outcome.MARK,)


@dataclass(frozen=True)
class AbEpisode:
    """One attempt at a planned episode."""

    index: int
    """Of the plan."""
    number: int
    """Of the recorded episode."""
    is_valid: bool = True
    """False: an input was lost, the arm was held: neither success nor failure."""
    labels: tuple[Label, ...] = ()
    """All of the ledger's entries about it, in order."""
    reason: str = ""
    """Why it is invalid, for people."""

    @cached_property
    def said(self) -> tuple[Label, ...]:
        """Entries on the episode as a whole: labels and what takes them back, without marks."""
        return tuple(label for label in self.labels if label.outcome not in _SAY_NOTHING)

    @property
    def label(self) -> Label | None:
        """What holds; None while it is unlabelled."""
        last = self.said[-1] if self.said else None
        return None if last is None or last.outcome is Outcome.UNDO else last

    @property
    def value(self) -> float | None:
        """Reward of a success or failure, 0 to 1; None: unknown, discarded or invalid."""
        label = self.label if self.is_valid else None
        return None if label is None or label.outcome is Outcome.DISCARD else label.reward

    @property
    def is_void(self) -> bool:
        """Whether it was invalid or discarded, so that it has to be repeated."""
        label = self.label
        return not self.is_valid or (label is not None and label.outcome is Outcome.DISCARD)

    @property
    def is_unlabelled(self) -> bool:
        """Whether a person has still to say what it was."""
        return self.is_valid and self.label is None

    @property
    def was_corrected(self) -> bool:
        """Whether something was said of it more than once."""
        return len(self.said) > 1

    @property
    def known_since(self) -> int:
        """Ledger entry of the first word on it; 0 before."""
        return self.said[0].entry if self.said else 0


@dataclass(frozen=True)
class AbPair:
    """Both arms on one reset."""

    number: int
    """From 0."""
    attempts: tuple[tuple[AbEpisode, ...], tuple[AbEpisode, ...]]
    """By arm, in the order in which they ran."""

    def counted(self, arm: int) -> AbEpisode | None:
        """The attempt that counts: the first with a value.

        Not the last: taking back a discard restores the first attempt, and nobody can try an arm
        again until it succeeds.
        """
        return next((a for a in self.attempts[arm] if a.value is not None), None)

    @property
    def values(self) -> tuple[float | None, float | None]:
        """By arm; None while it is not known."""
        first, second = self.counted(0), self.counted(1)
        return first.value if first else None, second.value if second else None

    @property
    def difference(self) -> float | None:
        """Second less first, -1 to 1; None while one is missing."""
        first, second = self.values
        return None if first is None or second is None else second - first

    @property
    def harsh_difference(self) -> float | None:
        """As if every first attempt that was invalid or discarded had failed."""
        values = [
            0.0 if tried and tried[0].is_void else value
            for tried, value in zip(self.attempts, self.values, strict=True)
        ]
        return None if None in values else float(values[1] or 0.0) - float(values[0] or 0.0)

    @property
    def known_since(self) -> int:
        """Ledger entry that made it complete; 0 before."""
        both = self.counted(0), self.counted(1)
        return 0 if None in both else max(one.known_since for one in both if one)


def pairs_of(plan: AbPlan, episodes: Iterable[AbEpisode]) -> tuple[AbPair, ...]:
    """Every pair that has begun, in the plan's order.

    Raises:
        InvalidValue: an episode is not of the plan, is there twice, or has a label of another.
    """
    slots: dict[tuple[int, int], list[AbEpisode]] = {}
    numbers: set[int] = set()
    for episode in sorted(episodes, key=lambda one: one.number):
        if episode.number in numbers:
            raise InvalidValue(f"episode {episode.number} is in the test twice, expected once")
        foreign = {label.episode for label in episode.labels} - {episode.number}
        if foreign:
            raise InvalidValue(
                f"episode {episode.number} has a label of episode {min(foreign)}, expected its own"
            )
        numbers.add(episode.number)
        slot = plan.pair_of(episode.index), plan.arm_number_of(episode.index)
        slots.setdefault(slot, []).append(episode)
    return tuple(
        AbPair(number, (tuple(slots.get((number, 0), ())), tuple(slots.get((number, 1), ()))))
        for number in sorted({pair for pair, _ in slots})
    )
