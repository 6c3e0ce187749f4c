"""What holds for every test."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

_OF_THE_MACHINE = {
    # How long an example takes, or to draw one, says something about the machine, not about the
    # code; and streams of a robot's set-points are large.
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
settings.register_profile("dsrl", derandomize=True, **_OF_THE_MACHINE)
settings.register_profile("explore", **_OF_THE_MACHINE)
settings.load_profile("dsrl")
"""The same examples at every run: what passes here passes there. To look for others:
./dsrl test --hypothesis-profile=explore"""


@pytest.fixture(scope="session")
def artefacts(pytestconfig: pytest.Config) -> Path:
    """Where tests leave pictures and pages for people to look at."""
    folder = pytestconfig.rootpath / "runs" / "test-artefacts"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
