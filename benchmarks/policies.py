"""How much does a decision take beyond the policy's own forward pass? Beside the peers.

    ./dsrl bench policies                                   # ours alone: three minutes
    ./dsrl bench policies --openpi OPENPI --lerobot PYTHON  # beside the peers: five
    ./dsrl bench policies --only process wire               # the others: robots graph lerobot

OPENPI is a checkout of github.com/Physical-Intelligence/openpi, whose stock server and client need
nothing that is not here; PYTHON is the interpreter of an environment with `lerobot[async]`. A peer
that cannot be had is left out with a word.

Two cameras of 224x224, and two policies that are the same ONNX file for everybody: one that does
nothing, and one of 16 M parameters. Every process has one thread for its policy. Subjects take
turns, round by round. All times are those of the clock on the wall: run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

import torch
from policies_graph import chunk_times
from policies_lerobot import NotHere, grpc_times
from policies_models import LARGE, NO_OP, Bare, Large, make, observed, parameters_of, task_of
from policies_timing import Row, Verdict, in_turn, table, verdict_table
from policies_wire import IPC, OURS, STOCK, asker, robots, run_child, server
from rich.console import Console
from rich.markdown import Markdown

from dsrl_core.catalog import Catalog
from dsrl_core.learning.learner import LearnedTask, Learner
from dsrl_core.steering.decision_loop import DecisionLoop
from dsrl_core.types import Mode

RESULTS: Final = Path(__file__).parent / "results"
ROUNDS: Final = 12
COUNTS: Final = {NO_OP: 150, LARGE: 15}
"""Decisions in a round; of those in process as many in all as of the wire."""
ROBOTS: Final = 4
ROBOT_ROUNDS: Final = 2
ROBOTS_S: Final = 8.0
GRAPH_COUNT: Final = 300
BARE: Final = "bare forward pass"
LEROBOT: Final = {"gRPC, as it comes": -1.0, "gRPC, without its waiting": 0.0}
"""What its server waits for until an answer is so old [s]; -1: what it says itself."""
PER_SECOND: Final = "decisions/s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--openpi", type=Path, help="checkout of openpi")
    parser.add_argument("--lerobot", type=Path, help="Python with lerobot[async]")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--child", type=json.loads, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.child:
        run_child(asked.child)
        return
    rows: list[Row] = []
    loads = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory() as folder:
        known = make(Path(folder) / "policies")
        for part in asked.only:
            rows += PARTS[part](known, Path(folder), asked)
            loads.append(os.getloadavg()[0])
    write(rows, loads, is_whole=len(asked.only) == len(PARTS))


def in_process(known: Catalog, folder: Path, asked: argparse.Namespace) -> list[Row]:
    """`DecisionLoop.decide` beside the forward pass of the very same session."""
    rows = []
    for policy, count in COUNTS.items():
        spec = known.policy(policy)
        bare, task = Bare(spec), task_of(known, spec)
        loop = DecisionLoop(task, bare.backend, 0)
        steered = DecisionLoop(task, bare.backend, 0)
        steered.set_weights(1, Learner([LearnedTask(task, bare.backend)], 0).weights()[1])
        unsteered = partial(loop.decide, observed(), 0, 0, Mode.BASE, 0)
        by_actor = partial(steered.decide, observed(), 0, 0, Mode.ACTOR, 0)
        subjects: dict[str, Callable[[], object]] = {
            BARE: bare.run,
            "loop, unsteered": unsteered,
            "loop, steered by an actor": by_actor,
        }
        found = in_turn(subjects, ROUNDS * count, 1)
        rows += [Row("in process", name, policy, rounds) for name, rounds in found.items()]
    return rows


def wire(known: Catalog, folder: Path, asked: argparse.Namespace) -> list[Row]:
    """Every transport on loopback, and the forward pass in the client's process."""
    rows = []
    for policy, count in COUNTS.items():
        with ExitStack() as stack:
            subjects: dict[str, Callable[[], object]] = {BARE: Bare(known.policy(policy)).run}
            for subject in subjects_of(asked):
                at = stack.enter_context(server(subject, folder, policy, asked.openpi))
                spec = known.policy(policy)
                subjects[subject] = asker(subject, at, folder, spec, asked.openpi)
            found = in_turn(subjects, ROUNDS, count)
        rows += [Row("wire", name, policy, rounds) for name, rounds in found.items()]
    return rows


def several_robots(known: Catalog, folder: Path, asked: argparse.Namespace) -> list[Row]:
    """One server of the large policy: one robot and several, in turn."""
    rows = []
    for subject in (IPC, STOCK):
        if subject not in subjects_of(asked):
            continue
        at_openpi = str(asked.openpi) if asked.openpi else None
        found: dict[int, list[list[float]]] = {1: [], ROBOTS: []}
        with (
            server(subject, folder, LARGE, asked.openpi) as at,
            robots(ROBOTS, subject, at, str(folder), LARGE, at_openpi, ROBOTS_S) as asking,
        ):
            for _ in range(ROBOT_ROUNDS):
                for count, rounds in found.items():
                    rounds.append(asking.ask(count))
        for count, rounds in found.items():
            each_s = sum(map(len, rounds)) / (ROBOT_ROUNDS * ROBOTS_S)
            rows.append(Row("robots", f"{subject}, {count}", LARGE, rounds, {PER_SECOND: each_s}))
    return rows


def graph(known: Catalog, folder: Path, asked: argparse.Namespace) -> list[Row]:
    """From a request to its chunk on topics: noise actor and policy server as processes."""
    bare = Bare(known.policy(NO_OP))
    found = chunk_times(known, NO_OP, GRAPH_COUNT, bare.run)
    names = ("request to chunk", BARE)
    return [Row("graph", name, NO_OP, [ms]) for name, ms in zip(names, found, strict=True)]


def lerobot(known: Catalog, folder: Path, asked: argparse.Namespace) -> list[Row]:
    """LeRobot's asynchronous server with a policy that does nothing, beside our socket."""
    found: dict[str, list[float]] = {}
    try:
        for subject, latency_s in LEROBOT.items():
            found[subject] = grpc_times(asked.lerobot, latency_s, COUNTS[NO_OP])
    except NotHere as why:
        print(f"left out: LeRobot: {why}", flush=True)
        return []
    with server(IPC, folder, NO_OP) as at:
        ask = asker(IPC, at, folder, known.policy(NO_OP))
        ours = in_turn({IPC: ask}, ROUNDS, COUNTS[NO_OP])[IPC]
    peers = [Row("lerobot", subject, NO_OP, [ms]) for subject, ms in found.items()]
    return [Row("lerobot", IPC, NO_OP, ours), *peers]


PARTS: Final = {
    "process": in_process,
    "wire": wire,
    "robots": several_robots,
    "graph": graph,
    "lerobot": lerobot,
}


def subjects_of(asked: argparse.Namespace) -> tuple[str, ...]:
    if asked.openpi and (asked.openpi / "packages/openpi-client/src/openpi_client").is_dir():
        return (*OURS, STOCK)
    print(f"left out: {STOCK}: no openpi_client in --openpi {asked.openpi}", flush=True)
    return OURS


def verdicts_of(rows: list[Row]) -> list[Verdict]:
    """What was measured of what the project asks for."""
    found = {(row.part, row.subject, row.policy): row for row in rows}
    verdicts = []

    def compare(
        what: str, mine: tuple[str, str, str], peer: tuple[str, str, str], make: Judge
    ) -> None:
        if mine in found and peer in found:
            verdicts.append(make(what, found[mine], found[peer]))

    for policy in COUNTS:
        for loop in ("loop, unsteered", "loop, steered by an actor"):
            mine, bare = ("in process", loop, policy), ("in process", BARE, policy)
            compare(f"in process, {loop}, {policy}, over bare", mine, bare, _over(0.2))
    mine, bare = ("graph", "request to chunk", NO_OP), ("graph", BARE, NO_OP)
    compare("request to chunk on topics, over bare", mine, bare, _over(2.0))
    for ours in OURS:
        mine, peer = ("wire", ours, NO_OP), ("wire", STOCK, NO_OP)
        compare(f"{ours}: p50 over {STOCK}'s", mine, peer, _times_p50)
        compare(f"{ours}: p99 over {STOCK}'s", mine, peer, _times_p99)
    for subject in (IPC, STOCK):
        one, many = (("robots", f"{subject}, {count}", LARGE) for count in (1, ROBOTS))
        compare(f"{subject}: {ROBOTS} robots' throughput over one's", many, one, _throughput)
        compare(f"{subject}: {ROBOTS} robots' p99 over one's", many, one, _p99_of_robots)
    mine = ("lerobot", IPC, NO_OP)
    for grpc in LEROBOT:
        compare(f"LeRobot's {grpc}, over ours", mine, ("lerobot", grpc, NO_OP), _times_less)
    return verdicts


Judge = Callable[[str, Row, Row], Verdict]


def _over(at_most_ms: float) -> Judge:
    return lambda what, mine, bare: Verdict(what, mine.p50_ms - bare.p50_ms, "ms", at_most_ms)


def _times_p50(what: str, mine: Row, peer: Row) -> Verdict:
    return Verdict(what, mine.p50_ms / peer.p50_ms, "times", at_most=1.0)


def _times_p99(what: str, mine: Row, peer: Row) -> Verdict:
    return Verdict(what, mine.p99_ms / peer.p99_ms, "times", at_most=1.0)


def _throughput(what: str, many: Row, one: Row) -> Verdict:
    return Verdict(what, many.more[PER_SECOND] / one.more[PER_SECOND], "times", at_least=3.0)


def _p99_of_robots(what: str, many: Row, one: Row) -> Verdict:
    return Verdict(what, many.p99_ms / one.p99_ms, "times", at_most=1.5)


def _times_less(what: str, mine: Row, peer: Row) -> Verdict:
    return Verdict(what, peer.p50_ms / mine.p50_ms, "times", at_least=3.0)


def write(rows: list[Row], loads: list[float], is_whole: bool) -> None:
    """On the screen, and of all parts into `results/`."""
    verdicts = verdicts_of(rows)
    load = f"Load of the machine meanwhile: {min(loads):.1f} to {max(loads):.1f}."
    large = f"`{LARGE}`: {parameters_of(Large()) / 1e6:.1f} M parameters, five steps."
    text = "\n".join((verdict_table(verdicts), table(rows), f"{load} {large}\n"))
    Console(width=120).print(Markdown(text))
    if not is_whole:
        return
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "policies.md").write_text(text)
    written = {
        "verdicts": [vars(each) | {"holds": each.holds} for each in verdicts],
        "rows": [row.to_json() for row in rows],
        "load_min": min(loads),
        "load_max": max(loads),
    }
    (RESULTS / "policies.json").write_text(json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    main()
