"""Labels on their way to the ledger: can the episode be labelled, and was this said before?"""

from __future__ import annotations

from collections.abc import Collection

from dsrl_core.data.ledger import standing_labels
from dsrl_core.episode_run import Ledger
from dsrl_core.errors import InvalidValue
from dsrl_core.status import EpisodeStatus, Phase
from dsrl_core.types import Label, Outcome


def write_label(
    ledger: Ledger, label: Label, status: EpisodeStatus, episodes: int, invalid: Collection[int]
) -> tuple[Label, bool]:
    """The entry as written, and whether it is new: the same press twice is one entry.

    `episodes`: how many have been begun; `invalid`: those that cannot be labelled.

    Raises:
        DsrlError: there is no such episode, it has not run, or the ledger refuses.
    """
    if (known := _entry_of(ledger, label)) is not None:
        return known, False
    if not 0 <= label.episode < episodes:
        raise InvalidValue(f"there is no episode {label.episode}; the last one is {episodes - 1}")
    if label.episode == status.episode and status.phase in (Phase.RESETTING, Phase.READY):
        raise InvalidValue(
            f"episode {label.episode} is {status.phase.name}; expected RUNNING or over"
        )
    if label.episode in invalid and label.outcome is not Outcome.MARK:
        raise InvalidValue(
            f"episode {label.episode} is invalid: neither success nor failure, and never trained on"
        )
    return ledger.append(label), True


def chosen_episode(ledger: Ledger, status: EpisodeStatus, outcome: Outcome) -> int:
    """The episode that is meant when none is named: the present one, or the last that was labelled.

    Raises:
        InvalidValue: there is none.
    """
    if outcome is Outcome.UNDO:
        standing = standing_labels(ledger.entries)
        if not standing:
            raise InvalidValue("there is no label to take back")
        return max(standing.values(), key=lambda entry: entry.entry).episode
    if status.phase in (Phase.RUNNING, Phase.AWAITING_LABEL, Phase.DONE):
        return status.episode
    raise InvalidValue(
        f"no episode runs or awaits a label (episode {status.episode} is {status.phase.name}); "
        "name an earlier one"
    )


def conflict(ledger: Ledger, written: Label) -> str:
    """What two people said who did not know of each other, for people; empty: nothing of that."""
    if not written.conflicts_with:
        return ""
    other = ledger.entries[written.conflicts_with - 1]
    return (
        f"episode {written.episode}: {other.author} said {other.outcome}, {written.author} says "
        f"{written.outcome}, which holds as the last word; both are kept"
    )


def jump_back(ledger: Ledger) -> str:
    """Whether the newest entry is stamped well before one of earlier, for people; else empty."""
    if len(ledger.entries) < 2:
        return ""
    newest = ledger.entries[-1]
    back_s = (max(e.stamp_ns for e in ledger.entries[:-1]) - newest.stamp_ns) * 1e-9
    if back_s < _JUMP_S:
        return ""
    return (
        f"entry {newest.entry} is stamped {back_s:.0f} s before an earlier one: a clock has "
        "jumped, or somebody's differs; the order of the entries holds"
    )


_JUMP_S = 60.0
"""Late labels and two machines' clocks differ by less."""


def _entry_of(ledger: Ledger, label: Label) -> Label | None:
    """The entry of this very press, if it was heard before."""

    def press(entry: Label) -> tuple[object, ...]:
        return entry.stamp_ns, entry.author, entry.episode, entry.outcome

    pressed = press(label)
    return next((e for e in reversed(ledger.entries) if press(e) == pressed), None)
