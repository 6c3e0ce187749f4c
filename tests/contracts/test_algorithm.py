"""What every algorithm fulfils, with every preset; a newcomer in ALGORITHMS inherits it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsrl_core.errors import InvalidFile, UnknownName
from dsrl_core.learning import ALGORITHMS, algorithm_of
from dsrl_core.learning.learner import Learner
from dsrl_core.policies import load_policy
from dsrl_core.steering.decision_loop import DecisionLoop
from dsrl_core.types import Label, Mode, Observation, Outcome
from tests.core.steering_setup import (
    SMALL_SETTINGS,
    feed,
    random_episode,
    small_learner,
    small_policy,
    small_task,
)

CASES = [(name, preset) for name, (_, presets) in ALGORITHMS.items() for preset in presets]
OBSERVATION = Observation(7, np.linspace(-0.2, 0.4, 9, dtype=np.float32))


def settings(name: str, **more: Any) -> dict[str, Any]:
    owed = {"updates_first": 60, "updates_per_episode": 0, "updates_per_decision": 0}
    return SMALL_SETTINGS[name] | owed | more


def trained(folder: Path, name: str, preset: str, **more: Any) -> Learner:
    learner = small_learner(
        folder, algorithm=name, preset=preset, settings=settings(name, **more), noise_bound=1.5
    )
    for number in range(4):
        feed(learner, random_episode(number))
    learner.update(60)
    return learner


@pytest.mark.parametrize(("name", "preset"), CASES)
def test_equal_seeds_give_equal_weights_to_the_bit(tmp_path: Path, name: str, preset: str) -> None:
    one, other = (trained(tmp_path, name, preset).weights()[1] for _ in range(2))
    assert one == other


@pytest.mark.parametrize(("name", "preset"), CASES)
def test_its_weights_steer_within_the_noise_bound(tmp_path: Path, name: str, preset: str) -> None:
    learner = trained(tmp_path, name, preset)
    loop = DecisionLoop(
        replace(small_task(), steering=replace(small_task().steering, noise_bound=1.5)),
        load_policy(small_policy(tmp_path)),
        0,
    )
    loop.set_weights(*learner.weights())
    for mode in (Mode.TRAIN, Mode.EVAL, Mode.ACTOR):
        decision = loop.decide(OBSERVATION, 0, 0, mode, 3)
        assert decision.source in ("search", "actor")
        assert np.abs(decision.noise).max() <= 1.5
        assert np.isfinite(decision.chunk).all()


@pytest.mark.parametrize(("name", "preset"), CASES)
def test_its_metrics_are_finite_and_named_by_their_network(
    tmp_path: Path, name: str, preset: str
) -> None:
    learner = trained(tmp_path, name, preset, updates_first=80)
    metrics = learner.update(20)
    assert {"critic/loss", "critic/q_mean", "actor/loss", "actor/saturated"} <= metrics.keys()
    assert all(np.isfinite(value) for value in metrics.values())
    assert {key.partition("/")[0] for key in metrics} <= {"critic", "actor", "noise_critic"}


@pytest.mark.parametrize(("name", "preset"), CASES)
def test_a_correction_changes_what_is_learned_and_an_undo_takes_it_out(
    tmp_path: Path, name: str, preset: str
) -> None:
    learner = trained(tmp_path, name, preset)
    before = learner.episodes
    learner.set_label(Label(1, Outcome.UNDO, 0.0, "test", 0))
    assert learner.episodes == before - 1
    learner.set_label(Label(1, Outcome.FAILURE, 0.0, "test", 0))
    assert learner.episodes == before
    assert float(learner._data.column("rewards").sum()) == 1.0


@pytest.mark.parametrize("window", ["per_decision", "sliding"])
@pytest.mark.parametrize("trace", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("reduction", ["mean", "min"])
@pytest.mark.parametrize("prior", ["entropy", "normal"])
def test_named_options_go_together(
    tmp_path: Path, window: str, trace: float, reduction: str, prior: str
) -> None:
    entropy = {"prior": prior, "learning_rate": 1e-3, "in_target": True, "bonus_max": 0.1}
    learner = trained(
        tmp_path,
        "dsrl_na",
        "robot",
        windows=window,
        return_lambda=trace,
        critic_reduction=reduction,
        entropy=entropy,
        bootstrap="actor",
        actor_objective="noise_critic",
        polyak=0.05,
    )
    assert learner.updates == 60


def test_an_unknown_algorithm_is_named_with_those_that_there_are() -> None:
    steering = replace(small_task().steering, algorithm="ppo")
    with pytest.raises(UnknownName, match=r"'ppo'.*dsrl_na.*dsrl_sac.*rlpd"):
        algorithm_of(steering)


def test_an_unknown_preset_is_named_with_those_that_there_are() -> None:
    with pytest.raises(UnknownName, match=r"'fast'.*paper.*robot"):
        algorithm_of(replace(small_task().steering, preset="fast"))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"btach": 3}, "btach"),
        ({"polyak": 2.0}, "less than or equal to 1"),
        ({"sizes": {"critics": "many"}}, "sizes.critics"),
        ({"entropy": {"prior": "laplace"}}, "entropy.prior"),
    ],
)
def test_a_setting_that_is_unknown_or_out_of_range_is_refused(
    wrong: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidFile, match=told):
        algorithm_of(replace(small_task().steering, settings=wrong))


def test_a_task_changes_parts_of_a_preset_and_keeps_the_rest() -> None:
    steering = replace(
        small_task().steering, preset="paper", settings={"entropy": {"initial": 0.2}}
    )
    _, config = algorithm_of(steering)
    assert (config.entropy.initial, config.entropy.in_target, config.batch) == (0.2, True, 256)
