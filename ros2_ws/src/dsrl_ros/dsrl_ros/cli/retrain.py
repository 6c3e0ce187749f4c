"""`./dsrl retrain`: learn anew from what was recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_DIFFERS = 1


def retrain(
    episodes: Annotated[
        Path, typer.Argument(help="Folder of a run or import: ledger.jsonl and episodes/.")
    ],
    config: Annotated[
        Path | None,
        typer.Option(
            help="YAML map of steering settings (algorithm, preset, settings, selection, "
            "noise_bound, reward, ...) that differ from the task file's. [default: as in the run]"
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**31 - 1, help="[default: the run's, or 0]")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Output folder. [default: retrain/ in that folder]")
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="Task file. [default: the run's, or franka_pick]")
    ] = None,
    policy: Annotated[
        str | None, typer.Option(help="Frozen policy. [default: the run's, or the task's]")
    ] = None,
    updates: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Learn offline: take all labelled episodes at once, then do so many updates. "
            "[default: those that each episode is worth, in the ledger's order]",
        ),
    ] = None,
) -> None:
    """Learn anew from recorded episodes and labels; with a run's own settings, the same to the bit.

    The recordings stay as they are.
    """
    # Here, because they take a second to load, which nobody waits for who asks for help only.
    import torch

    from dsrl_core.learning import retrain as learning
    from dsrl_core.learning.learner import LearnedTask
    from dsrl_core.learning.run_record import read_about
    from dsrl_core.policies import load_policy
    from dsrl_ros.paths import catalog

    # As in the learner's node: the number of threads decides the last bit.
    torch.set_num_threads(1)
    about, known = read_about(episodes) or {}, catalog()
    spec = known.task(task or about.get("task", "franka_pick"))
    if about and config is None and about["task"] == spec.name:
        spec = learning.changed(spec, about["steering"] | {"reward": about["reward"]})
    elif config is not None:
        spec = learning.changed(spec, learning.read_config(config))
    served = load_policy(known.policy_of(spec, policy or about.get("policy", "")))
    folder = out or episodes / "retrain"
    used = about.get("seed", 0) if seed is None else seed
    found = learning.retrain(episodes, LearnedTask(spec, served), used, folder, updates)
    for reason in found.refused:
        typer.echo(f"refused: {reason}", err=True)
    typer.echo(
        f"{folder / learning.WEIGHTS}: sha256 {found.sha256}\n"
        f"{found.updates} updates on {found.episodes} episodes, {spec.steering.algorithm} "
        f"({spec.steering.preset}), seed {used}"
    )
    for name, value in sorted(found.metrics.items()):
        typer.echo(f"  {name} {value:.4g}")
    if found.equals_live is not None:
        same = "equal, to the bit," if found.equals_live else "NOT equal"
        typer.echo(f"The weights are {same} to the last ones of the run's learner.")
        if not found.equals_live:
            raise typer.Exit(_DIFFERS)
