"""A running graph to work with from a program: the demonstration, the command line, the tests."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

from dsrl_core.errors import DsrlError
from dsrl_core.status import INVALID, LearnerStatus, Phase
from dsrl_core.types import Mode, Outcome
from dsrl_ros.client import GraphClient
from dsrl_ros.graph import Graph, GraphOptions, describe
from dsrl_ros.machine import DomainLock, clean_shared_memory
from dsrl_ros.namespaces import where
from dsrl_ros.paths import domain, prepare_output
from dsrl_ros.runner import Runner

_DISCOVERY_S: Final = 0.5
"""Nodes of another graph on this machine are discovered within."""
_START_S: Final = 90.0
_STALL_S: Final = 120.0
"""Without any sign of progress a run is given up after."""
_LAST_WORDS_S: Final = 3.0
"""What was said before the end of a run is heard within."""


@dataclass(frozen=True)
class EpisodeResult:
    """An episode that is over, labelled and on disk."""

    episode: int
    """Its number in the output folder."""
    outcome: Outcome
    steps: int
    """Actions that reached the robot."""
    decisions: int
    weights_version: int
    end_reason: str


@dataclass(frozen=True)
class SessionOptions:
    """How a graph is run; see `dsrl_ros.graph.GraphOptions`."""

    policy: str = ""
    simulated: bool = True
    realtime: bool = False
    viewer: bool = False
    operator: bool = True
    overrides: tuple[str, ...] = ()
    namespace: str = ""
    joy: bool = False


def _to_stderr(text: str) -> None:
    sys.stderr.write(f"{text}\n")


class GraphSession:
    """Starts a whole graph, and ends it on leaving: `with GraphSession(task, out, seed) as graph`.

    `tell` hears in words what happens to its processes.
    """

    def __init__(
        self,
        task: str,
        out: Path,
        seed: int = 0,
        options: SessionOptions | None = None,
        tell: Callable[[str], None] = _to_stderr,
    ) -> None:
        """
        Raises:
            DsrlError: something that was asked for does not exist or does not hold.
        """
        chosen = options or SessionOptions()
        self._of(describe(GraphOptions(task, out.absolute(), seed=seed, **vars(chosen))), tell)

    @classmethod
    def of(cls, graph: Graph, tell: Callable[[str], None] = _to_stderr) -> GraphSession:
        """For a graph that was described already, as one robot's of several."""
        session = cls.__new__(cls)
        session._of(graph, tell)
        return session

    def _of(self, graph: Graph, tell: Callable[[str], None]) -> None:
        self.graph, self._seed, self._tell = graph, graph.options.seed, tell
        self._stack = ExitStack()

    def __enter__(self) -> GraphSession:
        """
        Raises:
            DsrlError: the output folder cannot be used, another graph runs on this ROS domain in
                the namespace, or a node fails; nothing runs then.
        """
        with ExitStack() as stack:
            prepare_output(self.graph.options.out)
            namespace = self.graph.options.namespace
            lock = DomainLock(domain(), namespace)
            stack.callback(lock.release)
            clean_shared_memory()
            # What others have open of the dead is free when the last of them is gone.
            stack.callback(clean_shared_memory)
            self.client = GraphClient("dsrl", namespace)
            stack.callback(self.client.close)
            self._refuse_second_graph()
            self._runner = Runner(self.graph, self._tell)
            stack.callback(self._runner.stop)
            self._runner.start(_START_S)
            self.client.wait_for("word from every node", self._is_up, _START_S)
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

    def run(
        self,
        mode: Mode,
        count: int,
        first_index: int = 0,
        progress: Callable[[EpisodeResult], None] | None = None,
    ) -> list[EpisodeResult]:
        """Run episodes and wait for all of them; invalid ones are repeated and not in the list.

        `first_index`: of the first one's reset in the seed's series, so that a run may go on.

        Raises:
            DsrlError: the run was given up, nothing moves any more, or a node failed for good.
        """
        number = self.client.begin(mode, count, self._seed, first_index)
        results: list[EpisodeResult] = []
        watch = _Watch(_STALL_S)
        while len(results) < count or not self._is_idle(number - 1):
            self.check()
            self.client.serve(0.1)
            status, learner = self.client.status, self.client.learner
            watch.saw(status, learner.updates, number)
            while (result := self._result_of(number)) is not None:
                number += 1
                if result.end_reason == INVALID:
                    self._tell(f"episode {result.episode} is invalid and is repeated")
                    continue
                results.append(result)
                if progress is not None:
                    progress(result)
            if self._is_idle(number - 1) and watch.quiet_s > _LAST_WORDS_S:
                assert status is not None
                raise DsrlError(
                    f"the run ended after {len(results)} of {count} episodes: {status.message}"
                )
        return results

    def check(self) -> None:
        """
        Raises:
            DsrlError: a node failed for good.
        """
        if self._runner.failure is not None:
            raise DsrlError(self._runner.failure)

    @property
    def learner_status(self) -> LearnerStatus:
        """How far the learner is, as heard until now."""
        self.client.serve(0.0)
        return self.client.learner

    def process_id(self, node: str) -> int | None:
        """Of a node's process, or None while it does not run."""
        return self._runner.process_id(node)

    def _is_up(self) -> bool:
        self.check()
        return self.client.is_complete

    def _is_idle(self, episode: int) -> bool:
        status = self.client.status
        return status is not None and status.phase is Phase.IDLE and status.episode >= episode

    def _result_of(self, number: int) -> EpisodeResult | None:
        """The result of an episode, once it is on disk and labelled or invalid."""
        recorded, label = self.client.recorded.get(number), self.client.labels.get(number)
        if recorded is None:
            return None
        is_labelled = label is not None and label.outcome is not Outcome.UNDO
        if recorded.end_reason != INVALID and not is_labelled:
            return None
        return EpisodeResult(
            number,
            label.outcome if label is not None and is_labelled else Outcome.DISCARD,
            recorded.steps_executed,
            recorded.decisions,
            recorded.weights_version,
            recorded.end_reason,
        )

    def _refuse_second_graph(self) -> None:
        """Nodes that were started by other means hold no lock, but they can be seen."""
        self.client.spin(_DISCOVERY_S)
        ours = {node.name for node in self.graph.nodes}
        present = sorted(ours & self.client.node_names())
        if present:
            raise DsrlError(
                f"on {where(domain(), self.graph.options.namespace)} there already run: "
                f"{', '.join(present)}; stop them, or choose another domain with ROS_DOMAIN_ID or "
                "another namespace"
            )


class _Watch:
    """How long nothing has changed, on the wall's clock."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._seen: object = None
        self._since_s = time.monotonic()

    def saw(self, *state: object) -> None:
        """
        Raises:
            DsrlError: the state has been the same for too long.
        """
        if state != self._seen:
            self._seen, self._since_s = state, time.monotonic()
        elif self.quiet_s > self._limit_s:
            raise DsrlError(f"nothing has moved for {self._limit_s:.0f} s; last seen: {state[0]}")

    @property
    def quiet_s(self) -> float:
        return time.monotonic() - self._since_s
