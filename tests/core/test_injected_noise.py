"""A noise for models that draw their own: it is the only draw, or the model is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from dsrl_core.errors import InvalidValue
from dsrl_core.policies.workers.injected_noise import InjectedNoise

NOISE = torch.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: torch.randn(2, 3),
        lambda: torch.randn(size=(2, 3), dtype=torch.float32),
        lambda: torch.normal(mean=0.0, std=1.0, size=(2, 3)),
    ],
)
def test_the_models_own_draw_gives_the_noise(draw: Callable[[], Tensor]) -> None:
    with InjectedNoise(NOISE):
        drawn = draw() * 2.0
    assert torch.equal(drawn, NOISE * 2.0)


@pytest.mark.parametrize(
    ("draw", "told"),
    [
        (lambda: torch.zeros(2, 3), "drew no noise"),
        (lambda: torch.randn(3, 2), r"drew no noise of shape \(2, 3\).*randn\(3, 2\)"),
        (lambda: (torch.randn(2, 3), torch.randn(2, 3)), r"besides its noise.*randn\(2, 3\)"),
        (lambda: (torch.randn(2, 3), torch.rand(4)), r"besides its noise.*rand\(4,\)"),
        (lambda: (torch.randn(2, 3), torch.zeros(4).normal_()), "normal_"),
    ],
    ids=["none", "another shape", "twice", "uniform beside", "in place beside"],
)
def test_a_model_that_draws_otherwise_is_refused(draw: Callable[[], object], told: str) -> None:
    with pytest.raises(InvalidValue, match=told), InjectedNoise(NOISE):
        draw()


def test_an_error_of_the_model_is_told_as_it_is() -> None:
    with pytest.raises(RuntimeError, match="shape"), InjectedNoise(NOISE):
        raise RuntimeError("wrong shape")
