"""Begins a run once every node of the graph answers, says so, and ends: for launch files.

ros2 run dsrl_ros start_run --mode train --out runs/launch --nodes chunk_player learner
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from rclpy.utilities import remove_ros_args

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.errors import DsrlError
from dsrl_core.status import RUN_AB, RUN_MODES
from dsrl_ros.client import GraphClient

ARMS: Final = ("base", "eval")
"""What a comparison is of, unless somebody says otherwise."""
WAIT_S: Final = 120.0
"""A graph that is not complete after this is given up; torch takes its time on a cold disk."""


def start_run(
    mode: str,
    count: int,
    seed: int,
    out: Path,
    nodes: Sequence[str],
    arms: Sequence[str] = (),
    rule: tuple[float, float] = (0.0, 0.0),
    tell: Callable[[str], object] = lambda _: None,
) -> int:
    """Begin a run on the graph of these nodes; the number of its first episode.

    `mode`, `count`, `arms`: as srv/RunEpisodes has them; `rule`: alpha and margin of a comparison,
    of which `tell` hears before it begins how long it will take.
    The reset of its first episode is the one after the last that the folder holds, so that a run
    goes on where one stopped.

    Raises:
        DsrlError: the graph is not complete in time, or the episode manager refuses.
    """
    with closing(GraphClient("start_run")) as client:

        def missing() -> list[str]:
            return sorted(set(nodes) - client.node_names())

        try:
            client.wait_for("graph", lambda: client.is_complete and not missing(), WAIT_S)
        except DsrlError as error:
            names = ", ".join(missing()) or "none: somebody has not said yet how it is"
            raise DsrlError(f"{error}; nodes that are missing: {names}") from error
        first = EpisodeStore(out / EPISODES).next_number()
        if planned := client.plan(mode, count, arms, rule):
            tell(planned)
        return client.begin(mode, count, seed, first, arms, rule)


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable."""
    parser = argparse.ArgumentParser(prog="start_run", description=__doc__)
    parser.add_argument("--mode", choices=list(map(str, RUN_MODES)), required=True)
    parser.add_argument(
        "--episodes", type=int, default=0, help="0: until stopped; of ab the most pairs"
    )
    parser.add_argument("--arms", nargs=2, default=ARMS, help="that ab compares")
    parser.add_argument("--alpha", type=float, default=0.05, help="share of ab that may err")
    parser.add_argument("--margin", type=float, default=0.0, help="of ab, that does not matter")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="the run's output folder")
    parser.add_argument("--nodes", nargs="*", default=[], help="that must be there first")
    given = parser.parse_args(remove_ros_args(args if args is not None else sys.argv)[1:])
    try:
        arms = given.arms if given.mode == RUN_AB else ()
        first = start_run(
            given.mode,
            given.episodes,
            given.seed,
            given.out,
            given.nodes,
            arms,
            (given.alpha, given.margin),
            lambda planned: sys.stdout.write(f"comparison: {planned}\n"),
        )
    except DsrlError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.stdout.write(f"run begun: {given.mode}, from episode {first}\n")


if __name__ == "__main__":
    main()
