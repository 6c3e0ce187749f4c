"""A ROS domain of its own for every test process, and graphs of real processes."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsrl_core.errors import DsrlError
from dsrl_ros.machine import DomainLock
from dsrl_ros.session import GraphSession

SEED = 3


@pytest.fixture(scope="session", autouse=True)
def domain() -> Iterator[int]:
    """A domain on which no graph runs; a second graph of these tests would be refused on it."""
    before = os.environ.get("ROS_DOMAIN_ID")
    for number in random.sample(range(1, 100), 99):
        try:
            DomainLock(number).release()
        except DsrlError:
            continue
        os.environ["ROS_DOMAIN_ID"] = str(number)
        yield number
        break
    if before is None:
        del os.environ["ROS_DOMAIN_ID"]
    else:
        os.environ["ROS_DOMAIN_ID"] = before


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphSession]:
    """A whole simulated graph in lock-step with the automatic operator."""
    out: Path = tmp_path_factory.mktemp("run")
    with GraphSession("franka_pick", out, SEED) as session:
        yield session
