"""Data augmentation for a critic that sees where things are: all of them moved together.

Where the tool, the object and the goal stand to each other decides what an action is worth, not
where on the table that is. A critic of raw positions has to learn this from examples; shown every
transition at other places of the table, it does so from far fewer episodes. It is a critic of
chunks only that may be shown such: the frozen policy does not know of this symmetry, and the same
noise makes another chunk elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from dsrl_core.errors import InvalidFile
from dsrl_core.learning.training_set import TrainingSet
from dsrl_core.specs import FieldSpec
from dsrl_core.steering.task_context import TaskContext


class PositionShift:
    """Moves the positions of an observation horizontally, all by the same way."""

    def __init__(self, contexts: Sequence[TaskContext], reach_m: float) -> None:
        """`reach_m`: the furthest along each of both axes.

        Raises:
            InvalidFile: a task's observations or actions do not have this symmetry.
        """
        self._reach_m = reach_m
        self._axes = [_axes_of(context) for context in contexts]

    def features(
        self, data: TrainingSet, observations: Tensor, generator: torch.Generator
    ) -> Tensor:
        """What actor and critics see in these observations (b,), each moved by a way of its own:
        (b, features_size)."""
        return data.features_after(observations, partial(self._moved, generator))

    def _moved(self, generator: torch.Generator, task: int, values: Tensor) -> Tensor:
        ways = self._reach_m * (2 * torch.rand(len(values), 2, generator=generator) - 1)
        return values + ways @ self._axes[task]


def _is_position(field: FieldSpec) -> bool:
    return field.unit == "m" and field.size == 3


def _axes_of(context: TaskContext) -> Tensor:
    """(2, observation_size): what a metre along x, or along y, changes in an observation."""
    policy, task = context.policy, context.task
    positions = {field.name for field in policy.observation if _is_position(field)}

    def refuse(why: str) -> None:
        raise InvalidFile(
            f"task '{task.name}' with policy '{policy.name}': positions cannot be shifted: {why}"
        )

    if not positions:
        refuse("the policy observes none (fields of size 3 in m)")
    if policy.cameras:
        refuse("it has cameras, whose images would have to move too")
    for action in policy.action.fields:
        if action.moves in positions and not action.relative:
            refuse(f"its action '{action.name}' names places, it does not add to them")
    for feature in task.features:
        if feature.of in positions and feature.minus is None and set(feature.when) != {"now"}:
            refuse(f"feature '{feature.name}' of a chunk is an absolute place")
    axes = torch.zeros(2, policy.observation_size)
    start = 0
    for field in policy.observation * policy.observation_steps:
        if _is_position(field):
            axes[0, start] = axes[1, start + 1] = 1.0
        start += field.size
    return axes
