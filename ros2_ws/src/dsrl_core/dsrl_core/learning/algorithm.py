"""What every algorithm is: a config, a model, `refresh` now and then, `update` on batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import Annotated, ClassVar, Generic, Literal, TypeVar

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from dsrl_core.data.episode_rows import Windows
from dsrl_core.learning.batch import Batch
from dsrl_core.learning.ensembles import Reduction
from dsrl_core.learning.metrics import Metrics
from dsrl_core.learning.precision import Products
from dsrl_core.learning.remembering import (
    Memory,
    Remembers,
    memory_of_draws,
    put_draws_back,
)
from dsrl_core.learning.temperature import TemperatureConfig
from dsrl_core.learning.training_set import TrainingSet
from dsrl_core.seeding import Purpose, stream
from dsrl_core.specs.values import STRICT, Count, NaturalNumber, Positive, Probability
from dsrl_core.steering.steering_model import NetworkSizes, SteeringModel, model_shape
from dsrl_core.steering.task_context import TaskContext


@dataclass(frozen=True, config=STRICT)
class AlgorithmConfig:
    """Settings that all algorithms have; rates are per update."""

    sizes: NetworkSizes = field(default_factory=NetworkSizes)
    batch: Count = 128
    learning_rate: Positive = 1e-3
    """Of the critics, and of the actor unless it has its own."""
    actor_learning_rate: Positive | None = None
    weight_decay: Annotated[float, Field(ge=0)] = 1e-2
    critic_reduction: Reduction = "mean"
    """How the heads become one value: in targets and for the actor."""
    return_lambda: Probability = 0.7
    """0 is one-step TD, 1 is Monte-Carlo."""
    polyak: Probability = 0.05
    """Share that a target network goes towards its critic, where there is one."""
    clamp_values: bool = True
    """Whether bootstrapped values are held within what the reward rule makes possible."""
    entropy: TemperatureConfig = field(default_factory=TemperatureConfig)
    refresh_interval: Count = 100
    """Updates between two computations of returns and preferred noises."""
    refresh_rows: Count = 2048
    """Transitions that one such computation looks at; beyond them, episodes take turns, fewer at a
    time."""
    products: Products = "float32"
    """How the networks' matrices are multiplied, see `dsrl_core.learning.precision`."""
    windows: Windows = "per_decision"
    """Where transitions begin, see `dsrl_core.data.episode_rows`."""
    prior_share: Probability | None = None
    """Share of a person's transitions (demonstrations, corrections) in a batch; None: as many as
    there are."""
    updates_first: NaturalNumber = 500
    """Updates due when the warm-up is complete."""
    updates_per_episode: NaturalNumber = 150
    updates_per_decision: NaturalNumber = 0


Config = TypeVar("Config", bound=AlgorithmConfig)


class Algorithm(ABC, Generic[Config]):
    """Networks, optimisers and one method per loss; the training set is given."""

    CRITIC_OF: ClassVar[Literal["chunk", "noise"]]
    DECODER: ClassVar[Literal["policy", "actions"]] = "policy"

    def __init__(
        self,
        contexts: Sequence[TaskContext],
        data: TrainingSet,
        value_range: tuple[float, float],
        run_seed: int,
        config: Config,
    ) -> None:
        """`value_range`: smallest and largest return that there can be."""
        self.config = config
        self._contexts, self._data = tuple(contexts), data
        self._value_range, self._run_seed = value_range, run_seed
        shape = model_shape(list(self._contexts), self.CRITIC_OF, self.DECODER)
        self._numpy = stream(run_seed, Purpose.LEARNER)
        self._torch = torch.Generator().manual_seed(int(self._numpy.integers(2**62)))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(self._numpy.integers(2**62)))
            self.model = SteeringModel(shape, config.sizes)
            self._make_networks()

    @abstractmethod
    def _make_networks(self) -> None:
        """Make what is trained beside the model, and the optimisers."""

    @abstractmethod
    def refresh(self) -> None:
        """Compute what holds for many updates, with the critic as it is now."""

    @abstractmethod
    def update(self, batch: Batch) -> Metrics:
        """One round on one batch."""

    def state(self) -> Memory:
        """What decides what it does next beside its networks and their optimisers."""
        draws = {"numpy": memory_of_draws(self._numpy), "torch": memory_of_draws(self._torch)}
        return Memory.of(draws | {name: part.state() for name, part in self._remembering()})

    def put_back(self, memory: Memory) -> None:
        """What `state` gave; the training set is what it was then."""
        put_draws_back(self._numpy, memory.part("numpy"))
        put_draws_back(self._torch, memory.part("torch"))
        for name, part in self._remembering():
            part.put_back(memory.part(name))

    def _remembering(self) -> Iterator[tuple[str, Remembers]]:
        for name, part in sorted(vars(self).items()):
            if isinstance(part, Remembers) and part is not self._data:
                yield name, part

    def states(self, observations: Tensor, augmented: bool = False) -> Tensor:
        """What actor and critics see in these observations (n,), (n, state_size).

        `augmented`: images are shifted and jittered.
        """
        data = self._data
        return self.model.state(
            data.features(observations),
            data.tasks(observations),
            data.images(observations),
            self._torch if augmented else None,
        )

    def _held(self, values: Tensor) -> Tensor:
        """Values that there can be."""
        return values.clamp(*self._value_range) if self.config.clamp_values else values
