"""Made-up summaries for the tests of evaluation; the numbers are nobody's measurement."""

from __future__ import annotations

import random

from dsrl_core.evaluation.statistics import Latency
from dsrl_core.evaluation.summary import (
    CurvePoint,
    Measured,
    Measurement,
    Settings,
    Status,
    Summary,
)
from dsrl_core.types import Outcome


def outcomes(successes: int, trials: int) -> tuple[Outcome, ...]:
    """So many successes among so many trials, shuffled."""
    drawn = [Outcome.SUCCESS] * successes + [Outcome.FAILURE] * (trials - successes)
    random.Random(successes).shuffle(drawn)
    return tuple(drawn)


def settings() -> Settings:
    """What a demo asks for by default."""
    return Settings(
        task="franka_pick",
        robot="fr3",
        policy="franka_pick_flow",
        seed=0,
        warm_up_episodes=10,
        episodes=40,
        eval_episodes=100,
        actor_episodes=50,
        curve_every=10,
        curve_episodes=25,
        realtime=False,
    )


def complete_summary() -> Summary:
    """A run that went through, with every value present."""

    def measured(successes: int, trials: int, version: int = 0) -> Measurement:
        return Measurement(trials, outcomes(successes, trials), (), version, 20.0, 500.0)

    return Summary(
        settings=settings(),
        measurements={
            Measured.BASE: measured(36, 100),
            Measured.ZERO_NOISE: measured(43, 100),
            Measured.ORACLE: measured(99, 100),
            Measured.STEERED: measured(97, 100, 41),
            Measured.ACTOR: measured(46, 50, 41),
        },
        status=Status.COMPLETE,
        phases_done=("base", "zero_noise", "oracle", "training", "steered", "actor"),
        notes=("No film: a renderer is missing.",),
        warm_up_outcomes=outcomes(3, 10),
        training_outcomes=outcomes(36, 40),
        curve_points=tuple(
            CurvePoint(episodes, measured(successes, 25, episodes + 1))
            for episodes, successes in ((0, 20), (10, 22), (20, 24), (30, 23))
        ),
        policy_sha256_before="a" * 64,
        policy_sha256_after="a" * 64,
        policy_sha256_memory_before="b" * 64,
        policy_sha256_memory_after="b" * 64,
        wall_s=143.2,
        sim_s=2310.5,
        updates=4512,
        updates_per_s=212.0,
        decision_latency_ms=Latency(2.7, 6.1, 1432),
        sittings=1,
        command_line="./dsrl demo --seed 0",
        started_at="2030-01-01T00:00:00+00:00",
        versions={"dsrl_core": "0.1.0", "torch": "2.13.0"},
    )
