"""The newest weights decide; in a comparison those that each episode names."""

from __future__ import annotations

import pytest

from dsrl_core.errors import UnknownName
from dsrl_core.status import RUN_AB, EpisodeStatus, Phase
from dsrl_core.steering.weights_in_use import NONE_YET, Weights, WeightsInUse, fits
from dsrl_core.types import Mode

FIRST, SECOND = Weights(1, b"one"), Weights(2, b"two")
TRAINING = EpisodeStatus(0, Phase.RUNNING, Mode.TRAIN, run_mode="train")
OVER = EpisodeStatus(2, Phase.IDLE, Mode.EVAL, minimum_weights_version=1, run_mode=RUN_AB)


def comparing(version: int, mode: Mode = Mode.EVAL, phase: Phase = Phase.RUNNING) -> EpisodeStatus:
    return EpisodeStatus(1, phase, mode, minimum_weights_version=version, run_mode=RUN_AB)


def kept(version: int) -> bytes:
    if version != FIRST.version:
        raise UnknownName("weights version", str(version), ["1"])
    return FIRST.data


def with_second() -> WeightsInUse:
    weights = WeightsInUse(kept)
    weights.offer(SECOND)
    return weights


def test_there_are_none_at_first() -> None:
    assert WeightsInUse(kept).choose(TRAINING) is None


def test_newer_ones_are_used_at_once_in_training() -> None:
    weights = WeightsInUse(kept)
    weights.offer(FIRST)
    assert weights.choose(TRAINING) == FIRST
    weights.offer(SECOND)
    assert weights.choose(TRAINING) == SECOND


def test_a_comparison_uses_what_its_episode_names_whatever_is_newest() -> None:
    weights = with_second()
    assert weights.choose(comparing(1)) == FIRST
    weights.offer(Weights(3, b"three"))
    assert weights.choose(comparing(1, phase=Phase.RESETTING)) == FIRST


def test_the_newest_ones_need_not_be_read() -> None:
    assert with_second().choose(comparing(2)) == SECOND


def test_an_actor_that_was_started_again_reads_them() -> None:
    assert WeightsInUse(kept).choose(comparing(1)) == FIRST


def test_an_arm_that_began_without_any_gets_none() -> None:
    assert with_second().choose(comparing(0)) == NONE_YET


def test_an_arm_that_is_not_steered_changes_nothing() -> None:
    weights = with_second()
    assert weights.choose(comparing(1)) == FIRST
    assert weights.choose(comparing(0, Mode.BASE)) == FIRST


def test_what_came_meanwhile_is_used_after_the_comparison() -> None:
    weights = with_second()
    assert weights.choose(comparing(1)) == FIRST
    assert weights.choose(OVER) == SECOND


def test_a_version_that_is_gone_is_told_with_those_that_are_there() -> None:
    with pytest.raises(UnknownName, match="'7'; available: 1"):
        with_second().choose(comparing(7))


@pytest.mark.parametrize(
    ("status", "version", "expected"),
    [
        (TRAINING, 0, True),
        (EpisodeStatus(mode=Mode.EVAL, minimum_weights_version=3), 2, False),
        (EpisodeStatus(mode=Mode.EVAL, minimum_weights_version=3), 4, True),
        (comparing(3), 4, False),
        (comparing(3), 3, True),
        (comparing(0), 4, False),
        (comparing(0, Mode.BASE), 4, True),
    ],
)
def test_only_weights_that_fit_decide(status: EpisodeStatus, version: int, expected: bool) -> None:
    assert fits(status, version) is expected
