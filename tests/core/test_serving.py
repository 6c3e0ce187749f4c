"""Several robots, one policy: one batch of what is there, each its own answer or error."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from dsrl_core.errors import InvalidValue
from dsrl_core.policies.backend import Encoded
from dsrl_core.policies.serving import (
    ENCODINGS_OF_ONE_MAX,
    Request,
    Rhythm,
    Serving,
    UnknownEncoding,
)
from dsrl_core.types import Float32Array, UInt8Array
from tests.core.serving_setup import Looking, Watched, looking_policy
from tests.core.vision_setup import random_views

NOISES = np.random.default_rng(0).standard_normal((6, 4, 5), dtype=np.float32)


@pytest.fixture
def policy(tmp_path: Path) -> Watched:
    return Watched(Looking(looking_policy(tmp_path)))


def request_of(policy: Watched, row: int, count: int = 1, key: bytes = b"") -> Request:
    values, images = random_views(policy.spec, 6)
    assert images is not None
    only = slice(row, row + 1)
    return Request(key, values[only], images[only], NOISES[row : row + 1].repeat(count, axis=0))


def alone(policy: Watched, request: Request) -> Float32Array:
    assert request.observations is not None
    assert request.noises is not None
    encoded = policy.policy.encode(request.observations, request.images)
    return policy.policy.decode(encoded, request.noises)


def test_the_policy_has_decoded_before_anybody_asks(policy: Watched) -> None:
    Serving(policy)
    assert (policy.encoded, policy.decoded) == ([1], [1])


def test_requests_of_several_robots_go_as_one_batch(policy: Watched) -> None:
    serving = Serving(policy)
    requests = [request_of(policy, row, count=row + 1) for row in range(4)]
    answers = serving.answer(requests)
    assert (policy.encoded[1:], policy.decoded[1:]) == ([4], [1 + 2 + 3 + 4])
    for request, answer in zip(requests, answers, strict=True):
        np.testing.assert_allclose(answer.chunks, alone(policy, request), rtol=1e-6)


def test_no_batch_is_larger_than_the_policy_takes(policy: Watched) -> None:
    policy.spec = replace(policy.spec, max_batch=4)
    serving = Serving(policy)
    serving.answer([request_of(policy, row, count=2) for row in range(5)])
    assert policy.decoded[1:] == [4, 4, 2]
    refused = serving.answer([request_of(policy, 0, count=5)])
    assert "max_batch is 4" in str(refused[0].error)


def test_a_wrong_request_is_told_alone(policy: Watched) -> None:
    good, wrong = request_of(policy, 0), request_of(policy, 1)
    bad = [
        Request(b"", wrong.observations, wrong.images, np.zeros((1, 8, 5), np.float32)),
        Request(b"", wrong.observations, wrong.images, np.full((1, 4, 5), np.nan, np.float32)),
        Request(b"", wrong.observations, None, wrong.noises),
        Request(b"", np.zeros((1, 3), np.float32), wrong.images, wrong.noises),
    ]
    answers = Serving(policy).answer([good, *bad])
    np.testing.assert_allclose(answers[0].chunks, alone(policy, good), rtol=1e-6)
    for answer, why in zip(
        answers[1:], (r"\(n, 4, 5\)", "finite", "takes images", "takes observations"), strict=True
    ):
        with pytest.raises(InvalidValue, match=why):
            raise answer.error or AssertionError("no error")


def test_whose_request_breaks_the_policy_is_told_and_the_others_are_answered(
    policy: Watched,
) -> None:
    serving = Serving(policy)

    def breaks(noises: Float32Array) -> None:
        if (noises > 100.0).any():
            raise RuntimeError("out of memory")

    policy.before_decoding = breaks
    good, bad = request_of(policy, 0), request_of(policy, 1)
    assert bad.noises is not None
    answers = serving.answer(
        [good, Request(b"", bad.observations, bad.images, bad.noises + 1000.0)]
    )
    np.testing.assert_allclose(answers[0].chunks, alone(policy, good), rtol=1e-6)
    assert answers[0].error is None
    assert str(answers[1].error) == "out of memory"
    assert serving.answer([good])[0].error is None, "it goes on"


def test_an_observation_is_encoded_once_for_many_noises(policy: Watched) -> None:
    serving, first = Serving(policy), request_of(policy, 0, key=b"one")
    serving.answer([first])
    for _ in range(3):
        answer = serving.answer([Request(b"one", noises=first.noises)])[0]
        np.testing.assert_array_equal(answer.chunks, alone(policy, first))
    assert policy.encoded[1:] == [1]


def test_what_was_used_least_recently_is_forgotten(policy: Watched) -> None:
    serving = Serving(policy, encodings_max=2)
    for row, key in enumerate((b"one", b"two")):
        serving.answer([request_of(policy, row, key=key)])
    serving.answer([Request(b"one", noises=NOISES[:1])])
    serving.answer([request_of(policy, 2, key=b"three")])
    answers = serving.answer(
        [Request(key, noises=NOISES[:1]) for key in (b"one", b"two", b"three")]
    )
    assert [answer.chunks is not None for answer in answers] == [True, False, True]
    assert isinstance(answers[1].error, UnknownEncoding)


def test_of_each_robot_only_the_newest_observations_are_kept(policy: Watched) -> None:
    serving = Serving(policy)
    serving.answer([request_of(policy, 0, key=b"other")], ["another robot"])
    for number in range(ENCODINGS_OF_ONE_MAX + 1):
        serving.answer([request_of(policy, 0, key=b"%d" % number)], ["robot"])
    keys = (b"other", b"0", b"1")
    answers = serving.answer([Request(key, noises=NOISES[:1]) for key in keys])
    assert [answer.chunks is not None for answer in answers] == [True, False, True]


@dataclass(frozen=True)
class _Closed(Encoded):
    """An encoding that cannot be taken apart."""

    cache: object = None


def test_a_policy_whose_encodings_cannot_be_put_together_is_asked_one_by_one(
    policy: Watched,
) -> None:
    def encode(observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
        policy.encoded.append(len(observations))
        return _Closed(policy.policy.encode(observations, images).features, object())

    policy.encode = encode  # type: ignore[method-assign]
    requests = [request_of(policy, row) for row in range(3)]
    answers = Serving(policy).answer(requests)
    assert policy.decoded[1:] == [1, 1, 1]
    for request, answer in zip(requests, answers, strict=True):
        np.testing.assert_allclose(answer.chunks, alone(policy, request), rtol=1e-6)


def test_a_robot_that_asks_again_at_once_is_waited_for_a_moment() -> None:
    rhythm = Rhythm()
    assert rhythm.wait_s({"a"}, 0.0) == 0.0
    rhythm.answered({"a", "b", "c"}, began_s=0.0, ended_s=0.04)
    assert rhythm.wait_s({"d"}, 0.041) == pytest.approx(0.004)
    assert rhythm.wait_s({"a", "b", "c"}, 0.041) == 0.0, "all are there"
    assert rhythm.wait_s({"d"}, 1.0) == 0.0, "they have something else to do"
    rhythm.answered({"a"}, began_s=1.0, ended_s=1.0001)
    assert rhythm.wait_s({"d"}, 1.0001) == 0.0, "the policy is fast: nothing is won"
