"""An A/B test as it stands: what counts, what waits, what is run again, and what it has shown."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsrl_core.errors import InvalidValue
from dsrl_core.evaluation.ab_episodes import AbEpisode
from dsrl_core.evaluation.ab_rule import AbVerdict, StopRule
from dsrl_core.evaluation.ab_test import AbTest
from dsrl_core.evaluation.statistics import SuccessCount
from dsrl_core.types import Outcome
from tests.core.ab_setup import (
    BOTH,
    LOSS,
    NEITHER,
    WIN,
    ab_test,
    changed,
    label,
    of_outcome,
    plan,
    run_of,
)


def test_counts_and_difference_follow_from_the_pairs() -> None:
    test = ab_test([WIN, WIN, BOTH, NEITHER, LOSS, WIN])
    assert test.arm(0).count == SuccessCount.of(2, 6)
    assert test.arm(1).count == SuccessCount.of(4, 6)
    assert sorted(test.differences) == [-1.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    assert test.looks[-1].mean == pytest.approx(2 / 6)
    assert test.verdict is AbVerdict.OPEN
    assert test.next_index == 12


def test_before_the_first_episode_there_is_a_plan_and_nothing_else() -> None:
    test = AbTest(plan(), StopRule())
    assert (test.next_index, test.interval, test.verdict) == (0, (-1.0, 1.0), AbVerdict.OPEN)
    assert test.text == "Nothing is known yet: no pair is complete."
    assert test.arm(0).count.trials == 0


def test_it_says_which_arm_is_better_and_stops() -> None:
    test = ab_test([WIN] * 9)
    assert test.decided == (AbVerdict.SECOND_BETTER, 8)
    assert test.next_index is None
    assert test.text.startswith("eval@12 is better than base, shown after 8 pairs: ")
    assert "+100 points over 9 pairs" in test.text
    assert "worse" in ab_test([LOSS] * 8).text


def test_at_the_last_pair_it_says_that_nothing_was_shown() -> None:
    test = ab_test([WIN, LOSS] * 5, of=plan(10))
    assert test.verdict is AbVerdict.NOT_SHOWN
    assert test.text.startswith("No difference was shown, which is not to say there is none")
    assert test.next_index is None


def test_arms_that_do_alike_are_equivalent_within_the_margin() -> None:
    test = ab_test([BOTH] * 40, margin=0.25)
    assert test.verdict is AbVerdict.EQUIVALENT
    assert "differ by less than 25 points" in test.text


def test_an_unlabelled_episode_is_unknown_not_failed_and_not_run_again() -> None:
    whole = ab_test([WIN] * 4)
    test = changed(whole, 503, labels=())
    assert len(test.looks) == 3
    arm = plan().arm_number_of(3)
    assert test.arm(arm).count.trials == 3
    assert test.arm(arm).unlabelled == 1
    assert test.arm(1 - arm).count.trials == 4
    assert test.next_index == 8
    assert "1 waiting for a label" in test.blinded_text


def test_a_late_label_completes_its_pair_at_its_own_time() -> None:
    test = changed(ab_test([LOSS, WIN, WIN]), 500, labels=())
    late = changed(test, 500, labels=(label(500, run_value(0), 7),))
    assert [look.pair for look in test.looks] == [1, 2]
    assert [look.pair for look in late.looks] == [1, 2, 0]
    assert late.looks[:2] == test.looks


def run_value(index: int) -> float:
    return LOSS[plan().arm_number_of(index)]


@pytest.mark.parametrize("how", ["invalid", "discarded"])
def test_what_was_invalid_or_discarded_is_run_again_as_it_was(how: str) -> None:
    test = ab_test([WIN] * 3)
    void = (
        {"is_valid": False, "labels": ()}
        if how == "invalid"
        else {"labels": (of_outcome(502, Outcome.DISCARD, 3),)}
    )
    test = changed(test, 502, **void)
    assert test.next_index == 2
    assert len(test.looks) == 2
    arm = plan().arm_number_of(2)
    assert (test.arm(arm).invalid, test.arm(arm).discarded) == (
        (1, 0) if how == "invalid" else (0, 1)
    )
    again = AbEpisode(2, 506, labels=(label(506, WIN[arm], 7),))
    test = replace(test, episodes=(*test.episodes, again))
    assert test.next_index == 6
    assert len(test.looks) == 3
    assert test.arm(arm).count.trials == 3


def test_a_discard_taken_back_makes_the_first_attempt_count() -> None:
    test = ab_test([WIN])
    arm = plan().arm_number_of(0)
    first = of_outcome(500, Outcome.FAILURE, 1)
    discard, undone = (
        of_outcome(500, Outcome.DISCARD, 3),
        of_outcome(500, Outcome.FAILURE, 5),
    )
    again = AbEpisode(0, 502, labels=(of_outcome(502, Outcome.SUCCESS, 4),))
    discarded = changed(test, 500, labels=(first, discard))
    discarded = replace(discarded, episodes=(*discarded.episodes, again))
    assert discarded.pairs[0].values[arm] == 1.0
    restored = changed(discarded, 500, labels=(first, discard, undone))
    assert restored.pairs[0].values[arm] == 0.0


def test_a_correction_corrects_everything() -> None:
    test = ab_test([WIN] * 8)
    assert test.should_stop
    number = 500 + next(i for i in (14, 15) if plan().arm_number_of(i) == 1)
    episode = next(one for one in test.episodes if one.number == number)
    corrected = changed(
        test, number, labels=(*episode.labels, of_outcome(number, Outcome.FAILURE, 17, "bob"))
    )
    assert corrected.verdict is AbVerdict.OPEN
    assert corrected.arm(1).count == SuccessCount.of(7, 8)
    assert corrected.next_index == 16


def test_a_label_taken_back_leaves_the_episode_unlabelled() -> None:
    episode = ab_test([WIN]).episodes[0]
    undone = replace(episode, labels=(*episode.labels, of_outcome(500, Outcome.UNDO, 3)))
    assert undone.is_unlabelled
    assert undone.was_corrected
    assert undone.value is None


def test_a_mark_says_nothing_of_the_outcome() -> None:
    episode = ab_test([WIN]).episodes[0]
    marked = replace(episode, labels=(*episode.labels, of_outcome(500, Outcome.MARK, 3)))
    assert marked.value == episode.value
    assert not marked.was_corrected


def test_graded_outcomes_are_compared_by_their_rewards() -> None:
    test = ab_test([(0.25, 0.75)] * 30)
    assert test.is_graded
    assert not ab_test([WIN]).is_graded
    assert test.looks[-1].mean == pytest.approx(0.5)
    assert test.verdict is AbVerdict.SECOND_BETTER
    assert test.arm(0).mean == pytest.approx(0.25)
    assert test.arm(0).anytime.low <= 0.25 <= test.arm(0).anytime.high


def test_what_an_arm_made_invalid_can_be_counted_against_it() -> None:
    test = ab_test([WIN] * 10)
    assert test.harsh is None
    for pair in range(5):
        index = next(i for i in (2 * pair, 2 * pair + 1) if plan().arm_number_of(i) == 1)
        again = AbEpisode(index, 600 + pair, labels=(label(600 + pair, 1.0, 50 + pair),))
        test = changed(test, 500 + index, is_valid=False, labels=())
        test = replace(test, episodes=(*test.episodes, again))
    assert test.looks[-1].mean == pytest.approx(1.0)
    assert test.harsh is not None
    assert test.harsh.mean == pytest.approx(0.5)


def test_the_operator_is_told_how_far_it_is_and_nothing_of_the_arms() -> None:
    told = ab_test([WIN] * 5).blinded_text
    assert told == "5 of at most 40 pairs complete; it goes on"
    assert ab_test([LOSS] * 5).blinded_text == told
    assert "it may stop" in ab_test([LOSS] * 8).blinded_text


@settings(max_examples=25)
@given(st.lists(st.sampled_from([WIN, LOSS, BOTH, NEITHER]), max_size=15), st.integers(0, 99))
def test_a_test_goes_on_from_any_point_as_if_it_had_never_stopped(
    pairs: list[tuple[float, float]], seed: int
) -> None:
    of = plan(15, seed)
    episodes = run_of(pairs, of)
    for count in range(len(episodes)):
        before = AbTest(of, StopRule(), episodes[:count])
        if before.should_stop:
            return
        assert before.next_index == episodes[count].index


def test_what_is_no_episode_of_the_test_is_refused() -> None:
    test = ab_test([WIN])
    for episode, told in (
        (AbEpisode(80, 900), "no episode 80; available: 0 to 79"),
        (AbEpisode(3, 500), "episode 500 is in the test twice"),
        (AbEpisode(3, 900, labels=(label(901, 1.0, 9),)), "has a label of episode 901"),
    ):
        with pytest.raises(InvalidValue, match=told):
            replace(test, episodes=(*test.episodes, episode))
