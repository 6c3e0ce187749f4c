"""bfloat16 products speed learning up and never touch the frozen policy."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dsrl_core.learning.precision import products
from tests.core.steering_setup import SMALL_SETTINGS, feed, random_episode, small_learner


def test_the_precision_is_put_back_even_after_an_error() -> None:
    before = torch.get_float32_matmul_precision()
    with products("bfloat16"):
        assert torch.get_float32_matmul_precision() == "medium"
    with pytest.raises(ZeroDivisionError), products("bfloat16"):
        _ = 1 / 0
    assert torch.get_float32_matmul_precision() == before


def test_chunks_are_decoded_exactly_whatever_the_networks_use(tmp_path: Path) -> None:
    learner = small_learner(tmp_path)
    feed(learner, random_episode(0))
    data = learner._data
    latents = torch.randn(3, data.latent_size)
    exact = data.decoded(data.column("before"), latents)
    with products("bfloat16"):
        torch.testing.assert_close(data.decoded(data.column("before"), latents), exact)


def test_learning_with_bfloat16_products_is_reproducible(tmp_path: Path) -> None:
    settings = SMALL_SETTINGS["dsrl_na"] | {"products": "bfloat16", "updates_first": 50}
    weights = []
    for _ in range(2):
        learner = small_learner(tmp_path, settings=settings)
        for number in range(3):
            feed(learner, random_episode(number))
        learner.update(50)
        weights.append(learner.weights()[1])
    assert weights[0] == weights[1]
