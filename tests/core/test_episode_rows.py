"""Episodes as columns: where transitions begin, and what is known of each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dsrl_core.data.episode_rows import EpisodeRows, rows_of
from dsrl_core.types import Episode
from tests.core.steering_setup import CATALOG, random_episode

POLICY = CATALOG.policy("franka_pick_flow")


def watched(number: int, decisions: int) -> Episode:
    """An episode that recorded what was seen at every action."""
    episode = random_episode(number, decisions)
    draw = np.random.default_rng(number + 1000)
    steps = [
        replace(step, between=draw.standard_normal((step.steps_executed - 1, 9), np.float32))
        for step in episode.steps[:-1]
    ]
    return replace(episode, steps=(*steps, episode.steps[-1]))


def sliding(episode: Episode) -> EpisodeRows:
    return rows_of(episode, POLICY, "sliding")


def test_transitions_lead_from_decision_to_decision_and_share_observations() -> None:
    rows = rows_of(random_episode(1, 3), POLICY, "per_decision")
    assert (rows.before.tolist(), rows.after.tolist()) == ([0, 1, 2], [1, 2, 3])
    assert len(rows.observations) == 4
    assert rows.ends.tolist() == [False, False, True]


def test_what_was_executed_is_stored_as_it_was_and_not_clipped() -> None:
    episode = random_episode(1, 2)
    far = replace(episode.steps[0].decision, noise=np.full((4, 5), 3.7, np.float32))
    steps = (replace(episode.steps[0], decision=far), *episode.steps[1:])
    rows = rows_of(replace(episode, steps=steps), POLICY, "per_decision")
    assert float(rows.noises[0].max()) == np.float32(3.7)


def test_a_persons_decision_has_no_known_noise_and_is_marked() -> None:
    episode = random_episode(1, 2)
    corrected = replace(
        episode.steps[1].decision, source="correction", noise=np.zeros((0, 0), np.float32)
    )
    steps = (episode.steps[0], replace(episode.steps[1], decision=corrected), episode.steps[2])
    rows = rows_of(replace(episode, steps=steps), POLICY, "per_decision")
    assert rows.prior.tolist() == [False, True]
    assert np.isnan(rows.noises[1]).all()
    assert np.isfinite(rows.noises[0]).all()


def test_an_invalid_episode_has_no_transitions() -> None:
    assert len(rows_of(random_episode(1, 3, "invalid"), POLICY, "per_decision")) == 0


def test_windows_slide_only_where_every_action_was_watched() -> None:
    assert len(sliding(random_episode(1, 3))) == 3
    assert len(sliding(watched(1, 3))) == 10


@given(number=st.integers(0, 1000), decisions=st.integers(1, 6))
def test_sliding_windows_cover_every_action_and_chains_never_mix(
    number: int, decisions: int
) -> None:
    episode = watched(number, decisions)
    rows = sliding(episode)
    played = sum(step.steps_executed for step in episode.steps)
    assert sorted(rows.before) == list(range(played))
    np.testing.assert_array_equal(rows.executed, rows.after - rows.before)
    assert int(rows.ends.sum()) == min(POLICY.horizon, played)
    inner = ~rows.ends[:-1]
    np.testing.assert_array_equal(rows.after[:-1][inner], rows.before[1:][inner])
    assert (rows.after[rows.ends] == played).all()


@given(number=st.integers(0, 1000), decisions=st.integers(1, 6))
def test_windows_that_begin_at_decisions_are_the_decisions(number: int, decisions: int) -> None:
    episode = watched(number, decisions)
    plain, rows = rows_of(episode, POLICY, "per_decision"), sliding(episode)
    chain = slice(0, decisions)
    np.testing.assert_array_equal(rows.chunks[chain], plain.chunks)
    np.testing.assert_array_equal(
        rows.observations[rows.before[chain]], plain.observations[plain.before]
    )
    np.testing.assert_array_equal(
        rows.observations[rows.after[chain]], plain.observations[plain.after]
    )
