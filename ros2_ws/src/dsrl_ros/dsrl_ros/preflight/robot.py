"""Trials on a running graph: the operator's own services, a run like any other."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.errors import DsrlError, InvalidValue
from dsrl_core.learning.run_record import read_about
from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.specs import PolicySpec, TaskSpec
from dsrl_core.status import RUN_TRIALS, EpisodeStatus, Phase, PolicyInfo
from dsrl_ros.client import HEAR_S, GraphClient
from dsrl_ros.namespaces import where
from dsrl_ros.paths import domain

_SERVE_S: Final = 0.1
_WHOLE_S: Final = 30.0
"""A graph of which one part was heard has told everything within this."""
_GONE_S: Final = 15.0
"""A graph whose episode manager has not answered for so long is gone; the runner starts one again
within a few seconds."""
_ANSWER_S: Final = 2.0
"""What was asked for when Ctrl+C came is heard within this."""
_STOPPED_S: Final = 30.0
"""A run that was asked to stop has ended within this."""


class RobotTrials:
    """A graph that has nothing to do, and the trials that are played on it.

    `tell` hears in words what happens.
    """

    def __init__(
        self, client: GraphClient, task: TaskSpec, policy: PolicySpec, tell: Callable[[str], None]
    ) -> None:
        """
        Raises:
            DsrlError: no graph runs, it is busy, its arm is held, its files are on another machine,
                or it has another task or policy.
        """
        self._client, self._tell = client, tell
        client.wait_for("running graph", lambda: client.status is not None, HEAR_S)
        client.wait_for("whole graph", lambda: client.is_complete, _WHOLE_S)
        status = self._status
        self._refuse_busy()
        if status.host != socket.gethostname():
            raise InvalidValue(
                f"the graph's run is in {status.folder} on '{status.host}'; start the preflight "
                "there, where its episodes can be read"
            )
        self.folder = Path(status.folder)
        about = read_about(self.folder) or {}
        if about.get("task", task.name) != task.name:
            raise InvalidValue(
                f"the graph runs task '{about['task']}', asked for is '{task.name}': give --task"
            )
        if self._served.name != policy.name:
            raise InvalidValue(
                f"the graph serves policy '{self._served.name}', asked for is '{policy.name}': "
                "give --policy"
            )

    def require(self, policy: PolicyBackend) -> None:
        """
        Raises:
            InvalidValue: the graph serves other weights under the same name.
        """
        served = self._served
        if served.sha256 != policy.digest():
            raise InvalidValue(
                f"the graph serves other weights of '{served.name}' (SHA-256 "
                f"{served.sha256[:12]}) than are on disk ({policy.digest()[:12]}): start it again"
            )

    def play(self, noises: Sequence[str], each: int, seed: int) -> range:
        """Every noise so often, blinded and in an order that nobody knows; returns when all are
        played, labelled and on disk: their numbers, and those of what was repeated. Whatever ends
        it earlier, the run is stopped.

        Raises:
            DsrlError: the graph does not take the run, ends it before, or is gone.
        """
        client = self._client
        client.serve(0.0)
        self._refuse_busy()
        first: int | None = None
        first_index = EpisodeStore(self.folder / EPISODES).next_number()
        try:
            first = client.begin(RUN_TRIALS, each, seed, first_index, noises)
            self._follow(first, each * len(noises))
        except KeyboardInterrupt:
            # Nobody is there any more who wants these episodes. The run may have begun although its
            # answer was not heard: the graph was idle a moment ago, so it is this one.
            client.spin(_ANSWER_S)
            self._stop()
            raise
        except DsrlError:
            if first is not None:
                self._stop()
            raise
        return range(first, self._status.episode + 1)

    def _follow(self, first: int, total: int) -> None:
        client, told, heard_s = self._client, "", time.monotonic()

        def is_heard() -> bool:
            # The last word before it may be of trials too, or of episode 0 that is not yet run.
            return self._status.run_mode == RUN_TRIALS and self._status.episode >= first

        client.wait_for("word of the run", is_heard, _WHOLE_S)
        while self._is_running:
            status = self._status
            if text := sentence(status):
                if text != told:
                    self._tell(text)
                told = text
            client.serve(_SERVE_S)
            if client.is_complete:
                heard_s = time.monotonic()
            elif time.monotonic() - heard_s > _GONE_S:
                place = where(domain(), client.node.get_namespace())
                raise DsrlError(f"the graph on {place} is gone; what was played is in its folder")
        status = self._status
        if status.run_mode != RUN_TRIALS or status.run_done < total:
            raise DsrlError(
                f"the trials ended before all {total} were played: "
                f"{status.message or 'the episode manager was started again'}"
            )

    def _stop(self) -> None:
        """End the run if it is under way, and wait until it has ended."""
        if not (self._is_running and self._client.is_complete):
            return
        self._client.stop()
        over = (Phase.IDLE, Phase.AWAITING_LABEL)
        self._client.wait_for("end of the run", lambda: self._status.phase in over, _STOPPED_S)
        status = self._status
        waits = status.phase is Phase.AWAITING_LABEL
        self._tell(
            f"the trials were stopped, {status.run_done} are played"
            + (f"; episode {status.episode} still awaits its label. " if waits else ". ")
            + f"They stay in {self.folder} and count in ./dsrl preflight {self.folder}"
        )

    @property
    def _is_running(self) -> bool:
        """Whether trials are under way."""
        return self._status.run_mode == RUN_TRIALS and self._status.phase is not Phase.IDLE

    @property
    def _status(self) -> EpisodeStatus:
        status = self._client.status
        assert status is not None, "the graph was heard before anything else"
        return status

    @property
    def _served(self) -> PolicyInfo:
        served = self._client.policy
        assert served is not None, "the graph was heard before anything else"
        return served

    def _refuse_busy(self) -> None:
        status, safety = self._status, self._client.safety
        if status.phase is not Phase.IDLE:
            waits = status.phase is Phase.AWAITING_LABEL
            raise DsrlError(
                f"the graph is busy: episode {status.episode} of a run of mode "
                f"'{status.run_mode}' is {status.phase.name}, expected IDLE: "
                + ("label it first" if waits else "end the run first")
            )
        if safety is not None and safety.held:
            raise DsrlError(safety.hold_to_mend)


def sentence(status: EpisodeStatus) -> str:
    """What the person who labels wants to know, and no more; empty: nothing new."""
    name = f"trial {status.run_done + 1} of {status.run_total}, called {status.code}"
    match status.phase:
        case Phase.AWAITING_LABEL:
            return f"{name}: over ({status.end_reason}); label it"
        case Phase.DONE:
            return f"{name}: {status.outcome}. {status.message}".rstrip()
        case _:
            waits = f"waits for {status.waits_for}. " if status.waits_for == "operator" else ""
            told = f"{waits}{status.message}".strip()
            return f"{name}: {told}" if told else ""
