"""What every environment keeps to; a newcomer's test class inherits `Contract`."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from dsrl_core.environments import ENVIRONMENTS, MissingPackage, StepEnvironment, make_environment
from dsrl_core.environments.step_environment import Step
from dsrl_core.errors import InvalidValue
from dsrl_core.types import Float32Array
from tests.core.environment_setup import Line

SEED = 2**62 + 7
"""Reset seeds have up to 63 bits."""
SHORT = 5
"""Actions: some environments take a second for each."""


def played(
    environment: StepEnvironment, seed: int, steps_max: int
) -> tuple[list[Float32Array], list[Step]]:
    """What is seen before and after the random actions of an episode, or of its beginning."""
    generator = np.random.default_rng(seed % 2**32)
    seen, steps = [environment.reset(seed)], list[Step]()
    while len(steps) < steps_max and not (steps and steps[-1].is_done):
        action = generator.uniform(environment.action_low, environment.action_high)
        steps.append(environment.step(action.astype(np.float32)))
        seen.append(steps[-1].observation)
    return seen, steps


class Contract:
    """Inherit it, and give the fixture `environment`."""

    def test_what_is_seen_is_a_finite_vector_of_its_size(self, environment: Any) -> None:
        seen, _ = played(environment, SEED, SHORT)
        for values in seen:
            assert values.shape == (environment.observation_size,)
            assert values.dtype == np.float32
            assert np.isfinite(values).all()

    def test_its_bounds_are_finite_and_in_order(self, environment: Any) -> None:
        low, high = environment.action_low, environment.action_high
        assert low.dtype == high.dtype == np.float32
        assert low.shape == high.shape
        assert np.isfinite([low, high]).all()
        assert (low < high).all()

    def test_equal_seeds_give_equal_episodes(self, environment: Any) -> None:
        one, other = (played(environment, SEED, SHORT) for _ in range(2))
        np.testing.assert_array_equal(one[0], other[0])
        assert [step.reward for step in one[1]] == [step.reward for step in other[1]]

    def test_other_seeds_give_other_starts(self, environment: Any) -> None:
        one = environment.reset(SEED), environment.images
        other = environment.reset(SEED + 1), environment.images
        assert not all(map(np.array_equal, one, other))

    def test_an_episode_is_over_in_time_and_then_no_step_is_played(self, environment: Any) -> None:
        _, steps = played(environment, SEED, environment.max_steps)
        assert steps[-1].is_done
        assert steps[-1].truncated == (not steps[-1].terminated)
        assert not any(step.is_done for step in steps[:-1])
        with pytest.raises(InvalidValue, match="expected a reset"):
            environment.step(environment.action_low)

    def test_an_earlier_observation_does_not_change(self, environment: Any) -> None:
        first = environment.reset(SEED)
        copy = first.copy()
        environment.step(environment.action_high)
        np.testing.assert_array_equal(first, copy)

    def test_its_images_are_of_the_shape_that_it_says(self, environment: Any) -> None:
        environment.reset(SEED)
        found = None if environment.images is None else environment.images.shape
        assert found == environment.images_shape


class TestLine(Contract):
    @pytest.fixture
    def environment(self) -> StepEnvironment:
        return Line()


PACKAGES = {
    "locomotion": "gymnasium",
    "robomimic": "robosuite",
    "libero": "libero",
    "aloha": "gym_aloha",
}


def is_installed(name: str) -> bool:
    module = ENVIRONMENTS[name].partition(":")[0].rpartition(".")[2]
    return find_spec(PACKAGES[module]) is not None


class TestInstalled(Contract):
    """Every environment whose package is here."""

    @pytest.fixture(params=[name for name in ENVIRONMENTS if is_installed(name)])
    def environment(self, request: pytest.FixtureRequest) -> Iterator[StepEnvironment]:
        environment = make_environment(request.param)
        yield environment
        environment.close()


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_it_is_made_where_its_packages_are(name: str) -> None:
    try:
        make_environment(name).close()
    except MissingPackage as error:
        pytest.skip(str(error))
