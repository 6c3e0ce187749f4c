"""Which episode runs, when it ends, and what was said of it: a state machine without ROS or clock.

    IDLE -> RESETTING -> READY -> RUNNING -> AWAITING_LABEL -> DONE -> RESETTING (next) or IDLE

Events come in by methods, in any order and more than once; what does not fit the present state is
ignored or refused with a reason. After every event the caller looks at `status` (to publish it) and
at `reset_wanted` (to carry it out).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from dsrl_core.episode_run import Ledger, ResetWanted, Run
from dsrl_core.errors import DsrlError, InvalidValue
from dsrl_core.seeding import reset_seed
from dsrl_core.status import (
    INVALID,
    EpisodeStatus,
    LearnerStatus,
    Phase,
    RecordedEpisode,
    SafetyStatus,
)
from dsrl_core.types import ChunkRequest, Label, Mode

REPEATS_MAX: Final = 3
"""Invalid episodes in a row after which a run is given up."""

OVERTIME_NS: Final = 2_000_000_000
"""A running episode that is not ended so long after its deadline is given up."""

HOW_TO_RESUME: Final = "mend it, then let the arm go on: ./dsrl resume, or the button"

_STEERED = (Mode.TRAIN, Mode.EVAL, Mode.ACTOR)


class EpisodeManager:
    """One arm, one episode at a time.

    `wait_for_learner`: a steered episode starts only when every label so far has been learned from,
    so that what is learned does not depend on the machine's speed (lock-step simulation).
    `evaluation_share`: share of the episodes of training runs that are evaluations, evenly spread.
    Which ones depends on their place in the seed's series alone; they have evaluation resets.
    """

    def __init__(
        self,
        ledger: Ledger,
        time_limit_ns: int,
        next_episode: int,
        wait_for_learner: bool,
        evaluation_share: float = 0.0,
    ) -> None:
        self._ledger, self._time_limit_ns = ledger, time_limit_ns
        self._wait_for_learner, self._evaluation_share = wait_for_learner, evaluation_share
        self._next_episode = next_episode
        self._run: Run | None = None
        self._recorded: set[int] = set()
        self._invalid: set[int] = set()
        self._learner = LearnerStatus()
        self._hold = ""
        self.status = EpisodeStatus(episode=max(0, next_episode - 1))
        self.reset_wanted: ResetWanted | None = None
        """Never while the arm is held."""

    @property
    def is_held(self) -> bool:
        """Whether safety holds the arm: no episode begins, and no reset."""
        return bool(self._hold)

    # What people and programs ask for.

    def run(self, mode: Mode, count: int, seed: int, first_index: int) -> int:
        """Run `count` episodes (0: until stopped), evaluations included; the number of the first.

        Raises:
            DsrlError: another run is not over.
        """
        if self._run is not None or self.status.phase not in (Phase.IDLE, Phase.DONE):
            raise DsrlError(
                f"episode {self.status.episode} is {self.status.phase.name} in a run of "
                f"{self.status.run_total or 'unlimited'} episodes; expected IDLE: stop it first"
            )
        self._run = Run(mode, count, seed, first_index)
        self._begin()
        return self.status.episode

    def stop(self, reason: str = "stopped") -> None:
        """End the run; a running episode becomes invalid, one that awaits its label still does."""
        self._run = None
        phase = self.status.phase
        if phase in (Phase.RESETTING, Phase.READY):
            self._idle(reason)
        elif phase is Phase.RUNNING:
            self.lost(reason)
        else:
            self._change(run_total=self.status.run_done, message=reason)

    def label(self, label: Label) -> Label:
        """Write a label to the ledger; the entry as written.

        The same press again (of one author at one time) changes nothing and gives its entry.

        Raises:
            DsrlError: there is no such episode, it has not run, or the ledger refuses.
        """
        if (known := self._entry_of(label)) is not None:
            return known
        self._check_labelled(label.episode)
        written = self._ledger.append(label)
        if label.episode == self.status.episode:
            self._follow(written)
        return written

    def note(self, message: str) -> None:
        """Tell people something that changes nothing."""
        self._change(message=message)

    # What the rest of the graph reports.

    def world_ready(self, episode: int, started_ns: int) -> None:
        """The world stands at the start of `episode`; its first tick is at `started_ns`."""
        if self._resets(episode):
            self._change(phase=Phase.READY, started_ns=started_ns, message="")
            self._start_if_ready()

    def reset_failed(self, episode: int, reason: str) -> None:
        """The world cannot be reset: the run ends here."""
        if self._resets(episode):
            self._run = None
            self._idle(f"the world could not be reset: {reason}")

    def safety(self, safety: SafetyStatus) -> None:
        """Hear whether the arm is held: a running episode becomes invalid, and none begins.

        Once a person has let it go on, so does the run, from a reset.
        """
        before, self._hold = self._hold, safety.hold
        if self._hold == before:
            return
        phase, told = self.status.phase, f"{self._hold}; {HOW_TO_RESUME}"
        self.reset_wanted = None
        if not self._hold:
            if phase is Phase.RESETTING:
                self._want_reset()
            elif phase is Phase.IDLE:
                self._change(message="the arm may move again")
        elif phase is Phase.RUNNING:
            self.lost(told)
        elif phase is Phase.DONE and self.status.outcome == INVALID:
            self._change(message=f"invalid: {told}")
        elif phase in (Phase.IDLE, Phase.RESETTING, Phase.READY):
            # Where the arm will be after a hold nobody knows: READY is not ready any more.
            is_ready = phase is Phase.READY
            self._change(phase=Phase.RESETTING if is_ready else phase, message=told)

    def learner_progress(self, learner: LearnerStatus) -> None:
        self._learner = learner
        self._start_if_ready()

    def requested(self, request: ChunkRequest) -> None:
        """Hear a chunk request: a final one says that the episode is over."""
        if not request.final or not self._runs(request.episode):
            return
        if request.reason == INVALID:
            self.lost("the chunk player gave the episode up")
        else:
            self._change(phase=Phase.AWAITING_LABEL, end_reason=request.reason)

    def lost(self, reason: str) -> None:
        """Something that the running episode needs is gone: it is invalid."""
        if self.status.phase is Phase.RUNNING:
            self._invalid.add(self.status.episode)
            self._change(
                phase=Phase.DONE, outcome=INVALID, end_reason=INVALID, message=f"invalid: {reason}"
            )

    def time_is(self, now_ns: int) -> None:
        """Notice that an episode runs on although its time is long up."""
        if self.status.phase is Phase.RUNNING and now_ns > self.status.deadline_ns + OVERTIME_NS:
            self.lost("nobody ended it at its deadline: is the chunk player there?")

    def recorded(self, recorded: RecordedEpisode) -> None:
        """The episode is on disk; the next may begin once it is labelled too."""
        self._recorded.add(recorded.episode)
        if recorded.end_reason == INVALID:
            self._invalid.add(recorded.episode)
            if recorded.episode == self.status.episode and self.status.phase.is_over:
                self._change(phase=Phase.DONE, outcome=INVALID, end_reason=INVALID)
        self._proceed()

    # Inside.

    def _begin(self) -> None:
        run = self._run
        assert run is not None
        mode, index = run.next(self._evaluation_share)
        seed = reset_seed(run.seed, mode, index)
        number, self._next_episode = self._next_episode, self._next_episode + 1
        self.status = EpisodeStatus(
            number, Phase.RESETTING, mode, seed, run_done=run.done, run_total=run.count
        )
        self._want_reset()

    def _want_reset(self) -> None:
        if self._hold:
            self._change(message=f"{self._hold}; {HOW_TO_RESUME}")
        else:
            self._change(message="")
            self.reset_wanted = ResetWanted(self.status.episode, self.status.seed)

    def _start_if_ready(self) -> None:
        if self.status.phase is not Phase.READY:
            return
        minimum = 0
        if self._wait_for_learner and self.status.mode in _STEERED:
            learner, entries = self._learner, len(self._ledger.entries)
            if learner.ledger_entries < entries or learner.updates_pending:
                return
            minimum = learner.weights_version
        self._change(
            phase=Phase.RUNNING,
            minimum_weights_version=minimum,
            deadline_ns=self.status.started_ns + self._time_limit_ns,
        )

    def _check_labelled(self, episode: int) -> None:
        status = self.status
        if not 0 <= episode < self._next_episode:
            raise InvalidValue(
                f"there is no episode {episode}; the last one is {self._next_episode - 1}"
            )
        if episode == status.episode and status.phase in (Phase.RESETTING, Phase.READY):
            raise InvalidValue(
                f"episode {episode} is {status.phase.name}; expected RUNNING or over"
            )
        if episode in self._invalid:
            raise InvalidValue(
                f"episode {episode} is invalid: neither success nor failure, and never trained on"
            )

    def _entry_of(self, label: Label) -> Label | None:
        """The entry of this very press, if it was heard before."""

        def press(entry: Label) -> tuple[object, ...]:
            return entry.stamp_ns, entry.author, entry.episode, entry.outcome

        pressed = press(label)
        return next((e for e in reversed(self._ledger.entries) if press(e) == pressed), None)

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
        if status.outcome == INVALID:
            run = replace(run, invalid_in_a_row=run.invalid_in_a_row + 1)
        else:
            run = replace(run, done=run.done + 1, invalid_in_a_row=0)
        self._run = run
        self._change(run_done=run.done)
        if run.invalid_in_a_row >= REPEATS_MAX:
            self._run = None
            self._idle(f"given up after {REPEATS_MAX} invalid episodes; last {status.message}")
        elif run.is_complete:
            self._run = None
            self._idle(status.message)
        else:
            self._begin()

    def _idle(self, message: str) -> None:
        self.reset_wanted = None
        self._change(phase=Phase.IDLE, message=message)

    def _resets(self, episode: int) -> bool:
        is_asked = self.status.phase is Phase.RESETTING and self.status.episode == episode
        return is_asked and not self._hold

    def _runs(self, episode: int) -> bool:
        return self.status.phase is Phase.RUNNING and self.status.episode == episode

    def _change(self, **values: object) -> None:
        self.status = replace(self.status, **values)  # type: ignore[arg-type]
