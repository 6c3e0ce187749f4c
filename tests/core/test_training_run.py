"""Learner, feed, guard and checkpoints together: what goes out, and what comes back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dsrl_core.learning.checkpoints import Checkpoints, read_checkpoint
from dsrl_core.learning.feed import Attempt
from dsrl_core.learning.guard import GuardConfig
from dsrl_core.learning.training_run import TrainingRun
from dsrl_core.policies import load_policy
from dsrl_core.steering.decision_loop import DecisionLoop
from dsrl_core.types import Episode, Label, Mode, Observation, Outcome
from tests.core.steering_setup import small_learner, small_policy, small_task
from tests.core.training_run_setup import STEERING, Operator, episode_of, label_of

GUARD = GuardConfig(freeze_every=3, rest_episodes=4)


def fallen(folder: Path, base: bool = False, checkpoints: Checkpoints | None = None) -> Operator:
    """A run whose success has just fallen; `base`: the frozen policy is better than all of it."""
    operator = Operator(folder, GUARD, checkpoints)
    for _ in range(12 if base else 2):
        operator.attempt(base, Mode.BASE)
    for _ in range(0 if base else 14):
        operator.attempt(success=True)
    while not operator.run.decision.reason:
        operator.attempt(success=False)
        assert len(operator.episodes) < 40
    return operator


def test_versions_are_the_same_whether_labels_come_one_by_one_or_all_at_once(
    tmp_path: Path,
) -> None:
    live = Operator(tmp_path)
    for number in range(7):
        live.attempt(number % 2 == 1)
    live.say(label_of(3, success=False))
    live.say(Label(5, Outcome.UNDO, 0.0, "test", 0))
    live.attempt(success=True)

    again = Operator(tmp_path)
    again.episodes.update(live.episodes)
    again.run = TrainingRun(
        small_learner(tmp_path, **STEERING),
        again.episodes.__getitem__,
        list(again.episodes),
        on_version=again.versions.append,
    )
    again.run.labelled(live.labels)
    again.work()
    assert [v.sha256 for v in again.versions] == [v.sha256 for v in live.versions]
    assert len(live.versions) >= 6


def test_evaluations_reach_the_guard_and_not_the_learner(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    for mode in (Mode.BASE, Mode.TRAIN, Mode.TRAIN, Mode.EVAL, Mode.EVAL):
        operator.attempt(success=True, mode=mode)
    assert operator.run.learner.episodes == 2
    status = operator.run.guard.status()
    assert (status.base, status.evaluated) == ((3, 3), (2, 2))


def test_a_corrected_evaluation_changes_what_the_guard_holds(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    operator.attempt(success=True, mode=Mode.BASE)
    operator.say(label_of(0, success=False))
    assert operator.run.guard.status().base == (0, 1)
    operator.say(Label(0, Outcome.UNDO, 0.0, "test", 0))
    assert operator.run.guard.status().base == (0, 0)


def test_a_roll_back_brings_the_very_weights_back_as_a_new_version(tmp_path: Path) -> None:
    operator = fallen(tmp_path)
    last = operator.versions[-1]
    assert last.restored_from > 0
    assert last.data == operator.versions[last.restored_from - 1].data
    assert [version.number for version in operator.versions] == list(
        range(1, len(operator.versions) + 1)
    )
    assert operator.run.guard.status().restored_from == last.restored_from
    assert "success has fallen" in operator.run.warnings()[0]


def test_learning_goes_on_after_a_roll_back(tmp_path: Path) -> None:
    operator = fallen(tmp_path)
    before = operator.versions[-1]
    operator.attempt(success=True)
    after = operator.versions[-1]
    assert (after.number, after.restored_from) == (before.number + 1, 0)
    assert after.data != before.data
    assert after.updates > before.updates


def test_two_equal_runs_with_a_roll_back_are_equal_to_the_bit(tmp_path: Path) -> None:
    one, other = fallen(tmp_path), fallen(tmp_path)
    for operator in (one, other):
        operator.attempt(success=True)
    assert [v.sha256 for v in one.versions] == [v.sha256 for v in other.versions]


def test_when_the_frozen_policy_is_better_the_robot_is_left_to_it_and_weights_come_back(
    tmp_path: Path,
) -> None:
    operator = fallen(tmp_path, base=True)
    given_up = operator.versions[-1]
    assert given_up.data == b""
    loop = DecisionLoop(small_task(), load_policy(small_policy(tmp_path)), 0)
    loop.set_weights(given_up.number, given_up.data)
    seen = Observation(7, np.linspace(-0.2, 0.4, 9, dtype=np.float32))
    assert loop.decide(seen, 0, 0, Mode.TRAIN, 3).source == "base"

    updates = operator.run.learner.updates
    for _ in range(GUARD.rest_episodes - 1):
        operator.attempt(success=True)
        assert operator.versions[-1] is given_up
    assert operator.run.learner.updates > updates
    operator.attempt(success=True)
    assert operator.versions[-1].number == given_up.number + 1
    assert operator.versions[-1].data


def test_weights_that_are_not_finite_never_go_out(tmp_path: Path) -> None:
    operator = Operator(tmp_path, GUARD)
    for _ in range(5):
        operator.attempt(success=True)
    with torch.no_grad():
        operator.run.learner.algorithm.model.actor.mean.weight.fill_(float("nan"))
    operator.attempt(success=True)
    last = operator.versions[-1]
    assert last.restored_from > 0
    assert last.data == operator.versions[last.restored_from - 1].data
    operator.attempt(success=True)
    assert operator.versions[-1].restored_from == 0


def test_the_best_checkpoint_and_the_newest_lie_on_disk(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    operator = Operator(tmp_path, GUARD, Checkpoints(folder))
    for number in range(24):
        operator.attempt(number % 3 > 0)
    expected = operator.run.guard.kept()
    assert {int(path.stem[1:]) for path in folder.glob("*")} == expected
    assert len(expected) <= GUARD.keep + 1
    newest = read_checkpoint(folder / f"v{max(expected):06d}.safetensors")
    assert any(name.startswith("_critic_optimiser.") for name in newest)


def test_what_the_guard_did_is_told_for_a_while_and_no_longer(tmp_path: Path) -> None:
    operator = fallen(tmp_path)
    for _ in range(GUARD.rest_episodes - 1):
        operator.attempt(success=True)
        assert "success has fallen" in operator.run.decision.reason
    operator.attempt(success=True)
    assert operator.run.decision.reason == ""


def test_a_checkpoint_that_cannot_be_written_is_told_and_learning_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    operator = Operator(tmp_path, GUARD, Checkpoints(folder))
    folder.rmdir()
    for _ in range(4):
        operator.attempt(success=True)
    assert operator.run.guard.best() > 0
    assert any("could not be written" in text for text in operator.run.warnings())


def broken(number: int, what: str) -> object:
    episode = episode_of(number)
    step = episode.steps[1]
    decision = step.decision
    if what == "observation":
        values = np.full_like(decision.observation.values, np.nan)
        changed = replace(decision, observation=replace(decision.observation, values=values))
    elif what == "chunk":
        changed = replace(decision, chunk=np.zeros((6, 5), np.float32))
    else:
        changed = replace(decision, noise=np.full_like(decision.noise, np.inf))
    steps = (episode.steps[0], replace(step, decision=changed), *episode.steps[2:])
    return replace(episode, steps=steps)


@pytest.mark.parametrize("what", ["observation", "chunk", "noise"])
def test_bad_input_is_refused_by_name_and_training_goes_on_as_without_it(
    tmp_path: Path, what: str
) -> None:
    operator, without = Operator(tmp_path), Operator(tmp_path)
    for number in range(6):
        if number == 3:
            operator.take(broken(3, what))  # type: ignore[arg-type]
        else:
            operator.take(episode_of(number))
            without.take(episode_of(number))
    assert "episode 3, decision 1" in operator.run.feed.refused[3]
    assert what in operator.run.feed.refused[3]
    assert any("refused: episode 3" in text for text in operator.run.warnings())
    assert operator.run.learner.episodes == 5
    assert operator.versions[-1].sha256 == without.versions[-1].sha256


def test_a_label_for_an_episode_that_is_gone_is_refused(tmp_path: Path) -> None:
    lost = TrainingRun(
        small_learner(tmp_path, **STEERING),
        lambda number: episode_of(number) if number == 4 else missing(number),
        [4],
    )
    lost.labelled([label_of(2), label_of(4)])
    assert "2" in lost.feed.refused[2]
    assert (lost.learner.episodes, lost.feed.entries) == (1, 2)


def missing(number: int) -> Episode:
    from dsrl_core.errors import UnknownName

    raise UnknownName("episode", str(number), ["4"])


def test_alarms_hear_of_updates_and_are_told(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    with torch.no_grad():
        operator.run.learner.algorithm.model.critic.last_bias.fill_(1e4)
    for _ in range(8):
        operator.attempt(success=True)
    assert "value_out_of_range" in operator.run.alarms.active
    assert any(text.startswith("value_out_of_range") for text in operator.run.warnings())


def test_an_invalid_episode_says_nothing(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    operator.run.recorded(0, Attempt(Mode.EVAL, 0, is_valid=False))
    operator.run.labelled([label_of(0)])
    assert operator.run.guard.status().base == (0, 0)
