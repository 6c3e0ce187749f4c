"""A ROS domain of its own for every test process: `from tests.own_domain import domain`."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from dsrl_core.errors import DsrlError
from dsrl_ros.machine import DomainLock

_OF_TESTS = "dsrl_tests"


@pytest.fixture(scope="session", autouse=True)
def domain() -> Iterator[int]:
    """A domain on which no graph runs; a second graph of these tests would be refused on it."""
    before = os.environ.get("ROS_DOMAIN_ID")
    for number in random.sample(range(1, 100), 99):
        try:
            DomainLock(number).release()
            # Kept to the end, in a namespace where no graph runs: other tests go elsewhere.
            ours = DomainLock(number, _OF_TESTS)
        except DsrlError:
            continue
        os.environ["ROS_DOMAIN_ID"] = str(number)
        yield number
        ours.release()
        break
    if before is None:
        del os.environ["ROS_DOMAIN_ID"]
    else:
        os.environ["ROS_DOMAIN_ID"] = before
