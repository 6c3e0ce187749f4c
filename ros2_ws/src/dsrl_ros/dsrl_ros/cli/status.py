"""`./dsrl status`: what the running graph does at this moment."""

from __future__ import annotations

import math
from contextlib import closing

from rich.console import Console
from rich.table import Table

from dsrl_core.health import rate_text
from dsrl_core.status import EpisodeStatus, GuardStatus, LearnerStatus, RunBudget, SafetyStatus
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
    guard, is_blinded = learner.guard, bool(episode.code)
    outcomes = [label.outcome for label in client.labels.values()]
    total = episode.run_total or "unlimited"
    rows = {
        "ROS domain": str(domain()),
        "namespace": namespace,
        "nodes": ", ".join(nodes),
        "safety": _safety(client.safety),
        "policy": f"{policy.name} (sha256 {policy.sha256[:12]}…)" if policy else "not served",
        "chunks": _chunks(client.chunks),
        "episode": f"{episode.episode} {episode.phase.name}, {_shown(episode)}",
        "waits for": episode.waits_for,
        "run": f"{episode.run_done} of {total} done{', paused' if episode.paused else ''}",
        "labels": f"{outcomes.count(Outcome.SUCCESS)} success, "
        f"{outcomes.count(Outcome.FAILURE)} failure",
        # While a comparison runs these would tell what is hidden.
        "learner": "" if is_blinded else _learner(learner),
        "steering": "" if is_blinded else _steering(learner),
        "success": "" if is_blinded else _success(guard),
        "time": _time(client.budget),
        "alarms": "" if is_blinded else "\n".join(learner.alarms),
        "message": episode.message,
    }
    table = Table(show_header=False, box=None)
    for name, value in rows.items():
        if value:
            table.add_row(name, value)
    Console().print(table, highlight=False)


def _shown(episode: EpisodeStatus) -> str:
    if episode.code:
        return f"called {episode.code}: a comparison, nobody is told which arm it is"
    return f"mode {episode.mode}"


def _learner(learner: LearnerStatus) -> str:
    return (
        f"weights {learner.weights_version}, {learner.updates} updates done, "
        f"{learner.updates_pending} pending, {learner.episodes} episodes"
    )


def _success(guard: GuardStatus) -> str:
    """Rates by what chose the noise."""
    return (
        f"frozen policy {rate_text(guard.base)}\n"
        f"evaluations {rate_text(guard.evaluated)}\n"
        f"latest training {rate_text(guard.trained)}"
    )


def _time(budget: RunBudget) -> str:
    """What it went into, and how far the target is."""
    if not budget.activities:
        return ""
    spent = ", ".join(
        f"{name.replace('_', ' for ' if name.startswith('waiting') else ' ')} {seconds / 60:.1f}"
        for name, seconds in sorted(budget.activities, key=lambda item: -item[1])
    )
    lines = [f"minutes: {spent}"]
    if not math.isnan(budget.episodes_per_hour):
        lines.append(f"{budget.episodes_per_hour:.0f} labelled episodes per hour")
    if budget.to_target is not None:
        low, high = budget.to_target
        ahead = "reached, as far as can be told" if high == 0 else f"{low} to {high} episodes away"
        lines.append(f"{budget.target:.0%} success: {ahead}")
    return "\n".join(lines)


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


def _chunks(told: dict[str, str]) -> str:
    """How long the policy takes to answer, and whether the arm waits for it."""
    if told.get("answers", "0") == "0":
        return ""
    lead = told["asked ahead"]
    when = "at a chunk's end" if lead == "no" else f"{lead} ahead"
    return (
        f"answers within {told['latest answers, slowest']} (median "
        f"{told['latest answers, median']}), asked for {when}\n"
        f"the arm stands still between chunks in {told['idle between chunks']} of the time"
    )


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
    # Somebody's word was heard; names come by a way of their own, which may take longer.
    client.wait_for("name of a node", lambda: bool(client.node_names()), HEAR_S)
    found: set[str] = set()
    while (names := client.node_names()) - found:
        found |= names
        client.spin(_SETTLED_S)
    return found
