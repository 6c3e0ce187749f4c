"""Which episode runs, when it ends, and what was said of it: a state machine without ROS or clock.

    IDLE -> RESETTING -> READY -> RUNNING -> AWAITING_LABEL -> DONE -> RESETTING (next) or IDLE

Events come in any order and more than once; what does not fit is ignored or refused with a reason.
After each the caller publishes `status` and carries out `reset_wanted`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from dsrl_core import episode_run
from dsrl_core.episode_gate import Gate
from dsrl_core.episode_labels import conflict, jump_back, write_label
from dsrl_core.episode_run import Ledger, ResetWanted, Run
from dsrl_core.status import (
    INVALID,
    UNLABELLED,
    EpisodeStatus,
    LearnerStatus,
    Phase,
    RecordedEpisode,
    SafetyStatus,
)
from dsrl_core.types import ChunkRequest, Label, Outcome

REPEATS_MAX: Final = 3  # invalid episodes in a row after which a run is given up
OVERTIME_NS: Final = 2_000_000_000  # after its deadline, when an episode is given up


class EpisodeManager:
    """One arm, one episode at a time.

    `wait_for_learner`: a steered episode starts only when every label so far has been learned from,
    so that what is learned does not depend on the machine's speed.
    `evaluation_share`: of training runs' episodes, evaluations by place in the seed's series alone.
    `auto_advance`: an episode starts once its world is ready; otherwise when a person says so.
    """

    def __init__(
        self,
        ledger: Ledger,
        time_limit_ns: int,
        next_episode: int,
        wait_for_learner: bool,
        evaluation_share: float = 0.0,
        auto_advance: bool = True,
    ) -> None:
        self._ledger, self._time_limit_ns = ledger, time_limit_ns
        self._evaluation_share = evaluation_share
        self._next_episode = next_episode
        self._run: Run | None = None
        self._recorded: set[int] = set()
        self._invalid: set[int] = set()
        self._gate = Gate(ledger, wait_for_learner, auto_advance)
        self.status = EpisodeStatus(episode=max(0, next_episode - 1))
        self.reset_wanted: ResetWanted | None = None
        """Never while the arm is held."""

    @property
    def is_held(self) -> bool:
        """Whether safety holds the arm: no episode begins, and no reset."""
        return bool(self._gate.hold)

    # What people and programs ask for.

    def run(self, wanted: Run) -> int:
        """Begin a run; the number of its first episode.

        Raises:
            DsrlError: another run is not over, or the disk takes no episode.
        """
        episode_run.check_may_run(self.status, self._run is not None, self._gate.no_room)
        self._run = wanted
        self._change(paused=False)
        self._begin()
        return self.status.episode

    def stop(self, reason: str = "stopped") -> None:
        """End the run; a running episode becomes invalid, one that awaits its label still does."""
        self._run = None
        if self.status.phase in (Phase.RESETTING, Phase.READY):
            self._idle(reason)
        elif self.status.phase is Phase.RUNNING:
            self.lost(reason)
        else:
            self._change(run_total=self.status.run_done, message=reason)

    def label(self, label: Label) -> Label:
        """Write a label to the ledger; the entry as written, or that of the same press before.

        Raises:
            DsrlError: there is no such episode, it has not run, or the ledger refuses.
        """
        begun, invalid = self._next_episode, self._invalid
        written, is_new = write_label(self._ledger, label, self.status, begun, invalid)
        if is_new and written.outcome is not Outcome.MARK:
            if written.episode == self.status.episode:
                self._follow(written)
            if told := conflict(self._ledger, written) or jump_back(self._ledger):
                self._change(message=told)
        return written

    def pause(self) -> None:
        """No further episode or reset begins; what is under way goes on to its end."""
        self._change(paused=True)

    def go_on(self, now_ns: int) -> None:
        """End a pause, at this ROS time."""
        self._change(paused=False)
        self._proceed()
        self._start_if_ready(now_ns)

    def press_start(self, now_ns: int) -> str:
        """A person lets the run go on, at this ROS time; why that cannot be, or empty.

        An episode that awaits its label is left without: one can come later.
        """
        if refusal := episode_run.why_not_start(self.status):
            return refusal
        if self.status.phase is Phase.AWAITING_LABEL:
            self._change(phase=Phase.DONE, outcome=UNLABELLED)
        self._gate.is_started = self.status.phase is Phase.READY
        self.go_on(now_ns)
        return ""

    def note(self, message: str) -> None:
        """Tell people."""
        self._change(message=message)

    # What the rest of the graph reports.

    def world_ready(self, episode: int, started_ns: int) -> None:
        """The world stands at the start of `episode`; its first tick is at `started_ns`."""
        if self._is(Phase.RESETTING, episode) and not self.is_held:
            self._change(phase=Phase.READY, started_ns=started_ns, message=self._gate.told)
            self._start_if_ready()

    def reset_failed(self, episode: int, reason: str) -> None:
        """The world cannot be reset: the run ends here."""
        if self._is(Phase.RESETTING, episode) and not self.is_held:
            self._idle(f"the world could not be reset: {reason}")

    def safety(self, safety: SafetyStatus) -> None:
        """While the arm is held a running episode becomes invalid and none begins; then the run
        goes on from a reset."""
        gate = self._gate
        if gate.hold == (hold := safety.hold_to_mend):
            return
        gate.hold = hold
        phase, self.reset_wanted = self.status.phase, None
        if not gate.hold:
            if phase is Phase.RESETTING:
                self._want_reset()
            elif phase is Phase.IDLE:
                self._change(message="the arm may move again")
        elif phase is Phase.RUNNING:
            self.lost(gate.hold)
        elif phase is Phase.DONE and self.status.outcome == INVALID:
            self._change(message=f"invalid: {gate.hold}")
        elif phase is Phase.READY:
            # Where the arm will be after a hold nobody knows: it is not ready any more.
            self._change(phase=Phase.RESETTING, message=gate.hold)
        elif phase in (Phase.IDLE, Phase.RESETTING):
            self._change(message=gate.hold)

    def disk(self, refusal: str, now_ns: int = 0) -> None:
        """Why no further episode begins, empty: one may, from this ROS time on. One that runs does
        not care."""
        if refusal != self._gate.no_room:
            self._gate.no_room = refusal
            message = self.status.message if self.status.phase is Phase.RUNNING else refusal
            self._start_if_ready(now_ns, message=message)

    def away(self, processes: Sequence[str], now_ns: int = 0) -> None:
        """Processes that are gone: none given, an episode may begin from this ROS time on. What
        becomes of one that runs is not judged here."""
        if self._gate.miss(processes) and self.status.phase is Phase.READY:
            self._start_if_ready(now_ns, message=self._gate.told)

    def learner_progress(self, learner: LearnerStatus) -> None:
        self._gate.learner = learner
        self._start_if_ready()

    def requested(self, request: ChunkRequest) -> None:
        """Hear a chunk request: a final one says that the episode is over."""
        if not request.final or not self._is(Phase.RUNNING, request.episode):
            return
        if request.reason == INVALID:
            self.lost("the chunk player gave the episode up")
        else:
            self._change(phase=Phase.AWAITING_LABEL, end_reason=request.reason)

    def lost(self, reason: str) -> None:
        """Something that the running episode needs is gone: it is invalid."""
        if self.status.phase is Phase.RUNNING:
            self._invalid.add(self.status.episode)
            told = f"invalid: {reason}"
            self._change(phase=Phase.DONE, outcome=INVALID, end_reason=INVALID, message=told)

    def time_is(self, now_ns: int) -> None:
        """Notice that an episode runs on although its time is long up."""
        if self.status.phase is Phase.RUNNING and now_ns > self.status.deadline_ns + OVERTIME_NS:
            self.lost("nobody ended it at its deadline: is the chunk player there?")

    def recorded(self, recorded: RecordedEpisode) -> None:
        """It is on disk; the next may begin once it is labelled too."""
        number = recorded.episode
        self._recorded.add(number)
        # An earlier manager may have died in it.
        self._next_episode = max(self._next_episode, number + 1)
        self._change()
        if recorded.end_reason == INVALID:
            self._invalid.add(number)
            if number == self.status.episode and self.status.phase.is_over:
                self._change(phase=Phase.DONE, outcome=INVALID, end_reason=INVALID)
        self._proceed()

    # Inside.

    def _begin(self) -> None:
        assert self._run is not None
        wanted = self._run.next(self._evaluation_share, self._ledger.entries)
        number, self._next_episode = self._next_episode, self._next_episode + 1
        self._run = run = self._run.begun(wanted, number)
        self._gate.is_started = False
        self.status = replace(
            EpisodeStatus(number, Phase.RESETTING, wanted.mode, wanted.seed),
            minimum_weights_version=wanted.weights_version,
            run_done=run.done,
            run_total=run.count,
            run_mode=run.shown_mode,
            code=wanted.code,
            paused=self.status.paused,
            noise=wanted.noise,
        )
        self._want_reset()

    def _want_reset(self) -> None:
        self._change(message=self._gate.hold)
        if not self.is_held:
            self.reset_wanted = ResetWanted(self.status.episode, self.status.seed)

    def _start_if_ready(self, now_ns: int = 0, **values: object) -> None:
        """The first tick is not before `now_ns`: until then a person was waited for."""
        self._change(**values)
        if self.status.phase is not Phase.READY or self.status.waits_for:
            return
        started_ns = max(self.status.started_ns, now_ns)
        self._change(
            phase=Phase.RUNNING,
            minimum_weights_version=self._gate.minimum_version(self.status),
            started_ns=started_ns,
            deadline_ns=started_ns + self._time_limit_ns,
        )

    def _follow(self, label: Label) -> None:
        if label.outcome == "undo":
            if self.status.phase is Phase.DONE:
                self._change(phase=Phase.AWAITING_LABEL, outcome="", message="label taken back")
            return
        if self.status.phase is Phase.RUNNING:
            self._change(end_reason="ended")
        if self.status.phase is not Phase.IDLE:
            self._change(phase=Phase.DONE, outcome=str(label.outcome), message="")
            self._proceed()

    def _proceed(self) -> None:
        """On to the next episode once this one is labelled (or invalid) and on disk."""
        run, status = self._run, self.status
        if status.phase is not Phase.DONE or status.episode not in self._recorded:
            return
        if run is None:
            self._idle(status.message)
            return
        if status.paused:
            return
        self._run = run = run.after(status.outcome, status.episode)
        self._change(run_done=run.done)
        if run.invalid_in_a_row >= REPEATS_MAX:
            self._idle(f"given up after {REPEATS_MAX} invalid episodes; last {status.message}")
        elif run.is_complete(self._ledger.entries):
            self._idle(status.message)
        else:
            self._begin()

    def _idle(self, message: str) -> None:
        self._run = self.reset_wanted = None
        self._change(phase=Phase.IDLE, message=message)

    def _is(self, phase: Phase, episode: int) -> bool:
        return self.status.phase is phase and self.status.episode == episode

    def _change(self, **values: object) -> None:
        status = replace(self.status, **values)  # type: ignore[arg-type]
        waits = self._gate.waits_for(status, status.episode in self._recorded)
        self.status = replace(status, waits_for=waits)
