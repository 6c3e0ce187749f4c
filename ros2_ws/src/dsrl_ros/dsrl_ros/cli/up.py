"""`./dsrl up`: a graph for a person, who labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.errors import InvalidValue
from dsrl_core.evaluation.ab_rule import asked_rule
from dsrl_core.evaluation.ab_run import ComparisonRun, requested_run, told_in_advance
from dsrl_core.learning.prior import Prior
from dsrl_core.status import RUN_AB, RUN_MODES
from dsrl_core.steering.kept_weights import KeptWeights
from dsrl_core.types import Mode
from dsrl_ros.cells import robots_asked_for
from dsrl_ros.cli.keys import Keys
from dsrl_ros.cli.options import Alpha, Margin, Namespace
from dsrl_ros.cli.run_in_words import BUTTONS, is_over, sentence
from dsrl_ros.cli.up_beside_robot import run_beside_robot
from dsrl_ros.cli.up_several import RunAsked, up_several
from dsrl_ros.client import GraphClient
from dsrl_ros.graph import GPU, ONE, ROBOT, GraphOptions, describe, part_of
from dsrl_ros.namespaces import where
from dsrl_ros.paths import domain
from dsrl_ros.session import GraphSession, SessionOptions
from dsrl_ros.start_run import ARMS

_LISTEN_S = 0.05


def up(
    task: Annotated[str, typer.Option(help="Task file to run.")] = "franka_pick",
    sim: Annotated[bool, typer.Option("--sim", help="Simulate the robot.")] = False,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Simulate at the clock on the wall.")
    ] = False,
    viewer: Annotated[bool, typer.Option("--viewer", help="Watch it in a window.")] = False,
    policy: Annotated[
        str, typer.Option(help="Frozen policy. [default: the one that the task names]")
    ] = "",
    out: Annotated[Path, typer.Option(help="Output folder; an old one is gone on with.")] = Path(
        "runs/up"
    ),
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of the run.")] = 0,
    mode: Annotated[
        str,
        typer.Option(help=f"Run: {', '.join(RUN_MODES)}. {RUN_AB} compares two, blinded."),
    ] = str(Mode.TRAIN),
    episodes: Annotated[
        int, typer.Option(min=0, help=f"0: until stopped. With {RUN_AB} the most pairs.")
    ] = 0,
    arms: Annotated[
        tuple[str, str], typer.Option(help=f"What {RUN_AB} compares: base, zero, eval or actor.")
    ] = ARMS,
    alpha: Alpha = 0.05,
    margin: Margin = 0.0,
    prior: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of a run or import whose episodes are learned from first; may be given "
            "several times."
        ),
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option(help="node.parameter=value; may be given several times.")
    ] = None,
    joy: Annotated[
        bool, typer.Option("--joy", help="Take a joystick's buttons (docs/operator.md).")
    ] = False,
    namespace: Namespace = "",
    robots: Annotated[
        str, typer.Option(help="So many robots with one learner, or their names: left,right.")
    ] = "",
    auto: Annotated[
        bool, typer.Option("--auto", help="The automatic operator labels; in simulation only.")
    ] = False,
    machine: Annotated[
        str,
        typer.Option(
            help=f"Of two machines, {ROBOT} (what must be beside the arm) or {GPU} (all else; it "
            "begins the run); docs/cells.md."
        ),
    ] = ONE,
) -> None:
    """Start the graph and run episodes; label each from another terminal."""
    compared = arms if mode == RUN_AB else ()
    # Refused before anything starts.
    kept = KeptWeights(out).versions()
    asked = requested_run(mode, episodes, seed, 0, compared, kept, asked_rule(alpha, margin))
    plan = f"Comparison: {told_in_advance(asked)}\n" if isinstance(asked, ComparisonRun) else ""
    overrides = [*(param or ()), *_prior(prior or [])]
    options = SessionOptions(policy, sim, realtime, viewer, auto, tuple(overrides), namespace, joy)
    if machine not in (ONE, ROBOT, GPU) or (robots and machine != ONE):
        raise InvalidValue(
            f"--machine is '{machine}', expected {ONE}, {ROBOT} or {GPU}, of one robot"
        )
    if robots:
        several = GraphOptions(
            task, out.absolute(), seed=seed, robots=robots_asked_for(robots), **vars(options)
        )
        up_several(several, RunAsked(mode, episodes, compared, (alpha, margin)), plan)
        return
    console = Console()
    graph = describe(GraphOptions(task, out.absolute(), seed=seed, **vars(options)))
    if machine == ROBOT:
        run_beside_robot(part_of(graph, machine), console)
        return
    with GraphSession.of(part_of(graph, machine)) as session:
        first = EpisodeStore(out / EPISODES).next_number()
        console.print(
            f"The graph is up on {where(domain(), namespace)}; everything goes to {out}.\n{plan}"
            f"Label every episode from another terminal: {BUTTONS}\n"
            "The next episode begins after the label. Ctrl+C ends it all.\n"
            "Space stops the arm, r lets it go on (elsewhere: ./dsrl stop, ./dsrl resume).",
            highlight=False,
            soft_wrap=True,
        )
        begun = session.client.begin(mode, episodes, seed, first, compared, (alpha, margin))
        _narrate(session, console, begun)


def _prior(folders: list[Path]) -> list[str]:
    """The learner's parameter for these folders, which are checked now."""
    if not folders:
        return []
    absolute = [str(folder.absolute()) for folder in folders]
    for folder in absolute:
        if ":" in folder:
            raise InvalidValue(f"--prior is '{folder}', expected a path without ':'")
        Prior.of(Path(folder))
    return [f"learner.prior={json.dumps(':'.join(absolute))}"]


def _narrate(session: GraphSession, console: Console, begun: int) -> None:
    """Say what happens and heed the keys until somebody presses Ctrl+C or the run ends.

    `begun`: number of its first episode.
    """
    client = session.client
    last = None
    with Keys() as keys:
        while True:
            session.check()
            client.serve(_LISTEN_S)
            heed(keys, client, console)
            status = client.status
            if status is None:
                continue
            text = sentence(status, client.sees_success)
            if text and text != last:
                last = text
                console.print(text, highlight=False, soft_wrap=True)
            if is_over(status, begun):
                return


def heed(keys: Keys, client: GraphClient, console: Console) -> None:
    """What a key asks for: the stop at once, going on only after a question."""
    key = keys.pressed()
    if key == " ":
        _, message = client.hold()
    elif key == "r":
        console.print("May the arm move again, is everybody clear of it? y: yes")
        while not (answer := keys.pressed()):
            client.serve(_LISTEN_S)
        if answer != "y":
            message = client.hold()[1] if answer == " " else "The arm stays as it is."
        else:
            message = client.resume()[1]
    else:
        return
    console.print(message or "done", highlight=False, soft_wrap=True)
