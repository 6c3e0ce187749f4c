"""A node that listens to a running graph and asks things of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import rclpy
from rclpy.context import Context
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import SetBool, Trigger

from dsrl_core.errors import DsrlError
from dsrl_core.health import PLAYER
from dsrl_core.status import (
    EpisodeStatus,
    LearnerStatus,
    PolicyInfo,
    RecordedEpisode,
    RunBudget,
    SafetyStatus,
)
from dsrl_core.types import Label, Outcome
from dsrl_interfaces.srv import LabelEpisode, RunEpisodes
from dsrl_ros import topics
from dsrl_ros.conversions.episodes import (
    budget_from_message,
    label_from_message,
    recorded_from_message,
    safety_from_message,
    status_from_message,
)
from dsrl_ros.conversions.learning import learner_from_message, policy_from_message
from dsrl_ros.machine import stay_on_this_machine
from dsrl_ros.namespaces import full_namespace, where
from dsrl_ros.paths import domain

HEAR_S: Final = 10.0
"""A graph that was not heard within this does not run; discovery takes seconds where it is busy."""
_ANSWER_S: Final = 30.0


class GraphClient:
    """What a graph says, as it is now, and what can be asked of it. Not thread-safe.

    Nothing is heard between calls: every call serves what has come in the meantime.
    """

    def __init__(self, name: str, namespace: str = "") -> None:
        """`namespace`: of the graph.

        Raises:
            InvalidValue: it is none.
        """
        full = full_namespace(namespace)
        self._context = Context()
        stay_on_this_machine()
        # The program's own handling of Ctrl+C stays: it raises KeyboardInterrupt here.
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self.node = Node(name, context=self._context, namespace=full or None)
        self._executor = EventsExecutor(context=self._context)
        self._executor.add_node(self.node)
        self.status: EpisodeStatus | None = None
        self.policy: PolicyInfo | None = None
        self.labels: dict[int, Label] = {}
        """The last ledger entry of every episode, marks not counted."""
        self.recorded: dict[int, RecordedEpisode] = {}
        self.safety: SafetyStatus | None = None
        self.budget = RunBudget()
        self.chunks: dict[str, str] = {}
        """What the graph's chunk player tells of answers and of idleness between chunks."""
        self.sees_success = False
        """Whether the simulator sees the task done."""
        self._learner: LearnerStatus | None = None
        self._run = self.node.create_client(RunEpisodes, topics.RUN_SERVICE)
        self._stop = self.node.create_client(Trigger, topics.STOP_SERVICE)
        self._start = self.node.create_client(Trigger, topics.START_SERVICE)
        self._hold = self.node.create_client(Trigger, topics.HOLD_SERVICE)
        self._resume = self.node.create_client(Trigger, topics.RESUME_SERVICE)
        self._pause = self.node.create_client(SetBool, topics.PAUSE_SERVICE)
        self._say = self.node.create_client(LabelEpisode, topics.LABEL_SERVICE)
        topics.EPISODE.subscribe(self.node, self._on_status)
        topics.LABEL_LEDGER.subscribe(self.node, self._on_label)
        topics.EPISODE_RECORDED.subscribe(self.node, self._on_recorded)
        topics.LEARNER_STATUS.subscribe(self.node, self._on_learner)
        topics.POLICY_INFO.subscribe(self.node, self._on_policy)
        topics.SAFETY.subscribe(self.node, self._on_safety)
        topics.RUN_BUDGET.subscribe(self.node, self._on_budget)
        topics.DIAGNOSTICS.subscribe(self.node, self._on_diagnostics)
        topics.SIM_SUCCESS.subscribe(self.node, self._on_success)

    def serve(self, timeout_s: float) -> None:
        """Serve what has come; wait for it so long at most."""
        self._executor.spin_once(timeout_sec=timeout_s)

    def spin(self, seconds: float) -> None:
        """Serve what comes for so long."""
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left_s)

    def wait_for(self, what: str, condition: Callable[[], bool], timeout_s: float) -> None:
        """Serve what comes until the condition holds.

        Raises:
            DsrlError: it does not within the time.
        """
        until_s = time.monotonic() + timeout_s
        while not condition():
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                place = where(domain(), self.node.get_namespace())
                raise DsrlError(f"no {what} within {timeout_s:.0f} s on {place}")
            self._executor.spin_once(timeout_sec=min(left_s, 0.1))

    def node_names(self) -> set[str]:
        """Of all nodes on the domain in the graph's namespace, without this one."""
        own = self.node.get_namespace()
        found = self.node.get_node_names_and_namespaces()
        return {name for name, namespace in found if namespace == own} - {self.node.get_name()}

    @property
    def is_complete(self) -> bool:
        """Whether the latched state of a whole graph was heard and runs can be asked for."""
        heard = (self.status, self.policy, self._learner)
        return None not in heard and self._run.service_is_ready()

    @property
    def learner(self) -> LearnerStatus:
        return self._learner or LearnerStatus()

    def begin(
        self,
        mode: str,
        count: int,
        seed: int,
        first_index: int,
        arms: Sequence[str] = (),
        rule: tuple[float, float] = (0.0, 0.0),
    ) -> int:
        """Ask for a run, as srv/RunEpisodes has it; the number of its first episode.

        `rule`: alpha and margin of a comparison; 0: what is usual.

        Raises:
            DsrlError: the episode manager refuses, or does not answer.
        """
        alpha, margin = rule
        request = RunEpisodes.Request(
            mode=mode, count=count, seed=seed, first_index=first_index, arms=list(arms)
        )
        request.alpha, request.margin = alpha, margin
        return int(self._ask_for_run(request).first_episode)

    def plan(
        self, mode: str, count: int, arms: Sequence[str], rule: tuple[float, float] = (0.0, 0.0)
    ) -> str:
        """How long such a comparison will take, for people; empty of another run. Nothing begins.

        Raises:
            DsrlError: the episode manager refuses, or does not answer.
        """
        alpha, margin = rule
        request = RunEpisodes.Request(mode=mode, count=count, arms=list(arms), plan_only=True)
        request.alpha, request.margin = alpha, margin
        return str(self._ask_for_run(request).message)

    def _ask_for_run(self, request: RunEpisodes.Request) -> RunEpisodes.Response:
        answer = self._ask(self._run, request, "answer of the episode manager")
        if not answer.accepted:
            raise DsrlError(f"the episode manager refuses: {answer.message}")
        return answer

    def stop(self) -> None:
        """End the present run; a running episode becomes invalid."""
        self._ask(self._stop, Trigger.Request(), "answer of the episode manager")

    def hold(self) -> tuple[bool, str]:
        """Hold the arm until a person resumes; whether it was accepted, and what was said.

        Raises:
            DsrlError: no chunk player answers.
        """
        return self._trigger(self._hold, "answer of the chunk player")

    def resume(self) -> tuple[bool, str]:
        """Let the arm go on after a hold; whether it was accepted, and why not.

        Raises:
            DsrlError: no chunk player answers.
        """
        return self._trigger(self._resume, "answer of the chunk player")

    def start(self) -> tuple[bool, str]:
        """Say that the cell stands at its start; whether it was accepted, and why not.

        Raises:
            DsrlError: no episode manager answers.
        """
        return self._trigger(self._start, "answer of the episode manager")

    def pause(self, paused: bool) -> str:
        """Let no further episode begin, or let the run go on; what was said.

        Raises:
            DsrlError: no episode manager answers.
        """
        what = "answer of the episode manager"
        self.wait_for(what, self._pause.service_is_ready, _ANSWER_S)
        return str(self._ask(self._pause, SetBool.Request(data=paused), what).message)

    def say(
        self,
        outcome: str,
        author: str,
        episode: int | None = None,
        reward: float | None = None,
        note: str = "",
    ) -> LabelEpisode.Response:
        """Label an episode, by default the present one; what the episode manager answers.

        Raises:
            DsrlError: the label was refused, or nobody answered.
        """
        seen = None if episode is None else self.labels.get(episode)
        request = LabelEpisode.Request(
            episode=-1 if episode is None else episode,
            outcome=outcome,
            reward=-1.0 if reward is None else reward,
            author=author,
            note=note,
            supersedes=seen.entry if seen and seen.outcome != "undo" else 0,
        )
        what = "answer of the episode manager"
        self.wait_for(what, self._say.service_is_ready, _ANSWER_S)
        answer = self._ask(self._say, request, what)
        if not answer.accepted:
            raise DsrlError(f"label refused: {answer.message}")
        return answer

    def close(self) -> None:
        # The executor would keep the node in everybody's sight for a while.
        self._executor.remove_node(self.node)
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def _trigger(self, client: Any, what: str) -> tuple[bool, str]:
        self.wait_for(what, client.service_is_ready, _ANSWER_S)
        answer = self._ask(client, Trigger.Request(), what)
        return bool(answer.success), str(answer.message)

    def _ask(self, client: Any, request: Any, what: str) -> Any:
        future = client.call_async(request)
        self.wait_for(what, future.done, _ANSWER_S)
        return future.result()

    def _on_status(self, message: Any) -> None:
        self.status = status_from_message(message)

    def _on_label(self, message: Any) -> None:
        label = label_from_message(message)
        if label.outcome is not Outcome.MARK:
            self.labels[label.episode] = label

    def _on_recorded(self, message: Any) -> None:
        recorded = recorded_from_message(message)
        self.recorded[recorded.episode] = recorded

    def _on_learner(self, message: Any) -> None:
        self._learner = learner_from_message(message)

    def _on_policy(self, message: Any) -> None:
        self.policy = policy_from_message(message)

    def _on_safety(self, message: Any) -> None:
        self.safety = safety_from_message(message)

    def _on_budget(self, message: Any) -> None:
        self.budget = budget_from_message(message)

    def _on_diagnostics(self, message: Any) -> None:
        """Of all robots on the domain: the namespace stands before the robot's name."""
        own = self.node.get_namespace().strip("/")
        for status in message.status:
            namespace = status.hardware_id.rpartition("/")[0]
            if (status.name, namespace) == (PLAYER, own):
                self.chunks = {value.key: value.value for value in status.values}

    def _on_success(self, message: Any) -> None:
        self.sees_success = message.data
