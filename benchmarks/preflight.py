"""Preflight's verdict against the truth, on frozen policies that differ in steerability.

    ./dsrl bench preflight                                  # seeds 0 to 4
    ./dsrl bench preflight --policies pick slow --seeds 0

Truth: on other resets than the preflight's, with the simulator's knowledge, the best of 64 noises
at every decision, the chosen noise decoded anew; against the policy's own noise. Thresholds were
chosen on seeds from 1000 on. Results are kept in results/preflight.json; --show only shows them.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from preflight_policies import CASES, Altered, Case
from rich.console import Console
from rich.table import Table

from dsrl_core.catalog import Catalog
from dsrl_core.evaluation.statistics import wilson_interval
from dsrl_core.policies import load_policy
from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.rollout import Decider
from dsrl_core.seeding import reset_seed
from dsrl_core.specs import PolicySpec, RobotSpec, TaskSpec
from dsrl_core.steering.decision_loop import DecisionLoop
from dsrl_core.steering.preflight.examination import Measured, conclude, examine
from dsrl_core.steering.preflight.judging import judge
from dsrl_core.steering.preflight.preflight_file import recommended
from dsrl_core.steering.preflight.thresholds import THRESHOLDS
from dsrl_core.steering.preflight.trials import trials_of
from dsrl_core.steering.preflight.verdict import Level, verdict_of
from dsrl_core.steering.preflight.views import View, views_of
from dsrl_core.types import Decision, Label, Mode, Observation, Outcome
from dsrl_sim.assembly import make_rollout, with_truth
from dsrl_sim.oracle import OracleDecider
from dsrl_sim.trials import simulate_trials

RESULTS = Path(__file__).parent / "results"
RESETS, DRAWS = 6, 4
"""Of the preflight's trials: at each reset four with the policy's noise, one of them replayed, and
four with one noise held."""
WORTH_STEERING = 0.25
"""Of gain by the truth: at least so much should not be stopped."""
NOT_WORTH = 0.10
"""At most so much should not be waved through."""


@dataclass
class Result:
    """One policy and seed."""

    policy: str
    seed: int
    verdict: str
    reasons: list[str]
    recommended: str
    base: float | None
    """Success rate of the preflight's own base trials."""
    reach_low: float | None
    reach_median: float | None
    reach_high: float | None
    gain_low: float | None
    gain_high: float | None
    true_base: int
    true_best: int
    truth_resets: int
    """Successes among so many resets."""
    preflight_s: float


class DecodedAnew:
    """The oracle's noise, fed to the policy once more: as a steering that has to ask for it."""

    def __init__(self, oracle: OracleDecider, policy: PolicyBackend, seen: PolicySpec) -> None:
        self._oracle, self._policy, self._size = oracle, policy, seen.observation_size

    def decide(
        self, observation: Observation, episode: int, sequence: int, mode: Mode, episode_seed: int
    ) -> Decision:
        chosen = self._oracle.decide(observation, episode, sequence, mode, episode_seed)
        encoded = self._policy.encode(observation.values[None, : self._size])
        return replace(chosen, chunk=self._policy.decode(encoded, chosen.noise[None])[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--policies", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--resets", type=int, default=10, help="for the truth, per seed")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=RESULTS / "preflight.json")
    parser.add_argument("--again", action="store_true", help="find the truth anew as well")
    parser.add_argument("--show", action="store_true", help="only show what is there")
    asked = parser.parse_args()
    if asked.show:
        report(stored(asked.keep), asked.keep)
        return
    there = stored(asked.keep) if asked.keep.exists() else []
    due = {(name, seed) for name in asked.policies for seed in asked.seeds}
    results = [result for result in there if (result.policy, result.seed) not in due]
    truths = {} if asked.again else known_truths(there)
    with ProcessPoolExecutor(asked.workers) as pool:
        futures = [
            pool.submit(measure, name, seed, asked.resets, truths.get((name, seed, asked.resets)))
            for seed in asked.seeds
            for name in asked.policies
        ]
        for future in as_completed(futures):
            result = future.result()
            results.append(result)
            keep(results, asked.keep)
            print(result.policy, result.seed, result.verdict, *result.reasons, flush=True)
    report(results, asked.keep)


def stored(path: Path) -> list[Result]:
    """What earlier runs gave."""
    return [Result(**row) for row in json.loads(path.read_text())]


def known_truths(there: list[Result]) -> dict[tuple[str, int, int], tuple[int, int]]:
    """Best and base by policy, seed and resets: no preflight changes them."""
    return {(r.policy, r.seed, r.truth_resets): (r.true_best, r.true_base) for r in there}


def keep(results: list[Result], path: Path) -> None:
    """Write what there is, one per line, in a fixed order."""
    order = list(CASES)
    results.sort(key=lambda result: (order.index(result.policy), result.seed))
    lines = [json.dumps(asdict(result)) for result in results]
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n")


def measure(
    name: str, seed: int, resets: int, known_truth: tuple[int, int] | None = None
) -> Result:
    """The preflight of one policy as it would be flown, and the truth."""
    torch.set_num_threads(1)
    case, catalog = CASES[name], Catalog.default()
    task = catalog.task(case.task)
    shipped = load_policy(catalog.policy(task.policy))
    policy = Altered(shipped, case.change) if case.change else shipped
    began = time.monotonic()
    # One that gives chunks that nobody can play is measured on episodes of another policy.
    flown = shipped if case.defect in ("horizon", "unit") else policy
    draws = DRAWS if flown is policy else 1
    trials = [
        *simulate_trials(task, catalog, flown, seed, RESETS, draws, replays=1),
        *simulate_trials(task, catalog, flown, seed, RESETS, draws, is_held=True),
    ]
    episodes = [replace(e, number=number) for number, (e, _) in enumerate(trials)]
    labels = {
        e.number: Label(e.number, Outcome.SUCCESS if s else Outcome.FAILURE, s, "sim", 0)
        for e, (_, s) in zip(episodes, trials, strict=True)
    }
    views = views_of(episodes, 24, policy.spec)
    measured = _examined(task, catalog.robot(task.robot), policy, views, seed)
    known = trials_of(episodes, labels) if flown is policy else ()
    found = conclude(task, policy.spec, measured, known, len(views))
    reasons = judge(found, THRESHOLDS)
    took_s = time.monotonic() - began
    room, advice = found.head_room, recommended(found)
    low, high = room.gain if room else (None, None)
    best, base = known_truth or truth(task, catalog, policy, seed, resets)
    return Result(
        name,
        seed,
        verdict_of(reasons),
        [reason.name for reason in reasons],
        f"{advice['noise_shape']} {advice['noise_bound']:g}" if advice else "-",
        room.base.rate if room else None,
        room.reach_low if room else None,
        room.reach_median if room else None,
        room.reach_high if room else None,
        low,
        high,
        base,
        best,
        resets,
        took_s,
    )


def _examined(
    task: TaskSpec, robot: RobotSpec, policy: PolicyBackend, views: Sequence[View], seed: int
) -> Measured:
    def clock() -> float:
        return time.perf_counter() + (policy.waited_s if isinstance(policy, Altered) else 0.0)

    return examine(task, robot, policy, views, seed, clock=clock)


def truth(
    task: TaskSpec, catalog: Catalog, policy: PolicyBackend, seed: int, resets: int
) -> tuple[int, int]:
    """Successes of the best choice and of the policy's own noise, at equal resets."""
    oracle = DecodedAnew(OracleDecider(task, policy, seed), policy, policy.spec)
    deciders: list[tuple[Decider, PolicySpec]] = [
        (oracle, with_truth(policy.spec)),
        (DecisionLoop(task, policy, seed), policy.spec),
    ]
    counts = []
    for decider, seen in deciders:
        rollout = make_rollout(task, catalog, seen, decider)
        # From 100 on: resets that the preflight's trials did not see.
        seeds = [reset_seed(seed, Mode.EVAL, 100 + index) for index in range(resets)]
        counts.append(sum(rollout.run(i, Mode.BASE, s)[1] for i, s in enumerate(seeds)))
    return counts[0], counts[1]


COLUMNS = (
    "policy",
    "truth: own noise, best of 64",
    "verdict",
    "right",
    "reasons (seeds)",
    "recommended",
    "predicted reach, median",
    "covers the truth",
)


def report(results: list[Result], path: Path) -> None:
    """One row per policy over its seeds, on the screen and as markdown."""
    rows = [row_of(name, mine) for name in CASES if (mine := _of(results, name))]
    table = Table(title="verdict against the truth", show_lines=True)
    for column in COLUMNS:
        table.add_column(column)
    for row in rows:
        table.add_row(*row)
    Console(width=170).print(table)
    lines = ["| " + " | ".join(cells) + " |" for cells in (COLUMNS, ["---"] * len(COLUMNS), *rows)]
    path.with_suffix(".md").write_text("\n".join(lines) + "\n")


def _of(results: list[Result], name: str) -> list[Result]:
    return [result for result in results if result.policy == name]


def row_of(name: str, mine: list[Result]) -> list[str]:
    case = CASES[name]
    trials = sum(result.truth_resets for result in mine)
    base = sum(result.true_base for result in mine) / trials
    best = sum(result.true_best for result in mine) / trials
    told = [result for result in mine if result.reach_low is not None]
    reaches = [(r.reach_low or 0.0, r.reach_median or 0.0, r.reach_high or 0.0) for r in told]
    # The truth is known to within chance itself: an interval that meets its own is not refuted.
    covered = sum(low <= best <= high for low, _, high in reaches)
    truth_low, truth_high = wilson_interval(round(best * trials), trials)
    met = sum(low <= truth_high and truth_low <= high for low, _, high in reaches)
    spans = " ".join(f"{low:.2f}-{high:.2f} ({mid:.2f})" for low, mid, high in reaches)
    names = sorted({reason for result in mine for reason in result.reasons})
    counted = [f"{one} ({sum(one in r.reasons for r in mine)})" for one in names]
    verdicts = [result.verdict for result in mine]
    return [
        f"{name}: {case.about}",
        f"{base:.2f}, {best:.2f}",
        ", ".join(f"{level} {verdicts.count(level)}" for level in Level if level in verdicts),
        f"{sum(is_right(case, v, best - base) for v in verdicts)} of {len(mine)}",
        ", ".join(counted) or "none",
        ", ".join(sorted({result.recommended for result in mine})),
        spans or "-",
        f"{covered} of {len(told)} (within its own interval {met})" if told else "-",
    ]


def is_right(case: Case, verdict: str, gain: float) -> bool:
    """Unusable: stop. Another defect: warn or stop. Else by the gain that the truth gives: go or
    warn where it is large, no go where it is small; between both anything but a stop."""
    if case.is_unusable:
        return verdict == Level.STOP
    if case.defect:
        return verdict != Level.GO
    if gain >= WORTH_STEERING:
        return verdict != Level.STOP
    return verdict != Level.GO if gain <= NOT_WORTH else verdict != Level.STOP


if __name__ == "__main__":
    main()
