"""Actor and critics that see images through an encoder of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dsrl_core.errors import InvalidFile, InvalidValue
from dsrl_core.learning.learner import LearnedTask, Learner
from dsrl_core.policies import load_policy
from dsrl_core.policies.backend import Encoded, check_observations
from dsrl_core.policies.native import NativePolicy
from dsrl_core.specs import CameraSpec, PolicySpec
from dsrl_core.steering.decision_loop import DecisionLoop
from dsrl_core.steering.image_encoder import ImageEncoder, augment
from dsrl_core.types import Episode, Float32Array, Mode, Observation, UInt8Array
from tests.core.steering_setup import (
    SMALL_SETTINGS,
    feed,
    random_episode,
    small_policy,
    small_task,
)

CAMERAS = (CameraSpec("scene", 16, 12), CameraSpec("wrist", 16, 12))
SHAPE = (2, 12, 16, 3)


class SeeingPolicy(NativePolicy):
    """The small policy, which is given images and does not look at them."""

    def encode(self, observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
        check_observations(self.spec, observations, images)
        return Encoded(observations)


def seeing(folder: Path) -> PolicySpec:
    return replace(small_policy(folder), cameras=CAMERAS)


def filmed(number: int, brightness: int | None = None) -> Episode:
    """A random episode with images; all of one brightness, or random ones."""
    draw = np.random.default_rng(number)
    episode = random_episode(number)
    steps = []
    for step in episode.steps:
        images = draw.integers(0, 256, SHAPE, dtype=np.uint8)
        if brightness is not None:
            images[:] = brightness
        seen = replace(step.decision.observation, images=images)
        steps.append(replace(step, decision=replace(step.decision, observation=seen)))
    return replace(episode, steps=tuple(steps))


def learner(folder: Path) -> Learner:
    settings = SMALL_SETTINGS["dsrl_na"] | {"updates_first": 300, "return_lambda": 1.0}
    task = replace(small_task(), image_encoder=True)
    task = replace(task, steering=replace(task.steering, settings=settings))
    return Learner([LearnedTask(task, SeeingPolicy(seeing(folder)))], 0)


def test_what_only_the_images_tell_is_learned(tmp_path: Path) -> None:
    """Bright episodes succeed and dark ones fail; nothing else differs between them."""
    one = learner(tmp_path)
    for number in range(6):
        bright = number % 2 == 1
        feed(one, replace(filmed(0, 220 if bright else 30), number=number), success=bright)
    one.update(300)
    data, algorithm = one._data, one.algorithm
    with torch.no_grad():
        states = algorithm.states(data.column("before"))
        values = algorithm.model.value(states, data.column("chunks")).mean(dim=0)
    bright_rows = torch.arange(18).div(3, rounding_mode="floor") % 2 == 1
    assert float(values[bright_rows].min()) > float(values[~bright_rows].max())


def test_images_lie_in_memory_once(tmp_path: Path) -> None:
    one = learner(tmp_path)
    feed(one, filmed(0))
    (kept,) = one._data._images.values()
    assert kept is one._replays["franka_pick"].rows(0).images
    assert (kept.shape, kept.dtype) == ((4, *SHAPE), np.dtype(np.uint8))


def test_the_actors_loss_does_not_move_the_encoder(tmp_path: Path) -> None:
    one = learner(tmp_path)
    for number in range(2):
        feed(one, filmed(number))
    one.update(1)
    algorithm = one.algorithm
    encoder = algorithm.model.encoder
    assert encoder is not None
    before = [parameter.grad.clone() for parameter in encoder.parameters()]
    states = algorithm.states(one._data.column("before"), augmented=True).detach()
    algorithm.search_loss(states, one._data.column("targets"))[0].backward()
    for parameter, gradient in zip(encoder.parameters(), before, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_the_decision_sees_the_images_as_well(tmp_path: Path) -> None:
    one = learner(tmp_path)
    for number in range(4):
        feed(one, filmed(number))
    one.update(50)
    task = replace(small_task(), image_encoder=True)
    loop = DecisionLoop(task, SeeingPolicy(seeing(tmp_path)), 0)
    loop.set_weights(*one.weights())
    values = np.zeros(9, np.float32)
    decisions = [
        loop.decide(Observation(0, values, np.full(SHAPE, level, np.uint8)), 0, 0, Mode.EVAL, 1)
        for level in (10, 240)
    ]
    assert decisions[0].value != decisions[1].value


def test_augmentation_shifts_and_jitters_and_equal_seeds_do_it_equally() -> None:
    pixels = torch.rand(5, 6, 12, 16)
    one, other = (augment(pixels, torch.Generator().manual_seed(3)) for _ in range(2))
    torch.testing.assert_close(one, other)
    assert one.shape == pixels.shape
    assert not torch.equal(one, pixels)


def test_without_a_generator_nothing_is_augmented() -> None:
    encoder = ImageEncoder(2, 12, 16, filters=4, size=8)
    images = torch.randint(0, 256, (3, *SHAPE), dtype=torch.uint8)
    torch.testing.assert_close(encoder(images), encoder(images))
    assert encoder(images).shape == (3, 8)


def test_an_encoder_needs_a_policy_with_cameras(tmp_path: Path) -> None:
    task = replace(small_task(), image_encoder=True)
    with pytest.raises(InvalidFile, match="has no cameras"):
        Learner([LearnedTask(task, load_policy(small_policy(tmp_path)))], 0)


def test_an_episode_without_its_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match=r"episode 0, decision 0: images has nothing, expected"):
        feed(learner(tmp_path), random_episode(0))
