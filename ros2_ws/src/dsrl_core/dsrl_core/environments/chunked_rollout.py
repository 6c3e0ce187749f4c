"""The decision loop on a benchmark's environment: chunks in, an episode as a robot's is out.

An episode stops where the environment says so, in the middle of a chunk if need be: the rest of it
is not played. The record says how many actions were executed, the rewards that they gave, what was
seen between them, and at its end the true last observation.
"""

from __future__ import annotations

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
    final_decision,
    to_nanoseconds,
)


@dataclass
class ChunkedRollout:
    """Everything that an episode of a benchmark needs."""

    environment: StepEnvironment
    decider: Decider

    def run(self, number: int, mode: Mode, seed: int) -> tuple[Episode, bool]:
        """One episode from the reset of `seed`, and whether it ever was a success.

        It ends by `ended` where the environment terminates, and by `deadline` where it truncates.

        Raises:
            InvalidValue: the decider's chunk is not of the environment's actions.
        """
        values = self.environment.reset(seed)
        steps: list[DecisionStep] = []
        played, success = 0, False
        while True:
            observation = self._observed(played, values)
            decision = self.decider.decide(observation, number, len(steps), mode, seed)
            outcomes = self._play(decision)
            played += len(outcomes)
            success = success or any(step.success for step in outcomes)
            steps.append(_recorded(decision, outcomes))
            last = outcomes[-1]
            values = last.observation
            if last.is_done:
                break
        closing = final_decision(number, len(steps), self._observed(played, values))
        steps.append(DecisionStep(closing, 0))
        reason = "ended" if last.terminated else DEADLINE
        metadata = {"environment": self.environment.name}
        return Episode(number, mode, seed, tuple(steps), reason, metadata), success

    def _play(self, decision: Decision) -> list[Step]:
        """What the chunk's actions gave, up to the one that ended the episode."""
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
        outcomes = []
        for action in np.clip(decision.chunk, low, high):
            outcomes.append(self.environment.step(action))
            if outcomes[-1].is_done:
                break
        return outcomes

    def _observed(self, played: int, values: Float32Array) -> Observation:
        stamp_ns = played * to_nanoseconds(self.environment.period_s)
        return Observation(stamp_ns, values, self.environment.images)


def _recorded(decision: Decision, outcomes: list[Step]) -> DecisionStep:
    seen = [step.observation for step in outcomes[:-1]]
    between = np.zeros((0, len(outcomes[-1].observation)), np.float32)
    if seen:
        between = np.stack(seen)
    return DecisionStep(decision, len(outcomes), between, sum(step.reward for step in outcomes))


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
