"""Does steering work on the paper's benchmarks? Frozen policies made here, rows of its table.

    ./dsrl bench environments policy hopper                # make a mediocre policy, some minutes
    ./dsrl bench environments steer hopper --seeds 0 1 2   # base return, then DSRL by the row
    ./dsrl bench environments show                         # tables and curves of all results so far

The authors' checkpoints cannot be shipped, so figures do not compare with the paper's: the policy
is another one. It lies in `--policies` (by default runs/policies) and is made anew with the same
seed. `configs/` holds the rows; `--width` replaces widths that no CPU can train.

Not called gym: a script's folder comes first on Python's path, and robosuite and LIBERO import a
package of that name.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from dataclasses import asdict
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from environment_policies import Making, make_policy
from environment_rows import row_of, rows
from environment_runs import Length, Run, measure_run
from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table

from dsrl_core.catalog import Catalog
from dsrl_core.environments import make_environment
from dsrl_core.errors import DsrlError
from dsrl_core.learning import ALGORITHMS
from dsrl_core.policies import load_policy

RESULTS = Path(__file__).parent / "results"
POLICIES = Path(__file__).parents[1] / "runs" / "policies"
SELECTIONS = ("actor", "best_of_n", "cem")


def main() -> None:
    asked = arguments()
    try:
        if asked.command == "policy":
            make(asked)
        elif asked.command == "steer":
            steer(asked)
        else:
            show(asked.results)
    except DsrlError as error:
        raise SystemExit(f"dsrl: {error}") from error


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("policy", help="make a frozen policy")
    making.add_argument("environment", choices=rows())
    for part in dataclasses.fields(Making):
        if part.name != "kept":
            kind = float if part.name == "action_noise" else int
            making.add_argument(f"--{part.name.replace('_', '-')}", type=kind, default=part.default)
    making.add_argument("--out", type=Path, default=POLICIES, help="folder of policies")
    steering = commands.add_parser("steer", help="measure the frozen policy, then steer it")
    steering.add_argument("environment", choices=rows())
    steering.add_argument("--policies", type=Path, default=POLICIES)
    steering.add_argument("--algorithm", choices=list(ALGORITHMS), help="default: the row's")
    steering.add_argument("--preset", default="paper")
    steering.add_argument("--selection", choices=SELECTIONS, default="actor")
    steering.add_argument("--width", type=int, help="of all networks; default: the row's")
    steering.add_argument("--warm-up", type=int, help="decisions; default: the row's")
    steering.add_argument("--seeds", type=int, nargs="+", default=[0])
    steering.add_argument("--decisions", type=int, default=60_000, help="with the warm-up's")
    steering.add_argument("--every", type=int, default=5_000, help="decisions per measurement")
    steering.add_argument("--resets", type=int, default=10, help="episodes per measurement")
    steering.add_argument("--final-resets", type=int, default=50)
    showing = commands.add_parser("show", help="tables and curves of what is there")
    for command in (steering, showing):
        command.add_argument("--results", type=Path, default=RESULTS, help="folder of results")
    return parser.parse_args()


def make(asked: argparse.Namespace) -> None:
    values = {
        part.name: getattr(asked, part.name, part.default) for part in dataclasses.fields(Making)
    }
    environment = make_environment(asked.environment)
    policy = make_policy(environment, row_of(asked.environment), Making(**values), asked.out)
    print(f"made {policy.folder}")


def steer(asked: argparse.Namespace) -> None:
    row = row_of(asked.environment)
    changes = {"width": asked.width, "warm_up": asked.warm_up}
    row = dataclasses.replace(row, **{k: v for k, v in changes.items() if v is not None})
    environment = make_environment(asked.environment)
    catalog = Catalog(policies=asked.policies)
    policy = load_policy(catalog.policy(f"{asked.environment}_flow"))
    steering = row.steering(asked.algorithm or row.algorithm, asked.preset, asked.selection)
    length = Length(asked.decisions, asked.every, asked.resets, asked.final_resets)
    for seed in asked.seeds:
        for run in measure_run(environment, policy, row, steering, seed, length):
            keep(run, asked.results)
    environment.close()
    show(asked.results)


def stored(path: Path) -> list[Run]:
    return TypeAdapter(list[Run]).validate_json(path.read_text()) if path.is_file() else []


def keep(run: Run, folder: Path) -> None:
    """Write a run beside those of its environment; the same one again replaces it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"gym_{run.environment}.json"
    others = [other for other in stored(path) if key(other) != key(run)]
    lines = [json.dumps(asdict(one)) for one in sorted([*others, run], key=key)]
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n")


def key(run: Run) -> tuple[str, str, str, int]:
    settings = json.dumps([run.settings, run.row], sort_keys=True)
    return (run.algorithm, run.preset, settings, run.seed)


def show(folder: Path) -> None:
    """A table of all runs, and a curve per environment."""
    table = Table(
        title="Return: mean and its standard error over resets; steered is the last point"
    )
    for column in (
        "environment",
        "algorithm",
        "seed",
        "base",
        "zero noise",
        "steered",
        "env steps",
        "updates",
        "minutes",
    ):
        table.add_column(column)
    for path in sorted(folder.glob("gym_*.json")):
        runs = stored(path)
        for run in runs:
            last = run.curve[-1]
            table.add_row(
                run.environment,
                f"{run.algorithm}, {run.preset}",
                str(run.seed),
                spread(run.base.returns),
                spread(run.zero.returns),
                spread(last.returns),
                str(last.steps),
                str(last.updates),
                f"{run.wall_s / 60:.1f}",
            )
        draw(runs, path.with_suffix(".png"))
    Console(width=140).print(table)


def spread(returns: list[float]) -> str:
    """Mean and its standard error."""
    error = np.std(returns) / np.sqrt(max(1, len(returns) - 1))
    return f"{np.mean(returns):.0f} +- {error:.0f} (n={len(returns)})"


def draw(runs: list[Run], path: Path) -> None:
    """Greedy return over environment steps, one line per seed."""
    figure, axes = plt.subplots(figsize=(7.2, 4.2), layout="constrained")
    for run in runs:
        xs = [0, *(point.steps for point in run.curve)]
        ys = [np.mean(run.base.returns), *(np.mean(point.returns) for point in run.curve)]
        axes.plot(
            xs,
            ys,
            marker="o",
            markersize=3,
            label=f"{run.algorithm}, {run.preset}, seed {run.seed}",
        )
    for name, style, points in (
        ("frozen policy", "--", [run.base for run in runs]),
        ("frozen policy, zero noise", ":", [run.zero for run in runs]),
    ):
        level = float(np.mean([np.mean(point.returns) for point in points]))
        axes.axhline(level, color="0.6", linewidth=0.8, linestyle=style, label=name)
    axes.set(xlabel="environment steps", ylabel="return", title=runs[0].environment)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=130)
    plt.close(figure)


if __name__ == "__main__":
    main()
