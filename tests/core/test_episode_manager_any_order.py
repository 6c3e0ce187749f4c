"""The state machine of episodes: what holds in any order of events."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from dsrl_core.episode_manager import EpisodeManager
from dsrl_core.episode_run import Run
from dsrl_core.errors import DsrlError, InvalidValue
from dsrl_core.status import INVALID, LearnerStatus, Phase, SafetyStatus
from dsrl_core.types import Mode, Outcome
from tests.core.episode_manager_setup import (
    FREE,
    HELD,
    LIMIT_NS,
    START_NS,
    MemoryLedger,
    final,
    label,
    recorded,
)

ALLOWED = {
    Phase.IDLE: {Phase.RESETTING},
    Phase.RESETTING: {Phase.READY, Phase.RUNNING, Phase.IDLE},
    # Back: the arm was held.
    Phase.READY: {Phase.RUNNING, Phase.RESETTING, Phase.IDLE},
    # To IDLE at once: the last of a run, on disk before its end was heard of, labelled by then.
    Phase.RUNNING: {Phase.AWAITING_LABEL, Phase.DONE, Phase.IDLE},
    Phase.AWAITING_LABEL: {Phase.DONE, Phase.RESETTING, Phase.IDLE},
    Phase.DONE: {Phase.AWAITING_LABEL, Phase.RESETTING, Phase.IDLE},
}
NUMBERS = st.integers(0, 4)


class AnyOrder(RuleBasedStateMachine):
    """Events of any kind, about any episode, in any order and more than once."""

    @initialize(wait=st.booleans())
    def begin(self, wait: bool) -> None:
        self.ledger = MemoryLedger()
        self.wait, self.away_now = wait, tuple[str, ...]()
        self.manager = EpisodeManager(self.ledger, LIMIT_NS, 0, wait_for_learner=wait)
        self.before = self.manager.status
        self.entries = 0

    @rule(mode=st.sampled_from(Mode), count=st.integers(0, 3))
    def run(self, mode: Mode, count: int) -> None:
        try:
            self.manager.run(Run(mode, count, 1, 0))
        except DsrlError:
            assert self.before.phase is not Phase.IDLE

    @rule()
    def stop(self) -> None:
        self.manager.stop()

    @rule()
    def pause(self) -> None:
        self.manager.pause()

    @rule()
    def go_on(self) -> None:
        self.manager.go_on(START_NS)

    @rule()
    def press_start(self) -> None:
        before = self.manager.status
        if self.manager.press_start(START_NS):
            assert self.manager.status == before, "a refused start changes nothing"

    @rule(episode=NUMBERS)
    def world_ready(self, episode: int) -> None:
        self.manager.world_ready(episode, START_NS)

    @rule(episode=NUMBERS)
    def reset_failed(self, episode: int) -> None:
        self.manager.reset_failed(episode, "no answer")

    @rule(entries=st.integers(0, 9), pending=st.integers(0, 1), version=st.integers(0, 9))
    def learner(self, entries: int, pending: int, version: int) -> None:
        status = LearnerStatus(version, updates_pending=pending, ledger_entries=entries)
        self.manager.learner_progress(status)

    @rule(episode=NUMBERS, reason=st.sampled_from(["deadline", "ended", INVALID]))
    def closing(self, episode: int, reason: str) -> None:
        self.manager.requested(final(episode, reason))

    @rule(episode=NUMBERS, outcome=st.sampled_from(Outcome), stamp=st.integers(0, 3))
    def press(self, episode: int, outcome: Outcome, stamp: int) -> None:
        try:
            self.manager.label(replace(label(episode, outcome), stamp_ns=stamp))
        except InvalidValue:
            assert len(self.ledger.entries) == self.entries
        self.entries = len(self.ledger.entries)

    @rule(episode=NUMBERS, reason=st.sampled_from(["deadline", "ended", INVALID]))
    def stored(self, episode: int, reason: str) -> None:
        self.manager.recorded(recorded(episode, reason))

    @rule()
    def lost(self) -> None:
        self.manager.lost("franka_sim is gone")

    @rule(safety=st.sampled_from([HELD, FREE]))
    def safety(self, safety: SafetyStatus) -> None:
        self.manager.safety(safety)

    @rule(processes=st.sampled_from([(), ("policy_server",), ("noise_actor", "policy_server")]))
    def away(self, processes: tuple[str, ...]) -> None:
        self.away_now = processes
        self.manager.away(processes, START_NS)

    @precondition(lambda self: self.manager.reset_wanted is not None)
    @rule()
    def carry_out(self) -> None:
        wanted, self.manager.reset_wanted = self.manager.reset_wanted, None
        assert wanted is not None
        self.manager.world_ready(wanted.episode, START_NS)

    @invariant()
    def only_known_ways_are_gone(self) -> None:
        before, now = self.before, self.manager.status
        if now.episode == before.episode and now.phase is not before.phase:
            first = before.phase is Phase.IDLE and before.episode == 0
            assert first or now.phase in ALLOWED[before.phase], (before, now)
        assert now.episode >= before.episode
        is_new = now.phase is Phase.RUNNING and before.phase is not Phase.RUNNING
        assert not (is_new and self.away_now), "no episode begins without what it needs"
        if now.episode > before.episode:
            assert before.phase not in (Phase.RUNNING,) or now.phase is not Phase.RUNNING
        self.before = now

    @invariant()
    def nothing_moves_while_the_arm_is_held(self) -> None:
        if self.manager.is_held:
            assert self.manager.status.phase not in (Phase.READY, Phase.RUNNING)
            assert self.manager.reset_wanted is None

    @invariant()
    def a_running_episode_has_a_deadline_and_no_outcome(self) -> None:
        status = self.manager.status
        if status.phase is Phase.RUNNING:
            assert status.deadline_ns == status.started_ns + LIMIT_NS
            assert status.outcome == ""
        if status.phase is Phase.DONE:
            assert status.outcome

    @invariant()
    def counts_stay_within_the_run(self) -> None:
        status = self.manager.status
        assert status.run_total == 0 or status.run_done <= status.run_total


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
