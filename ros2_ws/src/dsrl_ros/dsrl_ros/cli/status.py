"""`./dsrl status`: what the running graph does at this moment."""

from __future__ import annotations

import math
from contextlib import closing

from rich.console import Console
from rich.table import Table

from dsrl_core.health import rate_text
from dsrl_core.status import LearnerStatus, SafetyStatus
from dsrl_core.types import Outcome
from dsrl_ros.cli.options import Namespace
from dsrl_ros.client import HEAR_S, GraphClient
from dsrl_ros.graph import KINDS
from dsrl_ros.paths import domain

_SETTLED_S = 1.5
"""Nodes and latched messages come within this of each other."""


def status(namespace: Namespace = "") -> None:
    """Print the state of the running graph."""
    with closing(GraphClient("dsrl_status", namespace)) as client:
        client.wait_for("running graph", lambda: client.status is not None, HEAR_S)
        nodes = sorted(set(KINDS) & _settled_nodes(client))
        if not client.is_complete:
            client.spin(HEAR_S / 2)
    episode, learner, policy = client.status, client.learner, client.policy
    assert episode is not None
    guard = learner.guard
    outcomes = [label.outcome for label in client.labels.values()]
    total = episode.run_total or "unlimited"
    rows = {
        "ROS domain": str(domain()),
        "namespace": namespace,
        "nodes": ", ".join(nodes),
        "safety": _safety(client.safety),
        "policy": f"{policy.name} (sha256 {policy.sha256[:12]}…)" if policy else "not served",
        "episode": f"{episode.episode} {episode.phase.name}, mode {episode.mode}",
        "run": f"{episode.run_done} of {total} done",
        "labels": f"{outcomes.count(Outcome.SUCCESS)} success, "
        f"{outcomes.count(Outcome.FAILURE)} failure",
        "learner": f"weights {learner.weights_version}, {learner.updates} updates done, "
        f"{learner.updates_pending} pending, {learner.episodes} episodes",
        "steering": _steering(learner),
        "success": f"frozen policy {rate_text(guard.base)}\n"
        f"evaluations {rate_text(guard.evaluated)}\n"
        f"latest training {rate_text(guard.trained)}",
        "alarms": "\n".join(learner.alarms),
        "message": episode.message,
    }
    table = Table(show_header=False, box=None)
    for name, value in rows.items():
        if value:
            table.add_row(name, value)
    Console().print(table, highlight=False)


def _safety(safety: SafetyStatus | None) -> str:
    """Whether the arm may move, what was clamped, and how regular its set-points are."""
    if safety is None:
        return ""
    lines = [safety.hold or "the arm is not held"]
    if safety.clamped:
        lines.append("clamped: " + ", ".join(f"{rule} {count}" for rule, count in safety.clamped))
    if not math.isnan(safety.period_p99_s):
        lines.append(
            f"{safety.set_points} set-points, {safety.missed_periods} periods missed, "
            f"99 % within {1e3 * safety.period_p99_s:.1f} ms of each other"
        )
    return "\n".join(lines)


def _steering(learner: LearnerStatus) -> str:
    """What the guard has the robot do."""
    guard = learner.guard
    best = f"best checkpoint {guard.best_version}" if guard.best_version else "no checkpoint yet"
    if guard.acts_as_base:
        return f"the frozen policy alone, as success had fallen; {best}"
    if guard.restored_from:
        return f"learned from restored version {guard.restored_from} on; {best}"
    return f"learned; {best}" if learner.weights_version else "not learned yet"


def _settled_nodes(client: GraphClient) -> set[str]:
    """Names of the nodes, once no new one has turned up for a while."""
    found: set[str] = set()
    while (names := client.node_names()) - found:
        found |= names
        client.spin(_SETTLED_S)
    return found
