"""The decision loop in one process: an environment, a decision loop and a chunk player.

It has no logic of its own: the ROS graph calls the same three in the same order, and a test holds
both against each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dsrl_core.control.chunk_player import ChunkPlayer
from dsrl_core.data.episode_assembly import EpisodeAssembly
from dsrl_core.specs import TaskSpec
from dsrl_core.steering.observation import ObservationBuilder, RobotInputs
from dsrl_core.steering.roll_forward import RollForward
from dsrl_core.types import (
    ChunkRequest,
    Decision,
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
    roll_forward: RollForward
    decider: Decider
    latency_ns: int = 0
    """Simulated time that an answer takes."""

    def run(self, number: int, mode: Mode, seed: int) -> tuple[Episode, bool]:
        """One episode from the reset of `seed`, and whether the environment calls it a success."""
        world = self.environment
        world.reset(seed)
        self.player.release()  # the reset stands for the person who looks at a held arm
        deadline_ns = world.time_ns + self.task.time_limit_ns
        self.player.start(world.time_ns, world.joint_positions, number, deadline_ns)
        assembly = EpisodeAssembly(number)
        answer: tuple[int, Decision] | None = None
        while True:
            while True:  # a chunk that begins may ask for the next one at once
                tick = self.player.tick(world.time_ns, world.joint_positions)
                request = tick.request
                if request is not None:
                    assembly.add_request(request)
                    observation = self._observation(request)
                    if request.final:
                        return self._closed(assembly, observation, mode, seed), world.success
                    decision = self.decider.decide(
                        observation, number, request.sequence, mode, seed
                    )
                    assembly.add_decision(decision)
                    answer = world.time_ns + self.latency_ns, decision
                if answer is None or world.time_ns < answer[0]:
                    break
                self.player.load(answer[1])
                answer = None
            assert tick.set_point is not None, "a player in an episode gives one at every tick"
            world.apply(tick.set_point)
            if world.success:
                request = self.player.end(world.time_ns, "ended")
                assembly.add_request(request)
                return self._closed(assembly, self._observation(request), mode, seed), True

    def _observation(self, request: ChunkRequest) -> Observation:
        observation = self.observations.build(request.stamp_ns, *self.environment.seen)
        return self.roll_forward(observation, request.committed)

    def _closed(
        self, assembly: EpisodeAssembly, observation: Observation, mode: Mode, seed: int
    ) -> Episode:
        """The episode as the recorder puts it together."""
        final = assembly.final_request
        assert final is not None, "the player has closed the episode"
        assembly.add_decision(final_decision(final.episode, final.sequence, observation))
        episode = assembly.complete(mode, seed)
        assert episode is not None, "in one process nothing is missed"
        return episode
