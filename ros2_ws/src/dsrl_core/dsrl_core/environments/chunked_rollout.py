"""The decision loop on a benchmark's environment: chunks in, an episode as a robot's is out.

An episode stops where the environment says so, in the middle of a chunk if need be: the rest of it
is not played. The record says how many actions were executed, the rewards that they gave, what was
seen between them, and at its end the true last observation.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from dsrl_core.data.episode_rows import DEADLINE
from dsrl_core.environments.step_environment import Step, StepEnvironment
from dsrl_core.errors import InvalidValue
from dsrl_core.rollout import Decider
from dsrl_core.types import (
    Decision,
    DecisionStep,
    Episode,
    Float32Array,
    Label,
    Mode,
    Observation,
    Outcome,
    UInt8Array,
    final_decision,
    to_nanoseconds,
)


@dataclass
class ChunkedRollout:
    """Everything that an episode of a benchmark needs."""

    environment: StepEnvironment
    decider: Decider
    observation_steps: int = 1
    """Of the policy: it sees so many observations, an action apart, the newest first."""

    def run(self, number: int, mode: Mode, seed: int) -> tuple[Episode, bool]:
        """One episode from the reset of `seed`, and whether it ever was a success.

        It ends by `ended` where the environment terminates, and by `deadline` where it truncates.

        Raises:
            InvalidValue: the decider's chunk is not of the environment's actions.
        """
        past = _Past(self.observation_steps)
        past.see(self.environment, self.environment.reset(seed))
        steps: list[DecisionStep] = []
        played, success = 0, False
        while True:
            observation = self._observed(played, past)
            decision = self.decider.decide(observation, number, len(steps), mode, seed)
            outcomes, between = self._play(decision, past)
            played += len(outcomes)
            success = success or any(step.success for step in outcomes)
            reward = sum(step.reward for step in outcomes)
            steps.append(DecisionStep(decision, len(outcomes), between, reward))
            last = outcomes[-1]
            if last.is_done:
                break
        closing = final_decision(number, len(steps), self._observed(played, past))
        steps.append(DecisionStep(closing, 0))
        reason = "ended" if last.terminated else DEADLINE
        metadata = {"environment": self.environment.name}
        return Episode(number, mode, seed, tuple(steps), reason, metadata), success

    def _play(self, decision: Decision, past: _Past) -> tuple[list[Step], Float32Array]:
        """What the chunk's actions gave, up to the one that ended the episode, and what was seen
        between them, (actions - 1, observation_size)."""
        low, high = self.environment.action_low, self.environment.action_high
        if (
            decision.chunk.ndim != 2
            or decision.chunk.shape[1:] != low.shape
            or not decision.chunk.size
        ):
            raise InvalidValue(
                f"a chunk of shape {decision.chunk.shape} for environment "
                f"'{self.environment.name}'; expected (horizon, {len(low)})"
            )
        outcomes: list[Step] = []
        between: list[Float32Array] = []
        for action in np.clip(decision.chunk, low, high):
            if outcomes:
                between.append(past.values)
            outcomes.append(self.environment.step(action))
            past.see(self.environment, outcomes[-1].observation)
            if outcomes[-1].is_done:
                break
        nothing = np.zeros((0, len(past.values)), np.float32)
        return outcomes, np.stack(between) if between else nothing

    def _observed(self, played: int, past: _Past) -> Observation:
        stamp_ns = played * to_nanoseconds(self.environment.period_s)
        return Observation(stamp_ns, past.values, past.images(self.environment))


class _Past:
    """The last observations of an episode; its first one stands for those before it."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._values: deque[Float32Array] = deque(maxlen=steps)
        self._images: deque[UInt8Array | None] = deque(maxlen=steps)

    def see(self, environment: StepEnvironment, values: Float32Array) -> None:
        # Nobody can draw the past, so that it is drawn at its time, if anybody is to see it.
        images = environment.images if self._steps > 1 else None
        missing = self._steps - len(self._values)
        for _ in range(max(missing, 1)):
            self._values.appendleft(values)
            self._images.appendleft(images)

    @property
    def values(self) -> Float32Array:
        return np.concatenate(self._values)

    def images(self, environment: StepEnvironment) -> UInt8Array | None:
        if self._steps == 1:
            return environment.images
        drawn = [images for images in self._images if images is not None]
        return np.concatenate(drawn) if drawn else None


def return_of(episode: Episode) -> float:
    """Sum of the environment's rewards."""
    return sum(step.reward for step in episode.steps[:-1])


def steps_of(episode: Episode) -> int:
    """Actions that were played."""
    return sum(step.steps_executed for step in episode.steps)


def label_of(episode: Episode, success: bool) -> Label:
    """What a learner needs to train on an episode of a benchmark.

    The outcome rules whether it ended in a terminal state, so a success that the environment did
    not end, but time, is no `SUCCESS`: its value goes on. That it was one says the label's reward,
    and `RewardSpec(rule="environment")` reads neither.
    """
    is_final = success and episode.end_reason != DEADLINE
    outcome = Outcome.SUCCESS if is_final else Outcome.FAILURE
    stamp_ns = episode.steps[-1].decision.observation.stamp_ns
    return Label(episode.number, outcome, float(success), "environment", stamp_ns)
