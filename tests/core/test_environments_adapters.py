"""The adapters of robosuite, LIBERO and ALOHA on stand-ins for their packages.

They say what is asked of a package and what is made of its answer; that the packages answer so is
tested where they are installed (tests/contracts/test_environment.py).
"""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dsrl_core.environments import make_environment
from dsrl_core.environments.libero import axis_angle

OBJECT_SIZE = {"Lift": 10, "PickPlaceCan": 14, "NutAssemblySquare": 14, "TwoArmTransport": 41}
PART_SIZE = {"eef_pos": 3, "eef_quat": 4, "gripper_qpos": 2}


def module(monkeypatch: pytest.MonkeyPatch, name: str, **content: Any) -> ModuleType:
    """A stand-in for a module, there for as long as the test."""
    made = ModuleType(name)
    vars(made).update(content)
    monkeypatch.setitem(sys.modules, name, made)
    return made


class Suite:
    """A robosuite world that succeeds at its third action."""

    hard_reset = True

    def __init__(self, name: str, **arguments: Any) -> None:
        self.name, self.arms = name, len(arguments["robots"])
        self.action_spec = (-np.ones(7 * self.arms), np.ones(7 * self.arms))
        self.steps = 0

    def reset(self) -> dict[str, Any]:
        self.steps = 0
        self.start = np.random.random()  # noqa: NPY002 (as robosuite 1.4 draws)
        return self._seen()

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, dict[str, Any]]:
        self.steps += 1
        return self._seen(), 0.0, False, {}

    def _check_success(self) -> bool:
        return self.steps >= 3

    def close(self) -> None:
        """It holds nothing."""

    def _seen(self) -> dict[str, Any]:
        seen = {"object-state": np.full(OBJECT_SIZE[self.name], self.start)}
        for arm in range(self.arms):
            for number, (part, size) in enumerate(PART_SIZE.items()):
                seen[f"robot{arm}_{part}"] = np.full(size, 10 * arm + number)
        return seen


@pytest.fixture
def robosuite(monkeypatch: pytest.MonkeyPatch) -> None:
    module(monkeypatch, "robosuite", make=Suite)


@pytest.mark.usefixtures("robosuite")
@pytest.mark.parametrize(
    ("name", "size", "actions"),
    [("lift", 19, 7), ("can", 23, 7), ("square", 23, 7), ("transport", 59, 14)],
)
def test_a_robomimic_task_has_the_sizes_of_the_released_files(
    name: str, size: int, actions: int
) -> None:
    environment = make_environment(name)
    assert environment.observation_size == size
    assert len(environment.action_low) == actions


@pytest.mark.usefixtures("robosuite")
def test_two_arms_come_one_after_the_other_and_the_object_last() -> None:
    seen = make_environment("transport").reset(0)
    assert seen[:18].tolist() == [0] * 3 + [1] * 4 + [2] * 2 + [10] * 3 + [11] * 4 + [12] * 2
    assert len(set(seen[18:].tolist())) == 1


@pytest.mark.usefixtures("robosuite")
def test_an_action_costs_one_until_success_ends_the_episode() -> None:
    environment = make_environment("can")
    environment.reset(0)
    steps = [environment.step(environment.action_low) for _ in range(3)]
    assert [step.reward for step in steps] == [-1.0, -1.0, 0.0]
    assert [step.terminated for step in steps] == [False, False, True]
    assert steps[-1].success
    assert not steps[-1].truncated


@pytest.mark.usefixtures("robosuite")
def test_seeds_beyond_32_bits_give_equal_starts() -> None:
    environment = make_environment("lift")
    one, other = environment.reset(2**62 + 5), environment.reset(2**62 + 5)
    np.testing.assert_array_equal(one, other)
    assert not np.array_equal(one, environment.reset(2**62 + 6))


@pytest.fixture
def libero(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the adapter asked of LIBERO."""
    asked: dict[str, Any] = {}
    image = np.zeros((256, 256, 3), np.uint8)
    image[0, 0] = 255
    seen = {
        "agentview_image": image,
        "robot0_eye_in_hand_image": image,
        "robot0_eef_pos": np.array([1.0, 2.0, 3.0]),
        "robot0_eef_quat": np.array([0.0, 0.0, np.sin(0.3), np.cos(0.3)]),
        "robot0_gripper_qpos": np.array([0.02, -0.02]),
    }

    def get_task(number: int) -> SimpleNamespace:
        asked["task"] = number
        return SimpleNamespace(problem_folder="libero_90", bddl_file="a.bddl", language="do it")

    def make(**arguments: Any) -> SimpleNamespace:
        asked.update(arguments)
        return SimpleNamespace(
            env=SimpleNamespace(action_dim=7),
            seed=lambda seed: asked.update(seed=seed),
            reset=lambda: seen,
            step=lambda action: (seen, 1.0, True, {}),
            close=lambda: None,
        )

    def suites() -> dict[str, Any]:
        return {"libero_90": lambda: SimpleNamespace(get_task=get_task)}

    module(monkeypatch, "libero")
    module(monkeypatch, "libero.libero", get_libero_path=lambda kind: f"/{kind}")
    module(monkeypatch, "libero.libero.benchmark", get_benchmark_dict=suites)
    module(monkeypatch, "libero.libero.envs", OffScreenRenderEnv=make)
    return asked


def test_libero_is_task_57_with_images_turned_and_a_state_of_eight(libero: dict[str, Any]) -> None:
    environment = make_environment("libero_90_57")
    vector = environment.reset(2**40)
    assert (libero["task"], libero["camera_heights"]) == (57, 256)
    assert libero["bddl_file_name"] == "/bddl_files/libero_90/a.bddl"
    assert libero["seed"] < 2**32
    np.testing.assert_allclose(vector, [1, 2, 3, 0, 0, 0.6, 0.02, -0.02], atol=1e-6)
    images = environment.images
    assert images is not None
    assert images.shape == environment.images_shape
    assert images[:, -1, -1].min() == 255
    step = environment.step(environment.action_low)
    assert (step.reward, step.terminated, step.success) == (0.0, True, True)


def test_no_rotation_has_no_axis() -> None:
    np.testing.assert_array_equal(axis_angle(np.array([0.0, 0.0, 0.0, 1.0])), np.zeros(3))


def test_aloha_takes_joint_angles_beyond_one_and_reports_its_camera(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = {
        "pixels": {"top": np.zeros((480, 640, 3), np.uint8)},
        "agent_pos": np.arange(14.0),
    }
    asked: dict[str, Any] = {}
    played: list[Any] = []

    def make(name: str, **arguments: Any) -> SimpleNamespace:
        asked.update(arguments, name=name)
        return SimpleNamespace(
            reset=lambda seed: (seen, {}),
            step=lambda action: played.append(action) or (seen, 3, False, False, {}),
            close=lambda: None,
        )

    module(monkeypatch, "gym_aloha")
    module(monkeypatch, "gym_aloha.env")
    module(monkeypatch, "gymnasium", make=make)
    environment = make_environment("aloha_transfer_cube")
    assert environment.reset(2**40).tolist() == list(range(14))
    assert (asked["max_episode_steps"], asked["obs_type"]) == (400, "pixels_agent_pos")
    assert environment.action_high[2] > 1.16  # the elbow's starting angle [rad]
    assert environment.step(environment.action_high).reward == -1.0
    assert environment.images is not None
    assert environment.images.shape == environment.images_shape
