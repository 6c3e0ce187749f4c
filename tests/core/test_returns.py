"""lambda-returns: between one-step targets and Monte-Carlo returns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from dsrl_core.learning.returns import lambda_returns

VALUES = torch.tensor([0.5, 0.6, 0.7])


def returns(rewards: list[float], discounts: list[float], ends: list[bool], trace: float) -> Tensor:
    return lambda_returns(
        torch.tensor(rewards),
        torch.tensor(discounts),
        torch.tensor(ends),
        VALUES[: len(rewards)],
        trace,
    )


def test_lambda_one_is_the_monte_carlo_return() -> None:
    found = returns([0.0, 0, 1], [0.9, 0.9, 0], [False, False, True], 1.0)
    np.testing.assert_allclose(found, [0.81, 0.9, 1.0], rtol=1e-6)


def test_lambda_zero_is_the_one_step_target() -> None:
    found = returns([0.0, 0, 1], [0.9, 0.9, 0], [False, False, True], 0.0)
    np.testing.assert_allclose(found, [0.45, 0.54, 1.0], rtol=1e-6)


def test_a_time_out_ends_in_the_value_of_the_last_state() -> None:
    found = returns([0.0, 0, 0], [0.9, 0.9, 0.9], [False, False, True], 1.0)
    assert found[-1] == pytest.approx(0.63)


def test_returns_do_not_leak_from_one_chain_into_another() -> None:
    assert returns([0.0, 1], [0.9, 0], [True, True], 1.0)[0] == pytest.approx(0.45)
