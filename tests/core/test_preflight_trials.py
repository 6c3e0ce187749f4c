"""Trials: who decides them, how they are read from a folder, and what is written of a preflight."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.data.ledger import LabelLedger
from dsrl_core.errors import InvalidValue, UnknownName
from dsrl_core.steering.preflight.examination import conclude
from dsrl_core.steering.preflight.judging import judge
from dsrl_core.steering.preflight.noise_kinds import NoiseKind
from dsrl_core.steering.preflight.preflight_file import FILE, to_json, write
from dsrl_core.steering.preflight.recorded import read_recorded
from dsrl_core.steering.preflight.thresholds import THRESHOLDS
from dsrl_core.steering.preflight.trials import DRAW_KEY, NOISE_KEY, Trial, TrialDecider, trials_of
from dsrl_core.steering.preflight.views import views_of
from dsrl_core.types import Decision, DecisionStep, Episode, Label, Mode, Observation, Outcome
from tests.core.preflight_setup import SPEC, TASK, MadePolicy, examined
from tests.core.steering_setup import random_episode

SEEN = Observation(0, np.zeros(9, np.float32))


def decide(decider: TrialDecider, draw: int, sequence: int = 0, reset: int = 7) -> Decision:
    decider.draw = draw
    return decider.decide(SEEN, 0, sequence, Mode.BASE, reset)


def test_a_replay_has_equal_noises_and_another_draw_others() -> None:
    decider = TrialDecider(MadePolicy(), TASK.steering, 3)
    first = decide(decider, 0)
    np.testing.assert_array_equal(first.noise, decide(decider, 0).noise)
    np.testing.assert_array_equal(first.chunk, decide(decider, 0).chunk)
    for other in (decide(decider, 1), decide(decider, 0, 1), decide(decider, 0, reset=8)):
        assert np.abs(first.noise - other.noise).max() > 0.1


def test_a_held_noise_is_that_of_the_first_decision() -> None:
    decider = TrialDecider(MadePolicy(), TASK.steering, 3, is_held=True)
    np.testing.assert_array_equal(decide(decider, 0, 0).noise, decide(decider, 0, 9).noise)
    assert decider.noise == "held"


def test_a_shape_is_kept_to() -> None:
    decider = TrialDecider(MadePolicy(), TASK.steering, 3, NoiseKind("repeated", 1.0))
    noise = decide(decider, 0).noise
    assert (noise == noise[0]).all()
    assert np.abs(noise).max() <= 1.0
    assert decider.noise == "repeated, clipped 1"


def shaped(episode: Episode, noise: str, draw: int) -> Episode:
    return replace(episode, metadata={NOISE_KEY: noise, DRAW_KEY: str(draw)})


def steered(episode: Episode) -> Episode:
    first, *rest = episode.steps
    changed = DecisionStep(replace(first.decision, source="search"), first.steps_executed)
    return replace(episode, steps=(changed, *rest))


def test_a_folder_tells_its_trials(tmp_path: Path) -> None:
    store = EpisodeStore(tmp_path / "episodes")
    store.write(random_episode(0))
    store.write(shaped(random_episode(1), "held", 5))
    store.write(steered(random_episode(2)))
    store.write(random_episode(3))
    store.write(random_episode(4, end_reason="invalid"))
    store.write(random_episode(5))
    said = [
        (0, Outcome.SUCCESS),
        (1, Outcome.FAILURE),
        (2, Outcome.SUCCESS),
        (3, Outcome.SUCCESS),
        (3, Outcome.UNDO),
        (4, Outcome.SUCCESS),
        (5, Outcome.DISCARD),
    ]
    with LabelLedger(tmp_path / "ledger.jsonl") as ledger:
        for episode, outcome in said:
            ledger.append(Label(episode, outcome, 0.0, "test", 0))
    episodes, trials = read_recorded(tmp_path)
    assert [episode.number for episode in episodes] == [0, 1, 2, 3, 5]
    # A steered, an unlabelled, an invalid and a discarded episode are no trials.
    assert [(t.reset, t.noise, t.success) for t in trials] == [
        (0, "base", True),
        (1, "held", False),
    ]
    assert trials[1].draw == 5


def test_equal_noises_at_equal_resets_are_a_replay_although_nobody_said_so() -> None:
    first = random_episode(0)
    again, other = replace(first, number=1), replace(random_episode(2), seed=first.seed)
    labels = {n: Label(n, Outcome.FAILURE, 0.0, "test", 0) for n in range(3)}
    draws = [trial.draw for trial in trials_of((first, again, other), labels)]
    assert draws[0] == draws[1] != draws[2]


def test_a_folder_without_episodes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="episodes"):
        read_recorded(tmp_path)
    assert not (tmp_path / "episodes").exists(), "to look makes nothing"


def test_views_are_spread_over_all_decisions_and_know_what_followed() -> None:
    found = views_of([random_episode(0), random_episode(1)], 100, SPEC)
    assert len(found) == 6
    assert [view.following is None for view in found] == [False, False, True] * 2
    assert [view.steps_executed for view in found] == [4, 4, 2] * 2
    assert len(views_of([random_episode(0), random_episode(1)], 3, SPEC)) == 3


def test_another_policys_observations_are_refused() -> None:
    wrong = Observation(0, np.zeros(3, np.float32))
    one = random_episode(0)
    first = one.steps[0]
    step = DecisionStep(replace(first.decision, observation=wrong), 4)
    with pytest.raises(InvalidValue, match="another policy"):
        views_of([replace(one, steps=(step, *one.steps[1:]))], 4, SPEC)
    with pytest.raises(InvalidValue, match="no decision was executed"):
        views_of([], 4, SPEC)


def test_a_preflight_is_strict_json(tmp_path: Path) -> None:
    trials = [Trial(reset, "base", draw, draw < 2) for reset in range(4) for draw in range(4)]
    task = replace(TASK, steering=replace(TASK.steering, noise_bound=1.0))
    found = conclude(task, SPEC, examined(MadePolicy()), trials, 8)
    content = to_json(found, judge(found, THRESHOLDS), THRESHOLDS, {"source": "here"})
    write(tmp_path / FILE, content)
    back = json.loads((tmp_path / FILE).read_text(), parse_constant=pytest.fail)
    assert back == content
    assert back["verdict"] == "go"
    assert back["recommended"]["noise_shape"] == "full"
    assert back["head_room"]["base"]["trials"] == 16
    low, high = back["head_room"]["gain"]
    assert 0 <= low <= high <= 1
    assert back["policy_sha256"] == SPEC.weights_sha256
