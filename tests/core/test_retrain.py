"""Learning anew from what was recorded: the same again, with other settings, offline."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.data.ledger import LabelLedger
from dsrl_core.errors import InvalidFile, InvalidValue
from dsrl_core.learning.guard import GuardConfig
from dsrl_core.learning.learner import LearnedTask, Learner
from dsrl_core.learning.prior import Prior, read_ledger
from dsrl_core.learning.retrain import METRICS, WEIGHTS, changed, read_config, retrain
from dsrl_core.learning.run_record import RunRecord, about_run, read_versions
from dsrl_core.learning.training_run import TrainingRun
from dsrl_core.policies import load_policy
from dsrl_core.steering.steering_model import load_model
from dsrl_core.steering.task_context import TaskContext
from dsrl_core.types import Episode, Label, Mode, Outcome
from tests.core.steering_setup import SMALL_SETTINGS, small_learner, small_policy, small_task
from tests.core.training_run_setup import STEERING, Operator, episode_of, label_of

GUARD = GuardConfig(freeze_every=3)


def learned(folder: Path, **steering: Any) -> LearnedTask:
    task = small_task()
    task = replace(task, steering=replace(task.steering, **(STEERING | steering)))
    return LearnedTask(task, load_policy(small_policy(folder)))


def write_run(folder: Path, episodes: list[Episode], labels: list[Label]) -> Path:
    store = EpisodeStore(folder / "episodes")
    for episode in episodes:
        store.write(episode)
    with LabelLedger(folder / "ledger.jsonl") as ledger:
        for label in labels:
            ledger.append(label)
    return folder


def live_run(folder: Path, until_roll_back: bool = False) -> Operator:
    """A run whose learner wrote down what it did, with everything that may happen in one."""
    record = RunRecord(folder, about_run(learned(folder), 0, GUARD, []))
    operator = Operator(folder, GUARD, on_version=lambda version: record.add(version) and None)
    operator.attempt(success=False, mode=Mode.BASE)
    for number in range(14 if until_roll_back else 6):
        operator.attempt(until_roll_back or number % 2 == 1)
    operator.attempt(success=True, mode=Mode.EVAL)
    operator.say(label_of(3, success=False))
    operator.say(Label(5, Outcome.UNDO, 0.0, "test", 0))
    while until_roll_back and not operator.versions[-1].restored_from:
        operator.attempt(success=False)
    operator.attempt(success=True)
    write_run(folder, list(operator.episodes.values()), operator.labels)
    return operator


@pytest.mark.parametrize("until_roll_back", [False, True])
def test_the_runs_own_settings_and_seed_give_its_weights_to_the_bit(
    tmp_path: Path, until_roll_back: bool
) -> None:
    live = live_run(tmp_path, until_roll_back)
    assert any(version.restored_from for version in live.versions) is until_roll_back

    found = retrain(tmp_path, learned(tmp_path), 0, tmp_path / "out")

    assert found.sha256 == live.versions[-1].sha256
    assert (tmp_path / "out" / WEIGHTS).read_bytes() == live.versions[-1].data
    assert found.equals_live is True
    assert found.updates == live.run.learner.updates


def test_a_new_start_learns_the_same_versions_again(tmp_path: Path) -> None:
    live_run(tmp_path)
    before = read_versions(tmp_path)
    store, record = EpisodeStore(tmp_path / "episodes"), []
    files = RunRecord(tmp_path, about_run(learned(tmp_path), 0, GUARD, []))
    run = TrainingRun(
        small_learner(tmp_path, **STEERING),
        store.read,
        store.numbers(),
        GUARD,
        on_version=lambda version: record.append(files.add(version)),
    )
    run.labelled(read_ledger(tmp_path))
    while run.is_busy:
        run.work()
    assert read_versions(tmp_path) == before
    assert set(record) == {""}


def test_weights_that_differ_after_a_new_start_are_told(tmp_path: Path) -> None:
    live = live_run(tmp_path)
    record = RunRecord(tmp_path, about_run(learned(tmp_path), 0, GUARD, []))
    assert record.add(live.versions[0]) == ""
    told = record.add(replace(live.versions[1], sha256="0" * 64))
    assert "version 2 is not what it was before the new start" in told


def test_two_retrainings_are_equal_and_another_seed_is_another(tmp_path: Path) -> None:
    live_run(tmp_path)
    other = {"algorithm": "dsrl_sac", "settings": SMALL_SETTINGS["dsrl_sac"]}
    results = [
        retrain(tmp_path, learned(tmp_path, **other), seed, tmp_path / f"out{number}")
        for number, seed in enumerate((0, 0, 1))
    ]
    assert results[0] == results[1]
    assert results[0].sha256 != results[2].sha256
    assert results[0].equals_live is None


def test_metrics_are_written_down_with_their_updates(tmp_path: Path) -> None:
    live_run(tmp_path)
    found = retrain(tmp_path, learned(tmp_path), 0, tmp_path / "out")
    lines = (tmp_path / "out" / METRICS).read_text().splitlines()
    last = json.loads(lines[-1])
    assert last["updates"] == found.updates
    assert last["critic/loss"] == found.metrics["critic/loss"]
    assert {"critic/q_mean", "actor/loss"} <= last.keys()


def test_offline_all_episodes_are_taken_first_without_a_warm_up(tmp_path: Path) -> None:
    """A folder as an import makes it: demonstrations, a label each, and nothing of a learner."""
    run = write_run(tmp_path / "demos", [episode_of(0)], [label_of(0)])
    with pytest.raises(InvalidValue, match=r"1 episodes count, of 1 labels.*--updates"):
        retrain(run, learned(tmp_path), 0, tmp_path / "out")
    found = retrain(run, learned(tmp_path), 0, tmp_path / "out", updates=25)
    assert (found.updates, found.episodes) == (25, 1)
    task = learned(tmp_path).task
    context = TaskContext.of(task, small_policy(tmp_path))
    model, number = load_model((tmp_path / "out" / WEIGHTS).read_bytes(), context)
    assert (number, model.shape.first.name) == (0, "franka_pick")


def test_what_cannot_be_trained_on_is_refused_by_name_and_the_rest_is_used(tmp_path: Path) -> None:
    wrong = episode_of(1)
    step = wrong.steps[0]
    decision = replace(step.decision, chunk=np.zeros((9, 5), np.float32))
    wrong = replace(wrong, steps=(replace(step, decision=decision), *wrong.steps[1:]))
    episodes = [episode_of(0), wrong, episode_of(2)]
    run = write_run(tmp_path / "run", episodes, [label_of(n) for n in (0, 1, 2)])
    found = retrain(run, learned(tmp_path), 0, tmp_path / "out")
    assert found.episodes == 2
    assert len(found.refused) == 1
    assert (
        "episode 1, decision 0: chunk has shape (9, 5), expected shape (4, 5)" in found.refused[0]
    )


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match=r"no folder of a run: it has no ledger\.jsonl"):
        retrain(tmp_path, learned(tmp_path), 0, tmp_path / "out")
    assert not (tmp_path / "episodes").exists()


def test_a_config_changes_steering_and_reward_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "{algorithm: dsrl_sac, preset: paper, noise_bound: 1.5, selection: actor,"
        " reward: {rule: step_cost}}"
    )
    task = changed(small_task(), read_config(path))
    assert (task.steering.algorithm, task.steering.preset) == ("dsrl_sac", "paper")
    assert (task.steering.noise_bound, task.steering.selection) == (1.5, "actor")
    assert (task.reward.rule, task.reward.discount) == ("step_cost", small_task().reward.discount)
    assert task.steering.candidates == small_task().steering.candidates


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("algoritm: dsrl_na", "algoritm.*available: .*algorithm"),
        ("reward: {rule: maybe}", "rule"),
        ("reward: 3", "'reward' is 3, expected a map"),
        ("- 1", "holds list, expected a map"),
        ("{", "cannot be read"),
    ],
)
def test_a_wrong_config_is_refused_with_what_there_is(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(InvalidFile, match=words):
        changed(small_task(), read_config(path))


def test_what_was_recorded_before_is_learned_first_and_the_run_goes_on_from_there(
    tmp_path: Path,
) -> None:
    """Offline to online without a switch: weights are there before the first live episode."""
    folder = write_run(
        tmp_path / "demos",
        [episode_of(n) for n in range(4)] + [episode_of(4, Mode.EVAL)],
        [label_of(n, n != 2) for n in range(5)],
    )
    operator = Operator(tmp_path)
    operator.run.add_prior([Prior.of(folder)])
    operator.work()
    assert [version.number for version in operator.versions] == [1]
    assert operator.run.learner.episodes == 4

    # The same numbers again, of other episodes: both stay.
    operator.attempt(success=True)
    operator.attempt(success=False)
    assert operator.run.learner.episodes == 6
    assert [version.number for version in operator.versions] == [1, 2, 3]
    assert operator.run.refused_prior == []


def test_a_run_with_earlier_episodes_is_repeated_with_them(tmp_path: Path) -> None:
    demos = write_run(
        tmp_path / "demos", [episode_of(9), episode_of(3)], [label_of(9), label_of(3)]
    )
    run = tmp_path / "run"
    record = RunRecord(run, about_run(learned(tmp_path), 0, GUARD, [str(demos)]))
    live = Operator(tmp_path, GUARD, on_version=lambda version: record.add(version) and None)
    live.run.add_prior([Prior.of(demos)])
    live.work()
    for number in range(4):
        live.attempt(number % 2 == 0)
    write_run(run, list(live.episodes.values()), live.labels)
    assert retrain(run, learned(tmp_path), 0, tmp_path / "out").equals_live is True


def test_an_earlier_episode_that_does_not_fit_is_refused_and_the_others_are_used(
    tmp_path: Path,
) -> None:
    other_task = replace(episode_of(1), metadata={"task": "pour"})
    folder = write_run(tmp_path / "demos", [episode_of(0), other_task], [label_of(0), label_of(1)])
    operator = Operator(tmp_path)
    operator.run.add_prior([Prior.of(folder)])
    assert operator.run.learner.episodes == 1
    (told,) = operator.run.refused_prior
    assert str(folder) in told
    assert "task of episode 1 'pour'; available: franka_pick" in told


def test_the_replay_is_that_of_the_live_learner_row_by_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Live from memory and from bags: the same rows, rewards and discounts in the same order."""
    made: list[Learner] = []

    class Kept(Learner):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            made.append(self)

    monkeypatch.setattr("dsrl_core.learning.retrain.Learner", Kept)
    live = live_run(tmp_path).run.learner
    retrain(tmp_path, learned(tmp_path), 0, tmp_path / "out")

    (found,) = made
    mine, theirs = live._data, found._data
    # Corrected and undone labels: episode 3 is drawn as a failure now, 5 not at all.
    assert [number for _, number in mine.episodes()] == [1, 2, 3, 4, 6, 8]
    assert theirs.episodes() == mine.episodes()
    for key in mine.episodes():
        assert theirs.rows_of(key) == mine.rows_of(key)
    for name in (*mine.MEMBERS, "ends", "prior"):
        torch.testing.assert_close(
            theirs.column(name), mine.column(name), rtol=0, atol=0, equal_nan=True
        )
    seen = torch.arange(int(mine.column("after").max()) + 1)
    assert torch.equal(theirs.features(seen), mine.features(seen))
    assert float(mine.column("rewards")[mine.rows_of((0, 3))].sum()) == 0.0
    draws = [np.random.default_rng(4) for _ in range(2)]
    drawn = [data.sample(draw, 64).rows for data, draw in zip((mine, theirs), draws, strict=True)]
    assert torch.equal(*drawn)
