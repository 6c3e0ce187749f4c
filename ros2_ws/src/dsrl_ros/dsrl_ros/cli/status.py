"""`./dsrl status`: what the running graph does at this moment."""

from __future__ import annotations

from contextlib import closing

from rich.console import Console
from rich.table import Table

from dsrl_core.types import Outcome
from dsrl_ros.client import GraphClient
from dsrl_ros.graph import KINDS
from dsrl_ros.paths import domain

_HEAR_S = 5.0


def status() -> None:
    """Print the state of the running graph."""
    with closing(GraphClient("dsrl_status")) as client:
        client.wait_for("running graph", lambda: client.status is not None, _HEAR_S)
        client.spin(1.5)
        nodes = sorted(set(KINDS) & client.node_names())
    episode, learner, policy = client.status, client.learner, client.policy
    assert episode is not None
    outcomes = [label.outcome for label in client.labels.values()]
    total = episode.run_total or "unlimited"
    rows = {
        "ROS domain": str(domain()),
        "nodes": ", ".join(nodes),
        "policy": f"{policy.name} (sha256 {policy.sha256[:12]}…)" if policy else "not served",
        "episode": f"{episode.episode} {episode.phase.name}, mode {episode.mode}",
        "run": f"{episode.run_done} of {total} done",
        "labels": f"{outcomes.count(Outcome.SUCCESS)} success, "
        f"{outcomes.count(Outcome.FAILURE)} failure",
        "learner": f"weights {learner.weights_version}, {learner.updates} updates done, "
        f"{learner.updates_pending} pending, {learner.episodes} episodes",
        "message": episode.message,
    }
    table = Table(show_header=False, box=None)
    for name, value in rows.items():
        if value:
            table.add_row(name, value)
    Console().print(table, highlight=False)
