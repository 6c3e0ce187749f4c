"""Kinds of noise in turn on the robot: in which order, under which name, and that nobody learns
from them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dsrl_core.episode_manager import EpisodeManager
from dsrl_core.episode_run import NextEpisode
from dsrl_core.errors import DsrlError, InvalidValue
from dsrl_core.evaluation.ab_run import requested_run
from dsrl_core.seeding import reset_seed
from dsrl_core.status import INVALID, RUN_TRIALS, Phase
from dsrl_core.steering.preflight.noise_kinds import BASE, NoiseKind, shapes_for
from dsrl_core.steering.preflight.trials import trials_of
from dsrl_core.steering.preflight.trials_run import TrialsRun
from dsrl_core.types import Decision, Episode, Label, Mode, Outcome
from tests.core.episode_manager_setup import LIMIT_NS, START_NS, MemoryLedger, label, recorded
from tests.core.preflight_setup import SPEC
from tests.core.steering_setup import random_episode
from tests.core.test_decision_loop import OBSERVATION, loop
from tests.core.training_run_setup import Operator

REPEATED, FULL = "repeated, clipped 1.5", "full, clipped 2.5"
NOISES = ("base", REPEATED, FULL)


def planned(run: TrialsRun) -> list[NextEpisode]:
    """All of its episodes, had each succeeded."""
    found = []
    while not run.is_complete(()):
        found.append(run.next(0.5, ()))
        run = run.after(Outcome.SUCCESS, len(found))
    return found


def test_each_round_has_every_noise_once_at_one_reset() -> None:
    found = planned(TrialsRun.drawn(NOISES, 20, 7, 3))
    rounds = [found[first : first + 3] for first in range(0, 60, 3)]
    for number, one in enumerate(rounds):
        assert {(e.mode, e.noise) for e in one} == {
            (Mode.BASE, ""),
            (Mode.SHAPED, REPEATED),
            (Mode.SHAPED, FULL),
        }
        assert {e.seed for e in one} == {reset_seed(7, Mode.BASE, 3 + number)}
    orders = Counter(tuple(e.noise for e in one) for one in rounds)
    assert len(orders) > 1, "twenty rounds in one order: once in 6 to the 19th"


def test_every_episode_has_a_code_of_its_own_and_no_weights() -> None:
    found = planned(TrialsRun.drawn(NOISES, 20, 7, 0))
    assert len({e.code for e in found}) == 60
    assert {e.weights_version for e in found} == {0}
    assert TrialsRun.drawn(NOISES, 1, 7, 0).shown_mode == RUN_TRIALS


@pytest.mark.parametrize("outcome", [INVALID, Outcome.DISCARD])
def test_what_does_not_count_is_played_again_in_its_place(outcome: str) -> None:
    run = TrialsRun.drawn(NOISES, 1, 7, 0)
    assert run.after(outcome, 0).next(0.0, ()) == run.next(0.0, ())
    assert run.after(Outcome.FAILURE, 0).next(0.0, ()) != run.next(0.0, ())


def test_a_status_tells_the_noise_and_shows_the_code() -> None:
    manager = EpisodeManager(MemoryLedger(), LIMIT_NS, 0, wait_for_learner=True)
    manager.run(requested_run(RUN_TRIALS, 1, 7, 0, NOISES))
    seen = []
    for number in range(3):
        manager.world_ready(number, START_NS)
        status = manager.status
        assert (status.phase, status.waits_for) == (Phase.RUNNING, ""), "no learner is waited for"
        assert status.shown_mode not in (*Mode, *NOISES)
        seen.append((status.mode, status.noise))
        manager.label(label(number))
        manager.recorded(recorded(number))
    assert manager.status.phase is Phase.IDLE
    assert set(seen) == {(Mode.BASE, ""), (Mode.SHAPED, REPEATED), (Mode.SHAPED, FULL)}


@pytest.mark.parametrize(
    ("mode", "arms", "count", "words"),
    [
        (RUN_TRIALS, (), 2, "one or more that differ"),
        (RUN_TRIALS, ("base", "base"), 2, "one or more that differ"),
        (RUN_TRIALS, ("base",), 0, "expected 1 to"),
        (RUN_TRIALS, ("base", "repeated, clipped"), 2, "kind of noise 'repeated, clipped'"),
        (RUN_TRIALS, ("knots 2, box -1",), 2, "kind of noise"),
        ("shaped", (), 2, "unknown mode 'shaped'"),
    ],
)
def test_what_cannot_be_tried_is_refused(
    mode: str, arms: tuple[str, ...], count: int, words: str
) -> None:
    with pytest.raises(DsrlError, match=words):
        requested_run(mode, count, 7, 0, arms)


def test_a_kind_is_found_by_its_name() -> None:
    kinds = [BASE, *shapes_for(replace(SPEC, noise_horizon=16), 2.5)]
    kinds += [replace(kind, draw="corners", bound=0.75) for kind in kinds]
    for kind in kinds:
        assert NoiseKind.named(kind.name).name == kind.name
        if kind.shape != "knots":
            assert NoiseKind.named(kind.name) == replace(kind, knots=2)
    for name in (
        "",
        "base",
        "repeated",
        "full 2.5",
        "full, clipped 0",
        "full, clipped .",
        "knots 0, box 1",
    ):
        with pytest.raises(InvalidValue, match="expected one such as"):
            NoiseKind.named(name)


def decide(folder: Path, kind: str, steered: bool = True, sequence: int = 0) -> Decision:
    made = loop(folder, steered=steered)
    return made.decide(OBSERVATION, 3, sequence, Mode.SHAPED, 11, NoiseKind.named(kind))


def test_a_shaped_decision_keeps_to_its_kind_whatever_was_learned(tmp_path: Path) -> None:
    decision = decide(tmp_path, REPEATED)
    assert decision.source == REPEATED
    assert (decision.noise == decision.noise[0]).all()
    assert np.abs(decision.noise).max() <= 1.5
    np.testing.assert_array_equal(decision.chunk, decide(tmp_path, REPEATED, False).chunk)
    for other in (decide(tmp_path, REPEATED, sequence=1), decide(tmp_path, FULL)):
        assert np.abs(decision.noise[0] - other.noise[0]).max() > 1e-3


def of_noise(number: int, mode: Mode, *sources: str) -> Episode:
    """A random episode whose decisions had these sources in turn."""
    episode = random_episode(number, mode=mode)
    count = len(episode.steps) - 1
    steps = [
        replace(step, decision=replace(step.decision, source=sources[index % len(sources)]))
        for index, step in enumerate(episode.steps[:count])
    ]
    return replace(episode, steps=(*steps, episode.steps[-1]))


def test_episodes_tell_by_themselves_which_noise_they_were_a_trial_of() -> None:
    episodes = [
        of_noise(0, Mode.BASE, "base"),
        of_noise(1, Mode.SHAPED, REPEATED),
        of_noise(2, Mode.SHAPED, REPEATED, FULL),
        of_noise(3, Mode.EVAL, "search"),
    ]
    labels = {n: Label(n, Outcome.SUCCESS, 1.0, "test", 0) for n in range(4)}
    assert [trial.noise for trial in trials_of(episodes, labels)] == ["base", REPEATED]


def test_nothing_is_learned_from_them(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    for number in range(4):
        operator.attempt(number % 2 == 1)
    learner, guard = operator.run.learner, operator.run.guard
    before = (learner.episodes, learner.updates, guard.status(), len(operator.versions))
    for number, noise in ((4, REPEATED), (5, FULL)):
        operator.take(of_noise(number, Mode.SHAPED, noise), success=False)
    assert operator.run.feed.entries == 6, "the labels were taken, so that nobody waits for them"
    assert (learner.episodes, learner.updates, guard.status(), len(operator.versions)) == before
    operator.take(of_noise(6, Mode.BASE, "base"), success=False)
    assert (learner.episodes, learner.updates) == before[:2]


def test_what_is_learned_is_the_same_with_trials_in_between(tmp_path: Path) -> None:
    alone, tried = Operator(tmp_path), Operator(tmp_path)
    for number in (0, 1, 2, 3, 10, 11):
        episode = random_episode(number, mode=Mode.TRAIN)
        alone.take(episode, number % 2 == 1)
        tried.take(episode, number % 2 == 1)
        if number == 3:
            tried.take(of_noise(4, Mode.SHAPED, REPEATED), success=True)
            tried.take(of_noise(5, Mode.BASE, "base"), success=False)
    assert len(alone.versions) >= 3
    assert [v.sha256 for v in tried.versions] == [v.sha256 for v in alone.versions]
