"""What docs/policies.md says about exporting a policy is done here, word for word."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dsrl_core.policies import load_policy
from dsrl_core.policies.probes import Verdict, probe_at_start
from tests.core.exported_setup import exported, noise, observation
from tests.core.vision_setup import random_views

PAGE = Path(__file__).parents[2] / "docs" / "policies.md"


class Velocity(nn.Module):
    """A field v(x, t, s) of a policy on a state vector."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.field = nn.Linear(4 * 5 + 1 + 9, 4 * 5)

    def forward(self, x: Tensor, time: Tensor, seen: Tensor) -> Tensor:
        found: Tensor = self.field(torch.cat([x.flatten(1), time, seen], dim=1))
        return found.reshape(-1, 4, 5)


def test_the_documented_export_is_a_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    monkeypatch.chdir(tmp_path)
    names["export"](Velocity(), observation(), noise())

    policy = load_policy(exported(tmp_path, "torch_export", weights="policy.pt2"))
    values, _ = random_views(policy.spec, 1)
    noises = np.random.default_rng(0).standard_normal((3, 4, 5), dtype=np.float32)
    with torch.no_grad():
        rows = torch.from_numpy(np.repeat(values, 3, axis=0))
        expected = names["Exported"](Velocity())(rows, torch.from_numpy(noises)).numpy()
    np.testing.assert_allclose(policy.decode(policy.encode(values), noises), expected, atol=1e-6)
    assert all(one.verdict is not Verdict.REFUSED for one in probe_at_start(policy))
