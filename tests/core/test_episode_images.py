"""Images, and what was seen in between, in stored episodes; bags from before there were any."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.errors import InvalidValue
from dsrl_core.types import Episode
from tests.core.test_episode_store import assert_equal, one

BAGS = Path(__file__).parent / "bags"


def test_a_bag_from_before_images_and_rewards_is_read_without_them(tmp_path) -> None:
    assert_equal(EpisodeStore(tmp_path).read(BAGS / "first_definition.mcap"), one())


def with_images(cameras: int = 2, size: int = 96) -> Episode:
    """Pictures of a plain scene with some noise, as a renderer's are."""
    random = np.random.default_rng(0)
    steps = []
    for step in one(decisions=16).steps:
        pixels = np.full((cameras, size, size, 3), 120, dtype=np.uint8)
        pixels[:, 20:60, 30:50] = random.integers(0, 255, 3)
        pixels[:, :20] += random.integers(0, 4, (cameras, 20, size, 3), dtype=np.uint8)
        seen = replace(step.decision.observation, images=pixels)
        steps.append(replace(step, decision=replace(step.decision, observation=seen)))
    return replace(one(), steps=tuple(steps))


def test_an_episode_with_images_is_small_on_disk_and_read_as_it_was(tmp_path) -> None:
    episode = with_images()
    path = EpisodeStore(tmp_path).write(episode)
    raw = sum(step.decision.observation.images.nbytes for step in episode.steps)
    assert (path / "episode_000012.mcap").stat().st_size < raw / 5
    assert_equal(EpisodeStore(tmp_path).read(12), episode)


@pytest.mark.parametrize(
    ("between", "message"),
    [
        (np.zeros((3, 9)), "between is float64, expected float32"),
        (np.zeros(9, dtype=np.float32), r"between has shape \(9,\), expected two dimensions"),
    ],
)
def test_what_was_seen_in_between_must_be_of_its_kind(tmp_path, between, message) -> None:
    broken = replace(one().steps[0], between=between)
    with pytest.raises(InvalidValue, match=message):
        EpisodeStore(tmp_path).write(replace(one(), steps=(broken, *one().steps[1:])))
