"""A ROS domain of its own for every test process, and graphs of real processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dsrl_ros.session import GraphSession
from tests.own_domain import domain

__all__ = ["domain", "graph"]

SEED = 3


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphSession]:
    """A whole simulated graph in lock-step with the automatic operator."""
    out: Path = tmp_path_factory.mktemp("run")
    with GraphSession("franka_pick", out, SEED) as session:
        yield session
