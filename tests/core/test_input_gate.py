"""A decision is made of fresh inputs or not at all."""

from __future__ import annotations

import numpy as np
import pytest

from dsrl_core.errors import UnknownName
from dsrl_core.steering.input_gate import InputGate
from dsrl_core.types import Pose

POSE = Pose(np.zeros(3), np.array([1.0, 0, 0, 0]))
VALUES = {"tool_pose": POSE, "gripper_width_m": 0.08, "object_pose": POSE}

INPUTS = ("tool_pose", "gripper_width_m", "object_pose")


def gate_with(stamps: dict[str, int]) -> InputGate:
    gate = InputGate(INPUTS, age_max_ns=200)
    for name, stamp in stamps.items():
        gate.put(name, stamp, VALUES[name])
    return gate


@pytest.mark.parametrize("missing", INPUTS)
@pytest.mark.parametrize("exact", [True, False])
def test_nothing_is_decided_without_every_input(missing: str, exact: bool) -> None:
    gate = gate_with({name: 1000 for name in INPUTS if name != missing})
    assert gate.take(1000, exact) is None
    assert f"{missing} (never heard)" in gate.missing(1000, exact)
    assert gate.never_heard() == missing


@pytest.mark.parametrize("old", INPUTS)
def test_in_lock_step_every_input_is_as_new_as_the_request(old: str) -> None:
    gate = gate_with({name: 1000 for name in INPUTS} | {old: 999})
    assert gate.take(1000, exact=True) is None
    assert f"{old} (0.000 s old)" in gate.missing(1000, exact=True)
    gate.put(old, 1000, VALUES[old])
    assert gate.take(1000, exact=True) is not None
    assert gate.missing(1000, exact=True) == ""


def test_otherwise_an_input_may_have_an_age_and_the_oldest_stamps_the_observation() -> None:
    gate = gate_with({"tool_pose": 990, "gripper_width_m": 800, "object_pose": 995})
    taken = gate.take(1000, exact=False)
    assert taken is not None
    assert taken[0] == 800
    assert taken[1].gripper_width_m == 0.08
    assert gate.take(1001, exact=False) is None


def test_message_that_was_overtaken_is_dropped() -> None:
    gate = gate_with({name: 1000 for name in INPUTS})
    gate.put("gripper_width_m", 900, 0.0)
    taken = gate.take(1000, exact=True)
    assert taken is not None
    assert taken[1].gripper_width_m == 0.08


def test_unknown_input_lists_what_is_available() -> None:
    with pytest.raises(UnknownName, match="'wrench'; available: gripper_width_m"):
        gate_with({}).put("wrench", 0, 0.0)
