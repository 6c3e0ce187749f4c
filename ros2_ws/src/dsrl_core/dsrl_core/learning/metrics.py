"""What an update tells of itself, by name: `critic/...`, `actor/...`, `noise_critic/...`."""

from __future__ import annotations

from torch import Tensor

Metrics = dict[str, Tensor]
