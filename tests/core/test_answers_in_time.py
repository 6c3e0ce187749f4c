"""How early is early enough, and what the operator is told of it."""

from __future__ import annotations

import pytest

from dsrl_core.control.ahead import AnswerTimes, actions_ahead
from dsrl_core.control.idleness import Idleness
from dsrl_core.control.reference import LEAD_NS
from dsrl_core.health import Level, player_health
from dsrl_core.types import ChunkRequest
from tests.core.chunk_player_setup import HORIZON, ROW, T0, TICK, Bench, rows
from tests.core.test_asking_ahead import CHUNK_TICKS, MS, Ahead


def request(sequence: int = 1, committed: int = 0) -> ChunkRequest:
    rows = ((0.0,) * 5,) * committed
    return ChunkRequest(T0, 7, sequence, HORIZON, "ahead", committed=rows)


def test_it_is_asked_as_early_as_the_slowest_of_the_latest_answers_took() -> None:
    answers = AnswerTimes(ROW)

    def ahead(latency_ms: int) -> int:
        answers.took(request(committed=2), latency_ms * MS)
        return actions_ahead(answers.slowest_ns, horizon=8, row_ns=ROW)

    assert ahead(40) == 1
    assert ahead(150) == 2
    assert ahead(10) == 2
    assert ahead(10_000) == 8
    for _ in range(20):
        last = ahead(10)
    assert last == 1


def test_the_first_answer_of_an_episode_counts_only_until_there_is_another() -> None:
    """It is waited for at rest, and may wait itself for word that the episode runs."""
    answers = AnswerTimes(ROW)
    answers.took(request(0), 700 * MS)
    assert answers.slowest_ns == 700 * MS
    answers.took(request(), 20 * MS)
    answers.took(request(0), 900 * MS)
    assert (answers.slowest_ns, answers.median_ns, answers.count) == (20 * MS, 20 * MS, 1)


@pytest.mark.parametrize(("latency_ms", "ahead"), [(50, 1), (70, 2), (160, 2), (165, 3)])
def test_a_chunk_is_there_before_the_arm_would_have_to_brake(latency_ms: int, ahead: int) -> None:
    assert actions_ahead(latency_ms * MS, horizon=4, row_ns=ROW) == ahead
    assert ahead * ROW - latency_ms * MS >= LEAD_NS


@pytest.mark.parametrize(("ahead", "delay"), [(0, 8), (1, 8), (2, 8)])
def test_idle_set_points_between_chunks_are_counted(ahead: int, delay: int) -> None:
    """Those at which the arm waits for the next chunk; not those before the first one."""
    late = Ahead(ahead, [delay])
    while late.loaded < 4:
        late.step(rows(0.01, 0.0, 0.0))
    late.step(rows(0.01, 0.0, 0.0))
    each = max(0, delay * TICK - ahead * ROW) // TICK
    waits = 3 if each else 0
    assert waits * each <= late.player.idleness.idle <= waits * (each + 1)
    assert late.player.idleness.set_points >= 2 * CHUNK_TICKS + late.player.idleness.idle


def test_in_lock_step_the_arm_is_never_idle_between_chunks() -> None:
    bench = Bench()
    bench.run([rows(0.01, 0.0, 0.0)] * 3)
    bench.tick(rows(0.0, 0.0, 0.0))
    assert bench.player.idleness.idle == 0
    assert bench.player.idleness.set_points == 3 * CHUNK_TICKS


def test_diagnostics_tell_answers_lead_and_idleness() -> None:
    answers, idleness = AnswerTimes(ROW), Idleness()
    for latency_ms in (100, 150, 210):
        answers.took(request(committed=2), latency_ms * MS)
    for number in range(201):
        idleness.see(number % 10 == 0)
    health = player_health(answers, idleness, 2, ROW, "cell/fr3")
    assert health.level is Level.WARN
    assert "10% of the time" in health.message
    assert "200 ms ahead" in health.message
    assert health.values == {
        "asked ahead": "2 actions (200 ms)",
        "answers": "3",
        "late answers": "1 (by 10 ms in all)",
        "latest answers, median": "150.0 ms",
        "latest answers, slowest": "210.0 ms",
        "idle between chunks": "10.0%",
        "idle set-points": "20 of 200",
    }
    # Who asks at a chunk's end waits for the answer, and means to.
    asked_late = player_health(answers, idleness, 0, ROW, "fr3")
    assert (asked_late.level, asked_late.values["asked ahead"]) == (Level.OK, "no")
