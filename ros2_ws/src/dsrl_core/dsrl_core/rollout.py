"""The decision loop in one process: an environment, a decision loop and a chunk player.

It has no logic of its own: the ROS graph calls the same three in the same order, and a test holds
both against each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dsrl_core.control.chunk_player import ChunkPlayer
from dsrl_core.specs import TaskSpec
from dsrl_core.steering.observation import ObservationBuilder, RobotInputs
from dsrl_core.types import (
    ChunkRequest,
    Decision,
    DecisionStep,
    Episode,
    Float64Array,
    Mode,
    Observation,
    SetPoint,
    final_decision,
)


class Environment(Protocol):
    """A robot, or a simulator in its place, one set-point period at a time."""

    @property
    def time_ns(self) -> int: ...

    @property
    def joint_positions(self) -> Float64Array: ...

    @property
    def seen(self) -> tuple[RobotInputs, ...]:
        """What an observation is made of now: as many moments as the policy sees, the newest first,
        none of them before the reset."""

    @property
    def success(self) -> bool: ...

    def reset(self, seed: int) -> None: ...

    def apply(self, set_point: SetPoint) -> None: ...


class Decider(Protocol):
    """What picks chunks: `DecisionLoop`, or an oracle in its place."""

    def decide(
        self, observation: Observation, episode: int, sequence: int, mode: Mode, episode_seed: int
    ) -> Decision: ...


@dataclass
class Rollout:
    """Everything that an episode in this process needs."""

    task: TaskSpec
    environment: Environment
    player: ChunkPlayer
    observations: ObservationBuilder
    decider: Decider

    def run(self, number: int, mode: Mode, seed: int) -> tuple[Episode, bool]:
        """One episode from the reset of `seed`, and whether the environment calls it a success."""
        world = self.environment
        world.reset(seed)
        self.player.release()  # the reset stands for the person who looks at a held arm
        deadline_ns = world.time_ns + self.task.time_limit_ns
        self.player.start(world.time_ns, world.joint_positions, number, deadline_ns)
        steps: list[DecisionStep] = []
        pending: Decision | None = None
        while True:
            tick = self.player.tick(world.time_ns, world.joint_positions)
            request = tick.request
            if request is not None:
                if pending is not None:
                    steps.append(DecisionStep(pending, request.previous_steps_executed))
                if request.final:
                    return self._closed(request, mode, seed, steps), world.success
                observation = self.observations.build(request.stamp_ns, *world.seen)
                pending = self.decider.decide(observation, number, request.sequence, mode, seed)
                self.player.load(pending)
                tick = self.player.tick(world.time_ns, world.joint_positions)
            assert tick.set_point is not None, "a loaded player gives a set-point at every tick"
            world.apply(tick.set_point)
            if world.success:
                request = self.player.end(world.time_ns, "ended")
                if pending is not None:
                    steps.append(DecisionStep(pending, request.previous_steps_executed))
                return self._closed(request, mode, seed, steps), True

    def _closed(
        self, request: ChunkRequest, mode: Mode, seed: int, steps: list[DecisionStep]
    ) -> Episode:
        observation = self.observations.build(request.stamp_ns, *self.environment.seen)
        last = final_decision(request.episode, request.sequence, observation)
        steps.append(DecisionStep(last, 0))
        return Episode(request.episode, mode, seed, tuple(steps), request.reason)
