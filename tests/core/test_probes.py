"""A policy that cannot be steered is refused, with the reason, before a robot follows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dsrl_core.errors import InvalidFile
from dsrl_core.policies import load_policy
from dsrl_core.policies.backend import Encoded
from dsrl_core.policies.jumps import jump_share
from dsrl_core.policies.probes import Probe, Sample, Verdict, probe, require_steerable
from dsrl_core.specs import PolicySpec
from dsrl_core.specs.policy import ActionKind
from dsrl_core.types import Float32Array, UInt8Array
from tests.core.steering_setup import CATALOG, small_policy
from tests.core.vision_setup import small_vision_policy

SPEC = replace(CATALOG.policy("franka_pick_flow"), tolerance=1e-5)
Decode = Callable[["FakePolicy", Encoded, Float32Array], Float32Array]


class FakePolicy:
    """A policy that does what a test says."""

    def __init__(self, decode: Decode, spec: PolicySpec = SPEC) -> None:
        self.spec, self._decode = spec, decode
        self.calls = 0
        self.random = np.random.default_rng(0)

    def encode(self, observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
        return Encoded(observations)

    def decode(self, encoded: Encoded, noises: Float32Array) -> Float32Array:
        self.calls += 1
        return self._decode(self, encoded, noises).astype(np.float32)

    def digest(self) -> str:
        return "0"

    def close(self) -> None:
        """It holds nothing."""


def good(_: FakePolicy, encoded: Encoded, noises: Float32Array) -> Float32Array:
    return 0.02 * noises + 0.001 * encoded.features[:, :1, None]


def ignores_noise(_: FakePolicy, encoded: Encoded, noises: Float32Array) -> Float32Array:
    return np.zeros_like(noises) + encoded.features[:, :1, None]


def draws_its_own(policy: FakePolicy, _: Encoded, noises: Float32Array) -> Float32Array:
    return noises + policy.random.standard_normal(noises.shape)


def looks_at_its_neighbours(_: FakePolicy, __: Encoded, noises: Float32Array) -> Float32Array:
    return noises - noises.mean(axis=0)


def remembers(policy: FakePolicy, encoded: Encoded, noises: Float32Array) -> Float32Array:
    """Equal as long as the observation stays the same, as a server with a history does."""
    if not np.array_equal(getattr(policy, "seen", encoded.features), encoded.features):
        policy.shift = getattr(policy, "shift", 0.0) + 0.1
    policy.seen = encoded.features
    return noises + getattr(policy, "shift", 0.0)


def another_horizon(_: FakePolicy, __: Encoded, noises: Float32Array) -> Float32Array:
    return np.repeat(noises, 2, axis=1)


def not_finite(_: FakePolicy, __: Encoded, noises: Float32Array) -> Float32Array:
    return noises * np.nan


def fails(_: FakePolicy, __: Encoded, ___: Float32Array) -> Float32Array:
    raise RuntimeError("CUDA error: device-side assert triggered")


def far_away(_: FakePolicy, __: Encoded, noises: Float32Array) -> Float32Array:
    return 100.0 * noises


def half_of_it(_: FakePolicy, __: Encoded, noises: Float32Array) -> Float32Array:
    return noises * np.array([1, 1, 0, 0, 0])


def named(found: tuple[Probe, ...], name: str) -> Probe:
    return next(one for one in found if one.name == name)


@pytest.mark.parametrize("make", [small_policy, small_vision_policy])
def test_our_own_policies_pass_every_probe(
    tmp_path: Path, make: Callable[[Path], PolicySpec]
) -> None:
    policy = load_policy(make(tmp_path))
    found = probe(policy)
    # Random weights may give actions of any magnitude, a busy machine takes any time.
    assert {one.name for one in found if one.verdict is not Verdict.OK} <= {"ranges", "latency"}
    assert [one.name for one in found] == [
        "first_call", "shapes", "horizon", "determinism", "sensitivity", "memory", "ranges",
        "latency", "frozen",
    ]  # fmt: skip
    require_steerable(policy)


@pytest.mark.parametrize(
    ("decode", "name", "words"),
    [
        (ignores_noise, "sensitivity", "the noise is ignored"),
        (draws_its_own, "determinism", "it draws noise itself"),
        (looks_at_its_neighbours, "determinism", "others are decoded beside it"),
        (another_horizon, "shapes", r"chunks \(8, 5\) for noises \(4, 5\)"),
        (not_finite, "shapes", "not finite"),
        (fails, "shapes", "RuntimeError: CUDA error"),
    ],
)
def test_what_cannot_be_steered_is_refused_with_the_reason(
    decode: Decode, name: str, words: str
) -> None:
    assert named(probe(FakePolicy(decode)), name).verdict is Verdict.REFUSED
    with pytest.raises(InvalidFile, match=f"{name}: .*{words}"):
        require_steerable(FakePolicy(decode))


def test_a_policy_with_a_memory_is_refused() -> None:
    told = named(probe(FakePolicy(remembers)), "memory")
    assert told.verdict is Verdict.REFUSED
    assert "it keeps a state" in told.found


def test_weights_that_change_are_refused() -> None:
    class Learns(FakePolicy):
        def digest(self) -> str:
            return str(self.calls)

    assert named(probe(Learns(good)), "frozen").verdict is Verdict.REFUSED


@pytest.mark.parametrize(("decode", "name"), [(far_away, "ranges"), (half_of_it, "sensitivity")])
def test_what_is_only_strange_is_a_warning(decode: Decode, name: str) -> None:
    assert named(probe(FakePolicy(decode)), name).verdict is Verdict.WARN
    require_steerable(FakePolicy(decode))


def test_columns_and_rows_that_no_noise_changes_are_named() -> None:
    def but_the_second_row(_: FakePolicy, __: Encoded, noises: Float32Array) -> Float32Array:
        return noises * np.array([1, 0, 1, 1])[:, None]

    assert (
        "columns tool_displacement[2], tool_turn, gripper_command"
        in named(probe(FakePolicy(half_of_it)), "sensitivity").found
    )
    told = named(probe(FakePolicy(but_the_second_row)), "sensitivity")
    assert told.found == "rows 1 do not change with the noise"
    assert told.values["rows"][1] == 0.0


def test_a_policy_that_takes_any_horizon_is_a_warning() -> None:
    told = named(probe(FakePolicy(good)), "horizon")
    assert told.verdict is Verdict.WARN
    assert told.found == "3, 5, 8 rows of noise are taken too"


def test_a_policy_slower_than_its_chunk_is_a_warning() -> None:
    policy = FakePolicy(good)
    told = named(probe(policy, clock=lambda: 0.3 * policy.calls), "latency")
    assert told.verdict is Verdict.OK  # a chunk is played for 0.4 s
    assert told.values["decode_many_p95_ms"] == pytest.approx(300.0)
    slow = FakePolicy(good)
    assert named(probe(slow, clock=lambda: 0.5 * slow.calls), "latency").verdict is Verdict.WARN


def test_a_policy_that_decodes_one_noise_at_a_time_is_asked_so() -> None:
    def one(_: FakePolicy, __: Encoded, noises: Float32Array) -> Float32Array:
        assert len(noises) == 1
        return 0.02 * noises

    policy = FakePolicy(one, replace(SPEC, max_batch=1))
    policy_verdicts = {each.name: each.verdict for each in probe(policy)}
    assert policy_verdicts["determinism"] is Verdict.OK
    assert policy_verdicts["sensitivity"] is Verdict.OK


def test_what_was_recorded_may_be_asked_with() -> None:
    seen = np.full((1, 9), 7.0, np.float32)
    asked = []

    def keep(_: FakePolicy, encoded: Encoded, noises: Float32Array) -> Float32Array:
        asked.append(encoded.features)
        return 0.02 * noises

    probe(FakePolicy(keep), Sample.recorded(SPEC, seen, None))
    assert all((features == 7.0).all() for features in asked)


@pytest.mark.parametrize(
    ("kind", "row", "leaps"),
    [
        ("tool_delta", [0.2, 0.2, 0.0, 0.0], True),
        ("tool_delta", [0.1, 0.1, 0.0, 0.1], False),
        ("joint_delta", [0.6, 0.0, 0.0, 0.0], True),
        ("joint_velocity", [0.6, 0.0, 0.0, 0.0], False),
        ("joint_position", [2.0, 0.0, 0.0, 0.0], False),
        ("end_effector_delta", [0.0, 0.0, 0.0, 0.4, 0.4, 0.0], True),
        ("end_effector_pose", [0.5, 0.0, 0.3, 1.0, 0.0, 0.0, 0.0], False),
    ],
)
def test_leaps_are_counted_as_the_kind_of_action_says(
    kind: ActionKind, row: list[float], leaps: bool
) -> None:
    action = replace(SPEC.action, kind=kind)
    chunks = np.array([[[*row, 0.0]] * 4], np.float32)
    assert jump_share(action, chunks) == float(leaps)


def test_a_pose_that_turns_too_far_from_row_to_row_leaps() -> None:
    rows = np.array([[0, 0, 0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0, 0, 0]], np.float32)
    assert jump_share(replace(SPEC.action, kind="end_effector_pose"), rows[None]) == 1.0
    rows[1, 3:5] = [-1, 0]  # the same rotation
    assert jump_share(replace(SPEC.action, kind="end_effector_pose"), rows[None]) == 0.0


def test_features_of_another_size_are_refused() -> None:
    policy = FakePolicy(good, replace(SPEC, features_size=7))
    with pytest.raises(InvalidFile, match=r"features \(9,\), expected features \(7,\)"):
        require_steerable(policy)


def test_samples_are_of_the_files_magnitudes_and_reproducible() -> None:
    one, again = Sample.random(SPEC, 3), Sample.random(SPEC, 3)
    np.testing.assert_array_equal(one.observations, again.observations)
    np.testing.assert_array_equal(one.noises, again.noises)
    assert one.observations.shape == (2, SPEC.observation_size)
    assert np.abs(one.observations[:, 4]).max() < 0.5  # a gripper's width, of scale 0.05
