"""How many robot episodes does steering need? On simulated tasks, beside RL on actions.

    ./dsrl bench learning              # DSRL-NA on franka_pick, seeds 0-4
    ./dsrl bench learning --variants na sac rlpd --tasks franka_pick franka_place
    ./dsrl bench learning --show       # tables and curves of all results so far

For every seed: base rollouts, then online episodes with the updates that they are worth; at every
point of `--points` the greedy policy faces `--resets` fresh starts. Nothing was tuned on seeds 0-4
or their starts (tuning used seeds 100 and above). Results are kept run by run in
results/learning.json; a run that is there with these resets and points is not repeated unless
--again.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from rich.console import Console
from rich.table import Table
from seed_runs import Run, measure
from variants import TASKS, VARIANTS

FOLDER = Path(__file__).parent / "results"
RESULTS = FOLDER / "learning.json"
REACHED = 0.9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=["franka_pick"])
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=["na"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--resets", type=int, default=100, help="fresh starts per figure")
    parser.add_argument("--points", type=int, nargs="+", default=[0, 5, 10, 20, 40])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--again", action="store_true", help="repeat runs that are there")
    parser.add_argument("--show", action="store_true", help="only show what is there")
    asked = parser.parse_args()
    runs = {} if not RESULTS.exists() else {key(r): r for r in stored()}
    jobs = [(t, v, s) for t in asked.tasks for v in asked.variants for s in asked.seeds]
    due = []
    if not asked.show:
        due = [job for job in jobs if asked.again or not answers(runs.get(job), asked)]
    with ProcessPoolExecutor(asked.workers) as pool:
        futures = [pool.submit(measure, *job, asked.resets, asked.points) for job in due]
        for future in as_completed(futures):
            run = future.result()
            runs[key(run)] = run
            keep(list(runs.values()))
            print(run.task, run.variant, run.seed, run.greedy, f"{run.wall_s:.0f} s", flush=True)
    report(list(runs.values()))


def key(run: Run) -> tuple[str, str, int]:
    return (run.task, run.variant, run.seed)


def answers(run: Run | None, asked: argparse.Namespace) -> bool:
    """Whether a run that is there tells what is asked for."""
    if run is None or run.resets != asked.resets:
        return False
    return not VARIANTS[run.variant].online or {str(n) for n in asked.points} <= set(run.greedy)


def stored() -> list[Run]:
    """The runs so far."""
    return [Run(**run) for run in json.loads(RESULTS.read_text())]


def keep(runs: list[Run]) -> None:
    """Write all runs, one per line, in a fixed order."""
    FOLDER.mkdir(exist_ok=True)
    lines = [json.dumps(asdict(run)) for run in sorted(runs, key=key)]
    RESULTS.write_text("[\n" + ",\n".join(lines) + "\n]\n")


def report(runs: list[Run]) -> None:
    """Tables and curves of all runs, by task."""
    console = Console(width=150)
    text = []
    for task in TASKS:
        chosen = [run for run in runs if run.task == task]
        if chosen:
            console.print(table_of(task, chosen))
            text += [f"### {task}", "", *markdown(chosen), ""]
            draw(task, chosen)
    if text:
        (FOLDER / "learning.md").write_text("\n".join(text))


def episodes_needed(run: Run) -> float:
    """Online episodes at the first point with 90 % greedy success; infinite if none."""
    reached = [int(n) for n, s in run.greedy.items() if s >= REACHED * run.resets]
    return min(reached, default=np.inf)


COLUMNS = (
    "variant",
    "episodes to 90 %",
    "greedy success [%] at online episodes",
    "first 10",
    "actor",
)


def rows_of(runs: list[Run]) -> list[list[str]]:
    """One row per variant: median (worst) and every seed."""
    rows = []
    for name, variant in VARIANTS.items():
        mine = [run for run in runs if run.variant == name]
        if not mine:
            continue
        needed = [episodes_needed(run) for run in mine]
        points = sorted({int(n) for run in mine for n in run.greedy})
        cells = []
        for point in points:
            rates = [
                100 * run.greedy[str(point)] / run.resets
                for run in mine
                if str(point) in run.greedy
            ]
            cells.append(f"{point}: {summarise(rates)}")
        first = [np.mean(r.training[r.warm_up : r.warm_up + 10]) for r in mine if r.training]
        actor = [100 * max(run.actor.values()) / run.resets for run in mine if run.actor]
        rows.append(
            [
                f"{variant.description} (n={len(mine)})",
                f"{told(float(np.median(needed)))} ({told(max(needed))})",
                "; ".join(cells),
                f"{100 * np.mean(first):.0f} %" if first else "-",
                summarise(actor) if actor else "-",
            ]
        )
    return rows


def table_of(task: str, runs: list[Run]) -> Table:
    table = Table(title=f"{task}: median (worst) over seeds | each seed", show_lines=True)
    for column in COLUMNS:
        table.add_column(column)
    for row in rows_of(runs):
        table.add_row(*row)
    return table


def markdown(runs: list[Run]) -> list[str]:
    head = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    return head + [
        "| " + " | ".join(c.replace("|", "/") for c in row) + " |" for row in rows_of(runs)
    ]


def draw(task: str, runs: list[Run]) -> None:
    """Greedy success over online episodes: median over seeds, and from worst to best."""
    figure, axes = plt.subplots(figsize=(7.2, 5.4), layout="constrained")
    for name, variant in VARIANTS.items():
        mine = [run for run in runs if run.variant == name and len(run.greedy) > 1]
        if not mine:
            continue
        points = sorted(int(n) for n in mine[0].greedy)
        rates = np.array([[100 * r.greedy[str(p)] / r.resets for p in points] for r in mine])
        (line,) = axes.plot(points, np.median(rates, axis=0), marker="o", label=variant.description)
        axes.fill_between(points, rates.min(0), rates.max(0), alpha=0.12, color=line.get_color())
    axes.axhline(100 * REACHED, color="0.6", linewidth=0.8, linestyle="--")
    axes.set(xlabel="online episodes", ylabel="greedy success [%]", ylim=(0, 101), title=task)
    figure.legend(fontsize="small", loc="outside lower center")
    figure.savefig(FOLDER / f"learning_{task}.png", dpi=130)
    plt.close(figure)


def summarise(rates: list[float]) -> str:
    each = " ".join(f"{rate:.0f}" for rate in rates)
    return f"{np.median(rates):.0f} ({min(rates):.0f}) | {each}"


def told(count: float) -> str:
    return "not" if np.isinf(count) else f"{count:.0f}"


if __name__ == "__main__":
    main()
