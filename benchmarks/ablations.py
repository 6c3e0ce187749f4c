"""The paper's ablations: does steering still work with another frozen policy?

    ./dsrl bench ablations                  # about ten minutes on two cores
    ./dsrl bench ablations --only width

For every width of the frozen policy, quality of its demonstrations and length of its training: the
policy is made anew in a temporary folder, its base rate is measured, and DSRL-NA and DSRL-SAC steer
it. Seeds 0-2; results, run by run, in results/ablations.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from seed_runs import measure
from variants import VARIANTS

from dsrl_core.catalog import POLICIES_VARIABLE, Catalog
from dsrl_core.policies import load_policy
from dsrl_core.specs import PolicySpec
from dsrl_core.steering.decision_loop import DecisionLoop
from dsrl_core.types import Float32Array, Mode
from dsrl_sim.assembly import make_rollout
from dsrl_sim.imperfect_picker import imperfect_picker, is_pick_over
from dsrl_sim.online_run import count
from dsrl_sim.policy_making import Recipe, make

TASK, POLICY = "franka_pick", "franka_pick_flow"
RESULTS = Path(__file__).parent / "results" / "ablations.json"
ONLINE = 20
SHIPPED_POLICIES = Catalog.default().policies
"""As they were when this process began: a job looks policies up in a folder of its own."""
SHIPPED = Recipe(TASK, 4, 30, imperfect_picker, is_pick_over)


def _erring(
    mean_m: tuple[float, float], sigma_m: float
) -> Callable[[np.random.Generator], Callable[[Float32Array], Float32Array]]:
    return lambda generator: imperfect_picker(generator, mean_m, sigma_m)


@dataclass(frozen=True)
class Ablation:
    """One frozen policy that differs from the shipped one in one thing."""

    recipe: Recipe = SHIPPED
    width: int = 128


ABLATIONS = {
    "shipped": {"width 128, bias 28 mm, sigma 28 mm, 30 demonstrations, 6000 steps": Ablation()},
    "width": {
        "32": Ablation(width=32),
        "512": Ablation(width=512),
    },
    "data": {
        "no bias, sigma 10 mm": Ablation(replace(SHIPPED, demonstrator=_erring((0, 0), 0.010))),
        "bias 36 mm, sigma 28 mm": Ablation(
            replace(SHIPPED, demonstrator=_erring((0.028, -0.023), 0.028))
        ),
        "10 demonstrations": Ablation(replace(SHIPPED, demonstrations=10)),
    },
    "training": {
        "1000 steps": Ablation(replace(SHIPPED, training_steps=1000)),
        "20000 steps": Ablation(replace(SHIPPED, training_steps=20000)),
    },
}


@dataclass
class Result:
    """Greedy successes by seed, and the base policy's."""

    kind: str
    name: str
    resets: int
    base: int
    greedy: dict[str, list[int]]
    """By variant."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=ABLATIONS, default=list(ABLATIONS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--resets", type=int, default=50, help="fresh starts per figure")
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=["na", "sac"])
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    jobs = [
        (kind, name, asked.variants, asked.seeds, asked.resets)
        for kind in asked.only
        for name in ABLATIONS[kind]
    ]
    with ProcessPoolExecutor(asked.workers) as pool:
        results = list(pool.map(ablate, *zip(*jobs, strict=True)))
    RESULTS.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
    table = Table(title=f"success [%] after {ONLINE} online episodes: median (worst) | each seed")
    for column in ("frozen policy", "base", *asked.variants):
        table.add_column(column)
    for result in results:
        cells = [told(result.greedy[name], result.resets) for name in asked.variants]
        base = f"{100 * result.base / result.resets:.0f}"
        table.add_row(f"{result.kind}: {result.name}", base, *cells)
    Console(width=120).print(table)


def ablate(kind: str, name: str, variants: list[str], seeds: list[int], resets: int) -> Result:
    """Make the policy, measure it, steer it."""
    torch.set_num_threads(1)
    ablation = ABLATIONS[kind][name]
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / POLICY
        shutil.copytree(SHIPPED_POLICIES / POLICY, made)
        text = (made / "policy.yaml").read_text()
        (made / "policy.yaml").write_text(text.replace("width: 128", f"width: {ablation.width}"))
        make(ablation.recipe, made)
        # This process looks policies up there from now on.
        os.environ[POLICIES_VARIABLE] = folder
        catalog = Catalog.default()
        base = base_rate(catalog, catalog.policy(POLICY), resets)
        steered = {
            variant: [
                measure(TASK, variant, seed, resets, (ONLINE,)).greedy[str(ONLINE)]
                for seed in seeds
            ]
            for variant in variants
        }
    return Result(kind, name, resets, base, steered)


def base_rate(catalog: Catalog, spec: PolicySpec, resets: int) -> int:
    """Successes of the frozen policy over the fresh resets of seed 0."""
    task = catalog.task(TASK)
    loop = DecisionLoop(task, load_policy(spec), 0)
    return count(make_rollout(task, catalog, spec, loop), Mode.BASE, 0, resets)


def told(successes: list[int], resets: int) -> str:
    rates = [100 * value / resets for value in successes]
    each = " ".join(f"{rate:.0f}" for rate in rates)
    return f"{np.median(rates):.0f} ({min(rates):.0f}) | {each}"


if __name__ == "__main__":
    main()
