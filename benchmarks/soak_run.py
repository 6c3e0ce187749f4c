"""The process that runs the graph of a soak; started by soak.py, which looks at what is left of it.

    python soak_run.py FOLDER OPTIONS

`OPTIONS`: soak.py's, as JSON. Writes FOLDER/run.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from soak_watch import of_process, on_disk, shared_memory_of

from dsrl_core.errors import DsrlError
from dsrl_core.types import Mode
from dsrl_ros.session import EpisodeResult, GraphSession


class Soak:
    """One session and its samples."""

    def __init__(self, session: GraphSession, out: Path, temporary: Path, every_s: float) -> None:
        self._session, self._out, self._temporary = session, out, temporary
        self._every_s, self._sampled_s = every_s, -every_s
        self._began_s = time.monotonic()
        self._first_ns: int | None = None
        self.samples: list[dict[str, Any]] = []
        self.episodes: Counter[str] = Counter()
        self.shared_memory: set[str] = set()
        """All that was ever used."""

    @property
    def hours(self) -> float:
        """Of simulated time, by the stamp of the last set-point."""
        safety = self._session.client.safety
        if safety is None or not safety.stamp_ns:
            return 0.0
        if self._first_ns is None:
            self._first_ns = safety.stamp_ns
        return (safety.stamp_ns - self._first_ns) * 1e-9 / 3600

    def run(self, mode: Mode, count: int, first_index: int) -> None:
        """Run episodes; samples are taken after one of them."""

        def after(result: EpisodeResult) -> None:
            self.episodes[f"{mode}, {result.outcome}"] += 1
            if time.monotonic() - self._sampled_s >= self._every_s:
                self._sampled_s = time.monotonic()
                self._sample()

        if count:
            self._session.run(mode, count, first_index, after)

    def _sample(self) -> None:
        nodes = {
            node.name: self._session.process_id(node.name) for node in self._session.graph.nodes
        }
        processes = {name: number for name, number in nodes.items() if number is not None}
        processes["this client"] = os.getpid()
        shared = shared_memory_of(processes.values())
        self.shared_memory |= shared
        files, size = on_disk(self._out)
        safety, learner = self._session.client.safety, self._session.learner_status
        self.samples.append(
            {
                "wall_s": time.monotonic() - self._began_s,
                "hours": self.hours,
                "episodes": self.episodes.total(),
                "updates": learner.updates,
                "processes": {name: of_process(number) for name, number in processes.items()},
                "numbers": processes,
                "shared_memory": len(shared),
                "files": files,
                "bytes": size,
                "temporary_files": on_disk(self._temporary)[0],
                "set_points": 0 if safety is None else safety.set_points,
                "missed": 0 if safety is None else safety.missed_periods,
            }
        )
        print(f"{self.hours:.3f} h, {self.episodes.total()} episodes", flush=True)


def main() -> None:
    folder, asked = Path(sys.argv[1]), argparse.Namespace(**json.loads(sys.argv[2]))
    out, ended = folder / "run", ""
    with GraphSession(asked.task, out, asked.seed) as session:
        watch = Soak(session, out, folder / "tmp", asked.every)
        try:
            run_blocks(watch, asked)
        except (KeyboardInterrupt, DsrlError) as error:
            # What was seen until then is told nevertheless.
            ended = f"{type(error).__name__}: {error}"
    found = {
        "hours": watch.hours,
        "ended_early_by": ended,
        "episodes": dict(watch.episodes),
        "shared_memory": sorted(watch.shared_memory),
        "samples": watch.samples,
    }
    (folder / "run.json").write_text(json.dumps(found))


def run_blocks(watch: Soak, asked: argparse.Namespace) -> None:
    """Blocks of episodes until so many hours of simulated time are over."""
    trained = round(asked.train_share * asked.block)
    rest = asked.block - 2 * trained
    block = 0
    while watch.hours < asked.hours:
        watch.run(Mode.TRAIN, trained, block * trained)
        watch.run(Mode.EVAL, trained, block * trained)
        watch.run(Mode.BASE, rest, block * rest)
        block += 1


if __name__ == "__main__":
    main()
