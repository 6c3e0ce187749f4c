"""Puts a simulated robot, a chunk player and something that decides together, in one process."""

from __future__ import annotations

from dataclasses import replace

from dsrl_core.catalog import Catalog
from dsrl_core.control.chunk_player import ChunkPlayer
from dsrl_core.control.kinematics import Kinematics
from dsrl_core.control.safety import Safety
from dsrl_core.rollout import Decider, Rollout
from dsrl_core.specs import FieldSpec, PolicySpec, TaskSpec
from dsrl_core.steering.observation import ObservationBuilder
from dsrl_core.steering.roll_forward import RollForward
from dsrl_sim.environment import SimulatedRobot


def make_rollout(
    task: TaskSpec, catalog: Catalog, policy: PolicySpec, decider: Decider, ahead: int = 0
) -> Rollout:
    """A rollout of the task in simulation, in lock-step.

    `ahead`: actions before the end of a chunk at which the next one is asked for.
    """
    robot = catalog.robot(task.robot).in_lock_step
    kinematics = Kinematics(robot)
    safety = Safety(robot, kinematics)
    player = ChunkPlayer(robot, policy.action, policy.horizon, kinematics, safety)
    player.ask_ahead(ahead)
    return Rollout(
        task,
        SimulatedRobot(task, robot, policy),
        player,
        ObservationBuilder(policy, robot),
        RollForward(policy, robot),
        decider,
    )


def with_truth(policy: PolicySpec) -> PolicySpec:
    """The policy's file with the object's true pose behind what the policy itself observes.

    For whoever may know it: scripted experts and the oracle.
    """
    truth = (FieldSpec("object_position", 3, "m"), FieldSpec("object_yaw", 1, "rad"))
    observed = {part.name for part in policy.observation}
    hidden = [part for part in truth if part.name not in observed]
    return replace(policy, observation=(*policy.observation, *hidden))
