"""Programs of the simulator that the demonstration runs beside the graph, as own processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import IO, Final

from dsrl_core.errors import DsrlError
from dsrl_core.types import Outcome

_GRACE_S: Final = 5.0


class Program:
    """A module of Python that runs beside; it ends with the `with` block at the latest."""

    def __init__(self, module: str, arguments: Sequence[str]) -> None:
        self._module = module
        # In a session of its own: Ctrl+C is ours to pass on. Nice: the robot goes first.
        self._process = subprocess.Popen(
            ["nice", sys.executable, "-m", module, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._complaints: list[str] = []
        self._readers = [
            Thread(target=self._read, args=(self._process.stdout, self._lines.put), daemon=True),
            Thread(
                target=self._read, args=(self._process.stderr, self._complaints.append), daemon=True
            ),
        ]
        for reader in self._readers:
            reader.start()

    def lines(self) -> list[str]:
        """What it has written on stdout since the last call."""
        found = []
        while True:
            try:
                found.append(self._lines.get_nowait())
            except Empty:
                return found

    def wait(self) -> int:
        """Wait for its end; its exit status. All lines have come by then."""
        status = self._process.wait()
        for reader in self._readers:
            reader.join()
        return status

    @property
    def complaint(self) -> str:
        """The last of what it wrote on stderr."""
        return self._complaints[-1].strip() if self._complaints else "it did not say why"

    def stop(self) -> None:
        """End it, if it still runs."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self.wait()

    def _read(self, stream: IO[str] | None, take: Callable[[str], None]) -> None:
        for line in stream or ():
            take(line)


class Oracle:
    """Measures the oracle on the evaluation resets while the graph does something else."""

    def __init__(self, task: str, seed: int, first_index: int, count: int) -> None:
        asked = {"task": task, "seed": seed, "first-index": first_index, "count": count}
        arguments = [text for name, value in asked.items() for text in (f"--{name}", str(value))]
        self._program = Program("dsrl_sim.oracle", arguments)

    def episodes(self) -> list[tuple[Outcome, float]]:
        """Outcome and simulated time [s] of those that have ended since the last call."""
        found = (json.loads(line) for line in self._program.lines())
        return [(Outcome(episode["outcome"]), episode["sim_s"]) for episode in found]

    def wait(self) -> list[tuple[Outcome, float]]:
        """The same of all that are left.

        Raises:
            DsrlError: it failed.
        """
        if self._program.wait():
            raise DsrlError(f"the oracle failed: {self._program.complaint}")
        return self.episodes()

    def stop(self) -> None:
        self._program.stop()


class Film:
    """Films recorded episodes in pairs, before and after, while the graph does something else."""

    def __init__(
        self, task: str, episodes: Path, pairs: Sequence[tuple[int, int]], out: Sequence[Path]
    ) -> None:
        arguments = ["--task", task, "--episodes", str(episodes)]
        for before, after in pairs:
            arguments += ["--pair", f"{before}:{after}"]
        for path in out:
            arguments += ["--out", str(path)]
        self._program = Program("dsrl_sim.video", arguments)

    def wait(self) -> str | None:
        """Wait for the film; why there is none, or None."""
        return self._program.complaint if self._program.wait() else None

    def stop(self) -> None:
        self._program.stop()
