"""Episode managers in any phase, and the events that they hear."""

from __future__ import annotations

from dataclasses import replace

from dsrl_core.episode_manager import EpisodeManager
from dsrl_core.episode_run import Run
from dsrl_core.status import Phase, RecordedEpisode, SafetyStatus
from dsrl_core.types import ChunkRequest, Label, Mode, Outcome

LIMIT_NS = 6_400_000_000
START_NS = 1_000_000_000
HELD = SafetyStatus(True, "force", "41 N on the tool")
FREE = SafetyStatus()


def label(episode: int, outcome: Outcome = Outcome.SUCCESS) -> Label:
    return Label(episode, outcome, float(outcome is Outcome.SUCCESS), "test", 5)


def recorded(episode: int, end_reason: str = "ended") -> RecordedEpisode:
    return RecordedEpisode(episode, "x", 3, 12, 0, end_reason, Mode.TRAIN)


def final(episode: int, reason: str = "deadline") -> ChunkRequest:
    return ChunkRequest(START_NS + LIMIT_NS, episode, 4, 4, reason, final=True)


class MemoryLedger:
    """Writes nothing to disk; the rules of what holds are the real ledger's business."""

    def __init__(self) -> None:
        self.entries: tuple[Label, ...] = ()

    def append(self, label: Label) -> Label:
        written = replace(label, entry=len(self.entries) + 1)
        self.entries += (written,)
        return written


def manager_at(phase: Phase) -> EpisodeManager:
    """A manager whose first episode of three is in this phase."""
    ledger, mode = MemoryLedger(), Mode.BASE
    if phase is Phase.READY:
        ledger.append(label(0))
        mode = Mode.TRAIN
    manager = EpisodeManager(ledger, LIMIT_NS, 0, wait_for_learner=True)
    if phase is Phase.IDLE:
        return manager
    manager.run(Run(mode, 3, seed=1, first_index=0))
    if phase is not Phase.RESETTING:
        manager.world_ready(0, START_NS)
    if phase in (Phase.AWAITING_LABEL, Phase.DONE):
        manager.requested(final(0))
    if phase is Phase.DONE:
        manager.label(label(0, Outcome.FAILURE))
    assert manager.status.phase is phase
    return manager
