"""How many noises young critics may choose among."""

from __future__ import annotations

from dataclasses import replace

from dsrl_core.catalog import Catalog

STEERING = Catalog.default().task("franka_pick").steering
WARM_UP = STEERING.warm_up_episodes
LATE = WARM_UP + 1000


def test_training_looks_at_all_noises_at_once_where_nothing_else_is_said() -> None:
    careless = replace(STEERING, training_doubled_every=0.0)
    assert careless.candidates_at(WARM_UP, training=True) == STEERING.candidates
    assert careless.candidates_at(WARM_UP) == STEERING.candidates_first


def test_training_may_be_as_careful_as_greedy_modes_at_its_own_pace() -> None:
    careful = replace(STEERING, training_doubled_every=6.0, candidates_doubled_every=1.5)
    counts = [careful.candidates_at(WARM_UP + n, training=True) for n in range(50)]
    greedy = [careful.candidates_at(WARM_UP + n) for n in range(50)]
    assert counts[0] == STEERING.candidates_first
    assert counts == sorted(counts)
    assert all(a <= b for a, b in zip(counts, greedy, strict=True))
    assert counts[6] == 2 * counts[0]
    assert careful.candidates_at(LATE, training=True) == STEERING.candidates
