"""Who runs when: paired, at random, sealed, and the same again from the same few numbers."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsrl_core.errors import DsrlError, InvalidValue, UnknownName
from dsrl_core.evaluation import ab_plan
from dsrl_core.evaluation.ab_plan import AbPlan, Arm
from dsrl_core.types import Mode
from tests.core.ab_setup import plan

seeds = st.integers(0, 2**62)


@pytest.mark.parametrize("text", ["base", "zero", "eval", "actor", "eval@12", "actor@0"])
def test_an_arm_is_written_as_it_is_read(text: str) -> None:
    assert str(Arm.parse(text)) == text


def test_an_arm_names_mode_and_version() -> None:
    assert Arm.parse(" eval@12 ") == Arm(Mode.EVAL, 12)
    assert Arm.parse("eval").weights_version is None
    assert [Arm.parse(text).is_pinned for text in ("base", "eval", "eval@3")] == [True, False, True]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("best", "unknown arm 'best'; available: actor, base, eval, zero"),
        ("", "unknown arm ''; available"),
        ("train", "cannot be 'train': it explores and learns"),
        ("train@3", "cannot be 'train'"),
        ("base@3", "'base' uses no weights, expected no version; with one: eval@3, actor@3"),
        ("eval@", "the weights version is '', expected a number as in eval@12"),
        ("eval@latest", "the weights version is 'latest'"),
        ("eval@-1", "the weights version is '-1'"),
        ("eval@²", "the weights version is '²'"),
        ("eval@1@2", "the weights version is '1@2'"),
    ],
)
def test_what_is_no_arm_is_refused_with_what_is(text: str, told: str) -> None:
    with pytest.raises(DsrlError) as refused:
        Arm.parse(text)
    assert told in str(refused.value)
    assert isinstance(refused.value, (InvalidValue, UnknownName))


@given(st.text())
def test_any_text_is_an_arm_or_refused(text: str) -> None:
    try:
        arm = Arm.parse(text)
    except DsrlError:
        return
    assert Arm.parse(str(arm)) == arm


@given(seeds, st.integers(1, 60))
def test_every_pair_has_both_arms_on_one_reset_of_its_own(seed: int, pairs: int) -> None:
    made = plan(pairs, seed)
    for pair in range(pairs):
        both = 2 * pair, 2 * pair + 1
        assert {made.arm_number_of(index) for index in both} == {0, 1}
        assert {made.arm_of(index) for index in both} == set(made.arms)
        assert {made.reset_index_of(index) for index in both} == {100 + pair}


@given(seeds)
def test_a_plan_is_the_same_again_at_every_index(seed: int) -> None:
    made, again = plan(20, seed), plan(20, seed)
    for index in reversed(range(made.episodes)):
        assert made.arm_of(index) == again.arm_of(index)
        assert made.code_of(index) == again.code_of(index)
    assert made.seal == again.seal


def test_either_arm_runs_first_about_as_often_and_in_no_pattern() -> None:
    made = plan(4000)
    order = [made.arm_number_of(2 * pair) for pair in range(4000)]
    alike = sum(a == b for a, b in pairwise(order))
    # Five standard deviations of fair coins; the seed is fixed.
    assert abs(sum(order) - 2000) < 158
    assert abs(alike - 2000) < 158


def test_codes_tell_episodes_apart_and_nothing_of_the_arm() -> None:
    made = plan(500)
    codes = [made.code_of(index) for index in range(made.episodes)]
    assert len(set(codes)) == made.episodes
    assert all(len(code) == 6 and code.isalnum() and code.isupper() for code in codes)
    swapped = replace(made, first=made.second, second=made.first)
    assert swapped.code_of(0) != made.code_of(0)
    by_letter: dict[str, list[int]] = {}
    for index, code in enumerate(codes):
        by_letter.setdefault(code[0], []).append(made.arm_number_of(index))
    assert all(0 < sum(arms) < len(arms) for arms in by_letter.values())


def test_a_code_that_was_drawn_before_is_drawn_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ab_plan, "_CODE_LENGTH", 2)
    made = plan(400)
    codes = [made.code_of(index) for index in range(made.episodes)]
    assert len(set(codes)) == made.episodes


def test_the_seal_is_the_hash_of_the_key_and_of_nothing_else() -> None:
    made = plan(3)
    assert hashlib.sha256(made.key.encode()).hexdigest() == made.seal
    lines = made.key.splitlines()
    assert "seed 7" in lines[0]
    assert len(lines) == 1 + 6
    for index, line in enumerate(lines[1:]):
        assert line == (
            f"{index + 1} {made.code_of(index)} reset {100 + index // 2} {made.arm_of(index)}"
        )


@pytest.mark.parametrize(
    "other", [{"seed": 8}, {"pairs": 41}, {"first_reset": 0}, {"second": Arm(Mode.EVAL, 13)}]
)
def test_another_plan_has_another_seal(other: dict[str, object]) -> None:
    assert replace(plan(), **other).seal != plan().seal  # type: ignore[arg-type]


def test_a_drawn_plan_is_drawn_anew_every_time() -> None:
    arms = Arm.parse("base"), Arm.parse("eval")
    drawn = [AbPlan.drawn(*arms, pairs=5) for _ in range(3)]
    assert len({made.seed for made in drawn}) == 3


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"second": Arm.parse("base")}, "both arms are 'base', expected two that differ"),
        ({"pairs": 0}, "pairs is 0, expected 1 or more"),
        ({"seed": -1}, "seed is -1, expected 0 or more"),
        ({"first_reset": -1}, "first_reset is -1"),
    ],
)
def test_what_is_no_plan_is_refused(values: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidValue, match=told):
        replace(plan(), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("index", [-1, 80])
def test_an_index_beyond_the_plan_is_refused(index: int) -> None:
    made = plan(40)
    for ask in (made.arm_of, made.code_of, made.reset_index_of, made.arm_number_of):
        with pytest.raises(InvalidValue, match=f"no episode {index}; available: 0 to 79"):
            ask(index)
