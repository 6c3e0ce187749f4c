"""What the guard on learning decides, from outcomes alone."""

from __future__ import annotations

import pytest

from dsrl_core.learning.guard import Guard, GuardConfig, Trial
from dsrl_core.types import Mode

CONFIG = GuardConfig(freeze_every=5, rest_episodes=6, keep=3)


class Story:
    """A guard that hears one episode after the other, each of which brings a new version."""

    def __init__(self, config: GuardConfig = CONFIG) -> None:
        self.guard = Guard(config)
        self.episode = self.version = 0
        self.actions: list[str] = []
        self.restored: list[int] = []

    def base(self, outcomes: str, mode: Mode = Mode.TRAIN) -> Story:
        """Episodes before the first weights: S success, F failure."""
        for outcome in outcomes:
            self._hear(mode, outcome)
        return self

    def learn(self, outcomes: str, evaluate_every: int = 0) -> Story:
        for outcome in outcomes:
            if not self.guard.acts_as_base:
                self._publish()
            is_evaluation = evaluate_every and self.episode % evaluate_every == 0
            self._hear(Mode.EVAL if is_evaluation else Mode.TRAIN, outcome)
            decision = self.guard.decide()
            if decision.action in ("restore", "base"):
                self.actions.append(decision.action)
                self.restored.append(decision.version)
                self.version += 1
                self.guard.intervened(decision, self.version)
            elif decision.action == "resume":
                self.actions.append(decision.action)
                self._publish()
        return self

    def _publish(self) -> None:
        self.version += 1
        self.guard.published(self.version)
        if self.guard.wants_frozen(self.version):
            self.guard.frozen(self.version)

    def _hear(self, mode: Mode, outcome: str) -> None:
        self.guard.hear(Trial(self.episode, mode, self.version, outcome == "S"))
        self.episode += 1


GOOD = "SSSSSSSSSF" * 3
BAD = "FFFFSFFFFF" * 2


def test_learning_goes_on_while_success_stays() -> None:
    story = Story().base("FFSFFFSFFS").learn(GOOD * 3, evaluate_every=10)
    assert story.actions == []


def test_success_that_has_fallen_brings_the_best_checkpoint_back() -> None:
    story = Story().base("FFSFFFSFFF").learn(GOOD).learn(BAD)
    assert story.actions[0] == "restore"
    # The versions at which all was well are 1 to 30; those near the fall have bad neighbours.
    assert 1 <= story.restored[0] <= 30


def test_without_anything_better_the_frozen_policy_acts() -> None:
    """The frozen policy succeeds nearly always, the learned weights never do."""
    story = Story().base("SSSSSSSSSSSSSSSSSSSF").learn("FFFFFFF")
    assert story.actions == ["base"]
    assert story.guard.acts_as_base


def test_learned_weights_are_tried_again_after_a_rest() -> None:
    story = Story().base("S" * 20).learn("FFFFFFFF")
    assert story.actions == ["base"]
    story.learn("S" * CONFIG.rest_episodes)
    assert story.actions == ["base", "resume"]
    assert not story.guard.acts_as_base


def test_a_second_fall_after_a_roll_back_leads_to_the_frozen_policy() -> None:
    story = Story().base("SFSFSFSFSFSFSFSFSFSF").learn(GOOD)
    story.learn("F" * 8)
    assert story.actions == ["restore"]
    story.learn("F" * 30)
    assert story.actions[:2] == ["restore", "base"]


def test_a_corrected_label_changes_what_is_decided() -> None:
    story = Story(GuardConfig(acts=False)).base("FFFFF").learn(GOOD).learn("F" * 8)
    assert "success has fallen" in story.guard.decide().reason
    for episode in range(35, 43):
        story.guard.hear(Trial(episode, Mode.TRAIN, episode - 4, success=True))
    assert story.guard.decide().reason == ""


def test_an_outcome_that_was_taken_back_counts_no_more() -> None:
    guard = Guard(CONFIG)
    guard.hear(Trial(0, Mode.BASE, 0, success=True))
    assert guard.status().base == (1, 1)
    guard.forget(0)
    assert guard.status().base == (0, 0)


def test_evaluations_that_stay_well_overrule_training_episodes_that_fail() -> None:
    """More exploration makes training worse; what is deployed is not worse for it."""
    guard = Guard(CONFIG)
    version = 1
    guard.published(version)
    for episode in range(60):
        is_evaluation = episode % 5 == 4
        won = is_evaluation or episode < 40
        guard.hear(Trial(episode, Mode.EVAL if is_evaluation else Mode.TRAIN, version, won))
    assert guard.decide().action == "keep"
    assert guard.decide().reason == ""


def test_a_guard_that_only_watches_tells_and_does_nothing() -> None:
    story = Story(GuardConfig(acts=False)).base("FFSFF").learn(GOOD).learn(BAD)
    assert story.actions == []
    assert "success has fallen" in story.guard.decide().reason


def test_evaluations_rule_which_checkpoint_is_best() -> None:
    """Training says the second is better, evaluations the first."""
    guard = Guard(GuardConfig(freeze_every=20, neighbours=2, keep=3))
    episode = 0
    for version in range(1, 42):
        guard.published(version)
        if guard.wants_frozen(version):
            guard.frozen(version)
    for version, evaluated, trained in ((1, True, False), (21, False, True)):
        for mode, won, count in ((Mode.EVAL, evaluated, 6), (Mode.TRAIN, trained, 8)):
            for _ in range(count):
                guard.hear(Trial(episode, mode, version, won))
                episode += 1
    assert guard.best() == 1


def test_the_best_checkpoint_and_the_newest_are_kept() -> None:
    story = Story().base("FFFFF").learn(GOOD + "SFSFSFSF" * 4)
    kept = story.guard.kept()
    assert story.guard.best() in kept
    assert len(kept) <= CONFIG.keep + 1
    assert max(kept) > story.version - CONFIG.freeze_every


def test_weights_that_are_not_finite_are_never_kept() -> None:
    guard = Guard(CONFIG)
    assert guard.decide(is_broken=True).action == "base"
    guard.published(1)
    guard.frozen(1)
    assert guard.decide(is_broken=True).action == "restore"


@pytest.mark.parametrize("mode", [Mode.ZERO, Mode.ACTOR])
def test_other_baselines_say_nothing_of_the_weights(mode: Mode) -> None:
    guard = Guard(CONFIG)
    guard.published(1)
    for episode in range(30):
        guard.hear(Trial(episode, mode, 1, episode < 15))
    status = guard.status()
    assert (status.base, status.evaluated, status.trained) == ((0, 0), (0, 0), (0, 0))
    assert guard.decide().reason == ""
