"""The training loop beside the robot: episodes and labels in, updates, versioned weights out.

It owes a fixed number of updates for every labelled episode, so that what is learned depends on the
episodes and not on how fast the machine or the robot is; whoever calls `update` decides when.
Demonstrations and other data without noise come in as episodes like all others; those of earlier
recordings (`source` 1 and up) have numbers of their own beside the run's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from dsrl_core.data.replay import Replay
from dsrl_core.errors import InvalidFile, UnknownName
from dsrl_core.learning import algorithm_of
from dsrl_core.learning.checkpoints import restore, state_of
from dsrl_core.learning.metrics import Metrics
from dsrl_core.learning.precision import products
from dsrl_core.learning.remembering import Memory, memory_of_draws, put_draws_back
from dsrl_core.learning.training_set import TrainingSet
from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.policies.direct_actions import DirectActions
from dsrl_core.seeding import Purpose, stream
from dsrl_core.specs import TaskSpec
from dsrl_core.steering.task_context import TaskContext
from dsrl_core.types import Episode, Label, Mode

LIVE = 0
"""Source of the run's own episodes."""
_SOURCE_STEP = 2**32
"""Between the numbers of two sources: a message counts a run's episodes in 32 bits."""
TASK_KEY = "task"
"""Entry of an episode's metadata that names its task; without it the first task is meant."""
_COUNTERS = ("updates", "weights_version", "_published_updates", "_is_stale", "_since_refresh")


@dataclass(frozen=True)
class LearnedTask:
    """One of the tasks that a learner serves, and the frozen policy that it steers there."""

    task: TaskSpec
    policy: PolicyBackend


class Learner:
    """One algorithm on one or several tasks; not thread-safe.

    With several tasks, algorithm and settings are those of the first; episode numbers are each
    task's own.
    """

    def __init__(self, tasks: Sequence[LearnedTask], run_seed: int) -> None:
        """
        Raises:
            DsrlError: the tasks do not fit together, or a setting is wrong.
        """
        names = [learned.task.name for learned in tasks]
        if len(set(names)) < len(names) or not names:
            raise InvalidFile(f"tasks of a learner: {', '.join(names) or 'none'}; expected others")
        make, config = algorithm_of(tasks[0].task.steering)
        acts_directly = make.DECODER == "actions"
        decoders = [DirectActions(t.policy.spec) if acts_directly else t.policy for t in tasks]
        contexts = [
            TaskContext.of(t.task, decoder.spec) for t, decoder in zip(tasks, decoders, strict=True)
        ]
        self._data = TrainingSet(contexts, decoders, known_noise=make.CRITIC_OF == "noise")
        ranges = [learned.task.reward.value_range for learned in tasks]
        value_range = (min(low for low, _ in ranges), max(high for _, high in ranges))
        self.algorithm = make(contexts, self._data, value_range, run_seed, config)
        self._warm_up = sum(learned.task.steering.warm_up_episodes for learned in tasks)
        self._make_replay = {
            learned.task.name: partial(Replay, learned.task.reward, decoder.spec, config.windows)
            for learned, decoder in zip(tasks, decoders, strict=True)
        }
        self._replays = {name: make() for name, make in self._make_replay.items()}
        self._earlier: dict[tuple[int, str], Replay] = {}
        self._numbers = {name: number for number, name in enumerate(names)}
        self._sampling = stream(run_seed, Purpose.SAMPLING)
        self._is_stale, self._since_refresh = True, 0
        self.updates = 0
        self.weights_version = 0
        self._published_updates = 0
        self._owed: int | None = None
        self.value_range = value_range

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks that are learned."""
        return tuple(self._numbers)

    @property
    def episodes(self) -> int:
        """Labelled episodes that count."""
        return len(self._data.episodes())

    @property
    def updates_due(self) -> int:
        """Updates that the episodes so far are worth: none before the warm-up is complete."""
        config, count = self.algorithm.config, self.episodes
        if not len(self._data):
            return 0
        if self._owed is not None:
            return self._owed
        if count < max(self._warm_up, 1):
            return 0
        due: int = config.updates_first + config.updates_per_episode * (count - self._warm_up)
        if config.updates_per_decision:
            due += config.updates_per_decision * len(self._data)
        return due

    @property
    def updates_pending(self) -> int:
        return max(0, self.updates_due - self.updates)

    def owe(self, updates: int) -> None:
        """Learn offline: so many updates are due all in all, whatever episodes there are."""
        self._owed = updates

    def add_episode(self, episode: Episode, source: int = LIVE) -> None:
        """Take a recorded training episode; those of other modes are measurements.

        Raises:
            DsrlError: a value is not finite, a shape is not the policy's, or the task is another:
                nothing of the episode was taken.
        """
        if episode.mode is Mode.TRAIN:
            name = self._task_of(episode)
            self._replay(name, source).add(episode)
            self._follow(name, episode.number, source)

    def set_label(self, label: Label, task: str | None = None, source: int = LIVE) -> None:
        """Follow one ledger entry; entries come in the ledger's order.

        Raises:
            UnknownName: there is no such episode.
        """
        name = task or self.tasks[0]
        self._replay(name, source).label(label)
        self._follow(name, label.episode, source)

    def update(self, count: int) -> dict[str, float]:
        """Up to `count` of the pending updates; the last one's metrics, or none."""
        count = min(count, self.updates_pending)
        algorithm, metrics = self.algorithm, Metrics()
        config = algorithm.config
        for _ in range(count):
            if self._is_stale or self._since_refresh >= config.refresh_interval:
                algorithm.refresh()
                self._is_stale, self._since_refresh = False, 0
            self._since_refresh += 1
            batch = self._data.sample(self._sampling, config.batch, config.prior_share)
            with products(config.products):
                metrics = algorithm.update(batch)
        self.updates += count
        if count:
            self._count_episodes()
        return {name: float(value.detach()) for name, value in metrics.items()}

    def weights(self) -> tuple[int, bytes]:
        """Version and bytes for the noise actor; a new version only after new updates."""
        if self.updates > self._published_updates:
            self.weights_version += 1
            self._published_updates = self.updates
        return self.weights_version, self.algorithm.model.to_bytes()

    def new_version(self) -> int:
        """Count up although nothing was learned: networks were put back, or are not used."""
        self.weights_version += 1
        self._published_updates, self._is_stale = self.updates, True
        return self.weights_version

    def state(self) -> Memory:
        """All that decides what is learned next, beside episodes and labels."""
        counters = {name: getattr(self, name) for name in _COUNTERS}
        parts = {
            "counters": Memory({}, counters),
            "sampling": memory_of_draws(self._sampling),
            "data": self._data.state(),
            "networks": Memory(state_of(self.algorithm)),
            "algorithm": self.algorithm.state(),
        }
        return Memory.of(parts)

    def put_back(self, memory: Memory) -> None:
        """What `state` gave, once the same episodes and labels are here again.

        Raises:
            InvalidFile: it is of other episodes, labels or networks: make a new learner.
        """
        self._data.put_back(memory.part("data"))
        restore(self.algorithm, memory.part("networks").tensors)
        self.algorithm.put_back(memory.part("algorithm"))
        put_draws_back(self._sampling, memory.part("sampling"))
        for name in _COUNTERS:
            setattr(self, name, memory.part("counters").facts[name])

    def _count_episodes(self) -> None:
        """Tell the robot's side how much its critics have learned from."""
        counts = Counter(number for number, _ in self._data.episodes())
        for number in self._numbers.values():
            self.algorithm.model.episodes[number] = counts[number]

    def _replay(self, task: str, source: int) -> Replay:
        if source == LIVE:
            return self._replays[task]
        return self._earlier.setdefault((source, task), self._make_replay[task]())

    def _task_of(self, episode: Episode) -> str:
        name = episode.metadata.get(TASK_KEY, self.tasks[0])
        if name not in self._replays:
            raise UnknownName(f"task of episode {episode.number}", name, self.tasks)
        return name

    def _follow(self, task: str, number: int, source: int) -> None:
        """Bring what the replay says of an episode to what is drawn from."""
        replay = self._replay(task, source)
        key = (self._numbers[task], source * _SOURCE_STEP + number)
        self._is_stale = True
        if not replay.counts(number):
            if key in self._data:
                self._data.take_out(key)
        elif key in self._data:
            self._data.set_rewards(key, *replay.rewards(number))
        else:
            self._data.add(key, replay.rows(number), *replay.rewards(number))
