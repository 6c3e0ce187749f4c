"""What keeps the next episode from beginning, and what its next step waits for."""

from __future__ import annotations

from collections.abc import Sequence

from dsrl_core.episode_run import Ledger
from dsrl_core.status import STEERED, EpisodeStatus, LearnerStatus, Phase, Waits


class Gate:
    """Everything that an episode may have to wait for.

    `wait_for_learner`, `auto_advance`: as the episode manager's.
    """

    def __init__(self, ledger: Ledger, wait_for_learner: bool, auto_advance: bool) -> None:
        self._ledger, self._follows, self._auto_advance = ledger, wait_for_learner, auto_advance
        self.learner = LearnerStatus()
        self.hold = ""
        """Why the arm is held, for people; this and the next two are empty where nothing is."""
        self.no_room = ""
        """Why the disk takes no further episode."""
        self.away = ""
        """Which processes are gone."""
        self.is_started = False
        """Whether a person has said so for this episode."""

    @property
    def told(self) -> str:
        """Why an episode whose world is ready does not begin, for people; empty: nothing here."""
        return self.no_room or self.away

    def miss(self, processes: Sequence[str]) -> bool:
        """Note which processes are gone; whether that is news."""
        before, self.away = self.away, f"waits for {' and '.join(processes)}" if processes else ""
        return before != self.away

    def is_behind(self, status: EpisodeStatus) -> bool:
        """Whether labels have not been learned from that the episode is to profit by."""
        if not self._follows or status.mode not in STEERED or status.compares:
            return False
        is_unread = self.learner.ledger_entries < len(self._ledger.entries)
        return is_unread or self.learner.updates_pending > 0

    def minimum_version(self, status: EpisodeStatus) -> int:
        """Of the weights under which the episode runs; 0: any. A comparison has said it already."""
        if status.compares:
            return status.minimum_weights_version
        return self.learner.weights_version if self._follows and status.mode in STEERED else 0

    def waits_for(self, status: EpisodeStatus, is_recorded: bool) -> str:
        """What the next step waits for, one of `Waits`; empty: nothing."""
        match status.phase:
            case Phase.RESETTING:
                return Waits.RESUME if self.hold else Waits.RESET
            case Phase.READY:
                return self._before_start(status)
            case Phase.AWAITING_LABEL:
                return Waits.LABEL
            case Phase.DONE:
                return Waits.OPERATOR if is_recorded and status.paused else Waits.RECORDER
            case _:
                return ""

    def _before_start(self, status: EpisodeStatus) -> str:
        if status.paused or not (self._auto_advance or self.is_started):
            return Waits.OPERATOR
        if self.no_room:
            return Waits.RECORDER
        if self.away:
            return Waits.PROCESS
        return Waits.LEARNER if self.is_behind(status) else ""
