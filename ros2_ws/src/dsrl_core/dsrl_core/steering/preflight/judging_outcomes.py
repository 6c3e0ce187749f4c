"""Reasons that labelled episodes give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from dsrl_core.evaluation.statistics import SuccessCount
from dsrl_core.steering.preflight.head_room import HeadRoom
from dsrl_core.steering.preflight.noise_kinds import BASE_NOISE, HELD_NOISE
from dsrl_core.steering.preflight.thresholds import Thresholds
from dsrl_core.steering.preflight.verdict import Level, Reason

_P_WORSE: Final = 0.05


def of_head_room(found: HeadRoom | None, limits: Thresholds) -> Iterator[Reason]:
    """What labelled episodes say of the gain; nothing without any."""
    if found is None:
        return
    _, most = found.gain
    if found.base.trials < limits.few_trials:
        yield Reason(
            Level.WARN,
            "head_room.few",
            f"{found.base.trials} labelled base episodes",
            f"at least {limits.few_trials}",
            "Label more of them, some from equal resets.",
        )
    elif most < limits.gain_worth:
        yield Reason(
            Level.STOP,
            "head_room.none",
            f"a perfect choice of noise gains {most:.0%} at most",
            f"at least {limits.gain_worth:.0%}",
            "Outcomes do not hang on the noise, or nothing is left to gain: spend the robot's time "
            "elsewhere.",
        )
    elif found.resets_never == found.resets:
        yield Reason(
            Level.WARN,
            "head_room.no_success",
            f"none of the trials at {found.resets} resets succeeded",
            "a success to learn from",
            "Without any, learning has nothing to begin with: add demonstrations, or make the task "
            "easier at first.",
        )
    elif found.base.successes == found.base.trials:
        yield Reason(
            Level.WARN,
            "head_room.always",
            f"all {found.base.trials} base trials at {found.resets} resets succeeded",
            "failures that a choice of noise could mend",
            "There may be nothing to gain: try the resets that are hardest for it.",
        )
    elif found.resets_both == 0 and found.base.trials > found.resets:
        yield Reason(
            Level.WARN,
            "head_room.resets_decide",
            f"at none of {found.resets} repeated resets did some trials succeed and others fail",
            "outcomes that differ at equal resets",
            "Where the reset alone decides, noise may not help: look at what goes wrong there.",
        )
    if found.replays_differ:
        yield Reason(
            Level.WARN,
            "head_room.chance",
            f"{found.replays_differ} of {found.replays} replays with equal noise ended otherwise",
            "equal outcomes",
            "Something else than noise decides as well (resets that are not alike, contacts): the "
            "estimate's lower end is therefore that of the base policy.",
        )


def of_trials(trials: Mapping[str, SuccessCount]) -> Iterator[Reason]:
    """Kinds of noise that did worse than the base noise in trials."""
    base = trials.get(BASE_NOISE)
    if base is None:
        return
    # It takes a second to import, which nobody waits for who asks for help only.
    from scipy.stats import fisher_exact

    for name, count in trials.items():
        if name in (BASE_NOISE, HELD_NOISE):
            continue
        table = [[s.successes, s.trials - s.successes] for s in (count, base)]
        if fisher_exact(table, "less").pvalue < _P_WORSE:
            yield Reason(
                Level.WARN,
                "trials.worse",
                f"{name}: {count.successes} of {count.trials} trials succeeded, with the policy's "
                f"own noise {base.successes} of {base.trials}",
                f"no worse than the own noise (Fisher's exact test, p >= {_P_WORSE})",
                "This noise takes something from the policy: learning begins below the base rate.",
            )
