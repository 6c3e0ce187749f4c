"""Several robots with one learner and one policy server, from this machine.

Each robot has a session of its own. One that fails for good is ended and told of, and the others go
on; without what they share, none can.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Final

from dsrl_core.errors import DsrlError
from dsrl_core.types import Mode
from dsrl_ros.graph import GraphOptions, describe_all
from dsrl_ros.machine import DomainLock, clean_shared_memory
from dsrl_ros.paths import domain, prepare_output, prepare_robot_output
from dsrl_ros.runner import Runner
from dsrl_ros.session import EpisodeResult, GraphSession

_START_S: Final = 90.0


def robots_asked_for(text: str) -> tuple[str, ...]:
    """`4` for robot1 to robot4, or names with ',' between them; empty: none.

    Raises:
        DsrlError: a number that is none of robots.
    """
    if text.isascii() and text.isdigit():
        if not 1 <= int(text) <= 64:
            raise DsrlError(f"--robots is {text}, expected 1 to 64, or names")
        return tuple(f"robot{number}" for number in range(1, int(text) + 1))
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _to_stderr(text: str) -> None:
    sys.stderr.write(f"{text}\n")


class SeveralRobots:
    """Starts what several robots share, and each of them; ends all on leaving."""

    def __init__(self, options: GraphOptions, tell: Callable[[str], None] = _to_stderr) -> None:
        """`options.robots` names them.

        Raises:
            DsrlError: something that was asked for does not exist or does not hold.
        """
        self.shared, *self._graphs = describe_all(options)
        self._tell = tell
        self._stack = ExitStack()
        self.sessions: dict[str, GraphSession] = {}
        """Of the robots that run, by name."""
        self.lost: dict[str, str] = {}
        """Why each of the others has been ended, for people."""

    def __enter__(self) -> SeveralRobots:
        """
        Raises:
            DsrlError: a folder cannot be used, other graphs run in these namespaces, or a node
                fails; nothing runs then.
        """
        options = self.shared.options
        with ExitStack() as stack:
            prepare_output(options.out)
            lock = DomainLock(domain(), options.namespace)
            stack.callback(lock.release)
            clean_shared_memory()
            self._runner = Runner(self.shared, self._tell)
            stack.callback(self._runner.stop)
            self._runner.start(_START_S)
            for name, graph in zip(options.robots, self._graphs, strict=True):
                prepare_robot_output(options.out, name)
                session = GraphSession.of(graph, partial(self._tell_of, name))
                self.sessions[name] = stack.enter_context(session)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every process; again has no effect."""
        self._stack.close()

    def check(self) -> None:
        """End robots that have failed for good, and say so.

        Raises:
            DsrlError: what they share has failed, or none is left.
        """
        if self._runner.failure is not None:
            raise DsrlError(self._runner.failure)
        for name, session in list(self.sessions.items()):
            try:
                session.check()
            except DsrlError as error:
                self._give_up(name, error)
        if not self.sessions:
            raise DsrlError("no robot is left: " + "; ".join(self.lost.values()))

    def process_id(self, node: str) -> int | None:
        """Of a process that all share, or None while it does not run."""
        return self._runner.process_id(node)

    def run(self, mode: Mode, count: int, first_index: int = 0) -> dict[str, list[EpisodeResult]]:
        """Run `count` episodes on every robot at once and wait for all; what came of each.

        A robot that fails has a shorter list, or none, and is in `lost`.

        Raises:
            DsrlError: what they share has failed, or no robot is left.
        """
        results: dict[str, list[EpisodeResult]] = {name: [] for name in self.sessions}
        errors: dict[str, DsrlError] = {}

        def work(name: str) -> None:
            try:
                self.sessions[name].run(mode, count, first_index, results[name].append)
            except DsrlError as error:
                errors[name] = error

        threads = [threading.Thread(target=work, args=(name,)) for name in results]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for name, error in errors.items():
            self._give_up(name, error)
        self.check()
        return results

    def _tell_of(self, name: str, text: str) -> None:
        self._tell(f"{name}: {text}")

    def _give_up(self, name: str, error: DsrlError) -> None:
        self.lost[name] = str(error)
        self.sessions.pop(name).close()
        left = ", ".join(self.sessions) or "none"
        self._tell(f"{name} has been ended: {error}\nGoing on: {left}")
