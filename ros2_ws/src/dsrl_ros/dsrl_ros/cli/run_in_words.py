"""What `./dsrl up` tells of a run."""

from __future__ import annotations

from typing import Final

from dsrl_core.status import EpisodeStatus, Phase

BUTTONS: Final = "./dsrl label success | failure | discard | undo"


def is_over(status: EpisodeStatus, begun: int) -> bool:
    """Whether the run whose first episode has this number is over, be it that it was given up."""
    # Without a run mode it is the word from before the very first run.
    return status.phase is Phase.IDLE and status.episode >= begun and bool(status.run_mode)


def sentence(status: EpisodeStatus, sees_success: bool) -> str:
    """What a person wants to know of the present state."""
    number = f"Episode {status.episode}"
    if status.phase is Phase.RUNNING:
        return f"{number}: success in the simulator; label it." if sees_success else ""
    if status.phase is Phase.AWAITING_LABEL:
        return f"{number} is over ({status.end_reason}); label it: {BUTTONS}"
    if status.phase is Phase.DONE:
        return f"{number}: {status.outcome}. {status.message}".rstrip()
    return status.message
