"""A pedal's presses: edges, debounced, and nothing because of its first state."""

from __future__ import annotations

import pytest

from dsrl_core.operator.orders import Action
from dsrl_core.operator.pedal import Pedal

BUTTONS = {Action.SUCCESS: 0, Action.FAILURE: 1, Action.STOP: 2, Action.UNDO: -1}


@pytest.fixture
def pedal() -> Pedal:
    return Pedal(BUTTONS, debounce_s=0.3)


def test_a_press_is_one_press_however_long_it_lasts(pedal: Pedal) -> None:
    assert pedal.hear([0, 0, 0], 0.0) == []
    assert pedal.hear([1, 0, 0], 0.01) == [Action.SUCCESS]
    assert pedal.hear([1, 0, 0], 0.02) == []
    assert pedal.hear([1, 1, 0], 5.0) == [Action.FAILURE]


def test_a_button_that_is_down_at_first_was_not_pressed(pedal: Pedal) -> None:
    assert pedal.hear([1, 0, 1], 0.0) == []
    assert pedal.hear([1, 0, 1], 9.0) == []
    assert pedal.hear([0, 0, 0], 10.0) == []
    assert pedal.hear([1, 0, 0], 10.1) == [], "it may bounce on its release"
    assert pedal.hear([0, 0, 0], 11.0) == []
    assert pedal.hear([1, 0, 0], 12.0) == [Action.SUCCESS]


def test_bouncing_is_one_press_but_a_stop_is_never_held_back(pedal: Pedal) -> None:
    pedal.hear([0, 0, 0], 0.0)
    assert pedal.hear([1, 0, 1], 1.0) == [Action.SUCCESS, Action.STOP]
    pedal.hear([0, 0, 0], 1.02)
    assert pedal.hear([1, 0, 1], 1.04) == [Action.STOP]


def test_buttons_that_the_device_has_not_are_up(pedal: Pedal) -> None:
    assert pedal.hear([], 0.0) == []
    assert pedal.hear([1], 1.0) == [Action.SUCCESS]
    assert pedal.hear([0], 2.0) == []
