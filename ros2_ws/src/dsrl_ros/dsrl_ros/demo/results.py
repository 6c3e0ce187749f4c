"""What a run leaves behind beside its numbers: film, curve, report, hashes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from dsrl_core.catalog import Catalog
from dsrl_core.data.episode_store import EPISODES
from dsrl_core.data.ledger import LEDGER
from dsrl_core.evaluation.plots import plot_learning_curve
from dsrl_core.evaluation.report import CURVE, FILM, REPORT_FILE, write_report
from dsrl_core.evaluation.statistics import Latency
from dsrl_core.evaluation.summary import Measured, Summary
from dsrl_core.policies.wire import RemotePolicy
from dsrl_ros.demo.beside import Film
from dsrl_ros.demo.history import latencies_s
from dsrl_ros.demo.record import Record
from dsrl_ros.paths import domain, policy_endpoint

FILMED_RESETS: Final = 4
FILM_FILE: Final = "before_after.webp"
PLAYER_FILE: Final = "before_after.mp4"
CURVE_FILE: Final = "learning_curve.png"
_DIGEST_TIMEOUT_S: Final = 5.0


def memory_sha256(catalog: Catalog, policy: str) -> str:
    """Of the weights as the policy server holds them now.

    Raises:
        PolicyUnavailable: the server does not answer.
    """
    remote = RemotePolicy(policy_endpoint(domain()), catalog.policy(policy), _DIGEST_TIMEOUT_S)
    try:
        return remote.digest()
    finally:
        remote.close()


def film_of(summary: Summary, out: Path) -> Film:
    """Begin to film the first evaluation resets, base beside steered."""
    before = summary.measurements[Measured.BASE].episodes
    after = summary.measurements[Measured.STEERED].episodes
    pairs = list(zip(before, after, strict=False))[:FILMED_RESETS]
    return Film(summary.settings.task, out / EPISODES, pairs, (out / FILM_FILE, out / PLAYER_FILE))


def steered_latency(summary: Summary, out: Path) -> Latency | None:
    """Of the decisions of the steered measurement."""
    episodes = summary.measurements[Measured.STEERED].episodes
    return Latency.of_seconds(latencies_s(out, episodes))


def write_results(record: Record) -> None:
    """Draw the curve and write the report from what the record holds."""
    out = record.out
    plot_learning_curve(record.summary, out / CURVE_FILE)
    names = {
        CURVE: CURVE_FILE,
        FILM: FILM_FILE,
        "the same film, for players": PLAYER_FILE,
        "recorded episodes": EPISODES,
        "labels": LEDGER,
        "TensorBoard events": "tensorboard",
        "logs of the nodes": "log",
        "report": REPORT_FILE,
    }
    record.change(
        files={name: path for name, path in names.items() if (out / path).exists()}
        | {"report": REPORT_FILE}
    )
    write_report(record.summary, out)
