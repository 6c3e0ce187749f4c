"""lambda-returns over chains of transitions, computed now and then for many of them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def lambda_returns(
    rewards: Tensor, discounts: Tensor, ends: Tensor, next_values: Tensor, trace: float
) -> Tensor:
    """G_t = r_t + gamma_t ((1 - lambda) V(s_t+1) + lambda G_t+1), within each chain: (n,).

    All arguments (n,), chains contiguous and in order; a chain's last row uses V alone. lambda 0
    is one-step TD, 1 is Monte-Carlo. Sutton and Barto 2018, equation 12.20.
    """
    reward, discount = rewards.tolist(), discounts.tolist()
    is_last, values = ends.tolist(), next_values.tolist()
    returns = np.empty(len(values), dtype=np.float32)
    following = 0.0
    for row in range(len(values) - 1, -1, -1):
        after = values[row] if is_last[row] else (1 - trace) * values[row] + trace * following
        following = reward[row] + discount[row] * after
        returns[row] = following
    return torch.from_numpy(returns)
