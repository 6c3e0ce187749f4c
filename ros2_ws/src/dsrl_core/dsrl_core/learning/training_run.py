"""A learner, what feeds it and what watches over it: live, after a new start and in a replay alike.

    entry of the ledger -> updates that it is worth -> the guard decides -> new version, or not

One entry after the other goes this way, whenever it arrives. Every version of the weights is
therefore a function of the ledger and the episodes, and never of the clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

import torch

from dsrl_core.errors import DsrlError
from dsrl_core.learning.alarms import Alarms
from dsrl_core.learning.checkpoints import Checkpoints, restore, state_of
from dsrl_core.learning.feed import Attempt, LearnerFeed
from dsrl_core.learning.guard import Decision, Guard, GuardConfig, Trial
from dsrl_core.learning.learner import Learner
from dsrl_core.learning.prior import Prior
from dsrl_core.learning.remembering import Memory, State, as_tensor
from dsrl_core.types import Episode, Label, Mode, Outcome

REPORT_EVERY: Final = 50
"""Updates between two reports."""
_COUNTS: Final = (Outcome.SUCCESS, Outcome.FAILURE)
_MEASURED: Final = (Mode.BASE, Mode.TRAIN, Mode.EVAL)
"""Modes whose outcomes say something of the policy or of steering as it is deployed."""


@dataclass(frozen=True)
class Version:
    """Weights that went out."""

    number: int
    data: bytes
    """Nothing: the frozen policy acts by itself."""
    sha256: str
    updates: int
    entries: int
    """Of the ledger, that they were learned from."""
    restored_from: int = 0
    """Version whose weights these are again; 0: new ones."""


class TrainingRun:
    """One learner from its first episode to its last; not thread-safe."""

    def __init__(
        self,
        learner: Learner,
        read: Callable[[int], Episode],
        stored: Iterable[int] = (),
        guard: GuardConfig | None = None,
        checkpoints: Checkpoints | None = None,
        on_version: Callable[[Version], None] = lambda version: None,
    ) -> None:
        """`read` gives a stored episode by its number, `stored` are those on disk at the start;
        `on_version` hears of every version, in order."""
        self.learner = learner
        self.feed = LearnerFeed(self, read, stored)
        self.guard = Guard(guard or GuardConfig())
        self.alarms = Alarms(learner.value_range)
        self._checkpoints = checkpoints or Checkpoints()
        self._initial = state_of(learner.algorithm)
        self._on_version = on_version
        self._is_settled = True
        self._learned = 0
        """Updates that went into the present version."""
        self.present: Version | None = None
        """The newest version; None before the first."""
        self.decision = Decision("keep")
        """The guard's last one; what it did stays told for a while."""
        self.refused_prior: list[str] = []
        self._unwritten = ""
        self._resuming: Memory | None = None

    # What comes in.

    def add_prior(self, priors: Iterable[Prior]) -> None:
        """Take what was recorded before this run; to be called once, before anything else."""
        for source, prior in enumerate(priors, 1):
            self.refused_prior += prior.feed(self.learner, source)
        self._is_settled = False
        self._go_on()

    def resume(self, memory: Memory) -> None:
        """Go on from what `state` gave; to be called once, before any label is heard of.

        The entries that it was learned from are taken again without learning, which brings back
        what is trained on; the rest is put back.
        """
        self._resuming = memory
        # Nothing is due until the last of those entries: it has been done.
        self.learner.updates = int(memory.part("learner").part("counters").facts["updates"])

    @property
    def is_resuming(self) -> bool:
        """Whether entries that were learned from have not been heard of again yet."""
        return self._resuming is not None

    def recorded(self, episode: int, attempt: Attempt) -> None:
        """An episode is on disk."""
        self.feed.recorded(episode, attempt)
        self._go_on()

    def labelled(self, labels: Iterable[Label]) -> None:
        """New entries of the ledger, in its order."""
        self.feed.labelled(labels)
        self._go_on()

    def work(self) -> dict[str, float]:
        """One of the pending updates, and what follows from the last one; its metrics now and
        then, otherwise none."""
        metrics = self.learner.update(1)
        is_last = not self.is_busy
        is_due = self.learner.updates % REPORT_EVERY == 0 or is_last
        if is_due:
            self.alarms.hear(metrics)
        if is_last:
            self._go_on()
        return metrics if is_due else {}

    # What may be asked.

    @property
    def is_busy(self) -> bool:
        """Whether updates are pending."""
        return self.learner.updates_pending > 0

    def warnings(self) -> tuple[str, ...]:
        """What a person should look at, the newest refusals only."""
        refused = [f"refused: {reason}" for reason in self.feed.refused.values()]
        refused += [f"refused: {reason}" for reason in self.refused_prior]
        told = [f"guard: {self.decision.reason}"] if self.decision.reason else []
        told += [self._unwritten] if self._unwritten else []
        return (*told, *self.alarms.texts(), *refused[-3:])

    def state(self) -> Memory:
        """All that a new start cannot find in episodes and labels; may be asked for at any time."""
        own: dict[str, Any] = {
            "entries": self.feed.entries,
            "learned": self._learned,
            "is_settled": self._is_settled,
            "decision": asdict(self.decision),
            "checkpoints": list(self._checkpoints.digests().items()),
        }
        tensors: State = {}
        if self.present is not None:
            own["present"] = asdict(self.present) | {"data": None}
            tensors["data"] = as_tensor(self.present.data)
        return Memory.of(
            {
                "run": Memory(tensors, own),
                "learner": self.learner.state(),
                "guard": self.guard.state(),
                "alarms": self.alarms.state(),
            }
        )

    # Of the feed.

    def add_episode(self, episode: Episode) -> None:
        self.learner.add_episode(episode)

    def set_label(self, label: Label, attempt: Attempt) -> None:
        self._is_settled = False
        if attempt.mode is Mode.TRAIN:
            self.learner.set_label(label, attempt.task)
        if attempt.mode not in _MEASURED or not attempt.is_valid:
            return
        if label.outcome in _COUNTS:
            success = label.outcome is Outcome.SUCCESS
            self.guard.hear(Trial(label.episode, attempt.mode, attempt.version, success))
        else:
            self.guard.forget(label.episode)

    # Inside.

    def _go_on(self) -> None:
        """Settle what was learned and take the next entries, until updates are pending."""
        while not self.is_busy:
            if self._resuming is None:
                self._settle()
            elif self.feed.entries == self._resuming.part("run").facts["entries"]:
                self._put_back(self._resuming)
                continue
            if not self.feed.go_on():
                return

    def _put_back(self, memory: Memory) -> None:
        self._resuming = None
        self.learner.put_back(memory.part("learner"))
        self.guard.put_back(memory.part("guard"))
        self.alarms.put_back(memory.part("alarms"))
        own = memory.part("run")
        self._learned, self._is_settled = own.facts["learned"], own.facts["is_settled"]
        self.decision = Decision(**own.facts["decision"])
        if "present" in own.facts:
            data = own.tensors["data"].numpy().tobytes()
            self.present = Version(**own.facts["present"] | {"data": data})

    def _settle(self) -> None:
        """All updates of an entry are done: the guard decides, and weights go out."""
        if self._is_settled:
            return
        self._is_settled = True
        learner, guard = self.learner, self.guard
        decision = guard.decide(is_broken=not _is_finite(learner.algorithm.model))
        if decision.reason or not guard.has_just_acted:
            self.decision = decision
        if decision.action in ("restore", "base"):
            self._intervene(decision)
        elif decision.action == "resume":
            learner.new_version()
            self._publish()
        elif learner.updates > self._learned and not guard.acts_as_base:
            self._publish()

    def _intervene(self, decision: Decision) -> None:
        """Networks go back to the best checkpoint, if there is one; learning goes on from there."""
        learner = self.learner
        best = decision.version or self.guard.best()
        restore(learner.algorithm, self._checkpoints[best] if best else self._initial)
        version = learner.new_version()
        self.guard.intervened(decision, version)
        is_base = decision.action == "base"
        self._tell(version, b"" if is_base else learner.weights()[1], decision.version)
        if not is_base:
            self._freeze(version)

    def _publish(self) -> None:
        version, data = self.learner.weights()
        self.guard.published(version)
        self._tell(version, data)
        self._freeze(version)

    def _tell(self, number: int, data: bytes, restored_from: int = 0) -> None:
        self._learned = self.learner.updates
        sha256 = hashlib.sha256(data).hexdigest()
        self.present = Version(
            number, data, sha256, self._learned, self.feed.entries, restored_from
        )
        self._on_version(self.present)

    def _freeze(self, version: int) -> None:
        if self.guard.wants_frozen(version):
            try:
                self._checkpoints.keep(version, state_of(self.learner.algorithm))
                self._unwritten = ""
            except DsrlError as error:
                # It is there in memory, and the robot need not wait for a disk.
                self._unwritten = str(error)
            self.guard.frozen(version)
            self._checkpoints.drop_all_but(self.guard.kept())


def _is_finite(model: torch.nn.Module) -> bool:
    return all(bool(torch.isfinite(value).all()) for value in model.state_dict().values())
