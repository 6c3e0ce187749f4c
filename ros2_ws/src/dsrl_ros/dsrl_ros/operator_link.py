"""What an operator's tool hears of a graph and asks of it, on a node that somebody else made.

In rqt the node is rqt's and is served by a thread of its own; a terminal serves its node itself.
So nothing here waits: orders are sent, answers are collected.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from std_srvs.srv import SetBool, Trigger

from dsrl_core.operator.heard import Heard, see
from dsrl_core.operator.orders import Answer, Asked, Order, RunWanted
from dsrl_core.status import RUN_AB
from dsrl_core.types import Label
from dsrl_interfaces.srv import LabelEpisode, RunEpisodes
from dsrl_ros import topics
from dsrl_ros.conversions.basics import time_from_message
from dsrl_ros.conversions.episodes import (
    budget_from_message,
    label_from_message,
    recorded_from_message,
    safety_from_message,
    status_from_message,
)
from dsrl_ros.conversions.learning import learner_from_message
from dsrl_ros.namespaces import OWN_CLOCK, full_namespace

ANSWER_S: Final = 10.0
"""An order that was not answered within this is given up."""
_DAY_NS: Final = 86_400 * 10**9
_CLOCK: Final = topics.Topic(OWN_CLOCK[0], Clock, topics.Quality(1, reliable=False))


@dataclass
class _Sent:
    order: Order
    client: Any
    request: Any
    since_s: float
    future: Any = None


class OperatorLink:
    """Thread-safe: the node's callbacks may come from another thread than the calls."""

    def __init__(self, node: Node, author: str, namespace: str = "") -> None:
        """`author`: whose name labels bear; `namespace`: of the graph, the node's own if empty.

        Raises:
            InvalidValue: it is none.
        """
        self.author = author
        self.run_wanted = RunWanted()
        self._node = node
        self._place = full_namespace(namespace or node.get_namespace())
        self._lock = threading.Lock()
        self._heard = Heard()
        self._entries: dict[int, Label] = {}
        self._heard_s = -math.inf
        self._clock_ns = 0
        self._alive = 0
        self._is_lost = False
        self._sent: list[_Sent] = []
        self._answers: list[Answer] = []
        self._kept = [
            self._topic(topics.EPISODE).subscribe(node, self._on_status, self._lost, self._back),
            self._topic(topics.SAFETY).subscribe(node, self._on_safety),
            self._topic(topics.LEARNER_STATUS).subscribe(node, self._on_learner),
            self._topic(topics.RUN_BUDGET).subscribe(node, self._on_budget),
            _CLOCK.subscribe(node, self._on_clock),
        ]
        if self._place:
            own_clock = replace(_CLOCK, name=f"{self._place}/{OWN_CLOCK[1]}")
            self._kept.append(own_clock.subscribe(node, self._on_clock))
        self._histories = self._hear_histories()
        self._clients = {
            Asked.LABEL: self._client(LabelEpisode, topics.LABEL_SERVICE),
            Asked.HOLD: self._client(Trigger, topics.HOLD_SERVICE),
            Asked.RESUME: self._client(Trigger, topics.RESUME_SERVICE),
            Asked.START: self._client(Trigger, topics.START_SERVICE),
            Asked.END: self._client(Trigger, topics.STOP_SERVICE),
        }
        pause = self._client(SetBool, topics.PAUSE_SERVICE)
        run = self._client(RunEpisodes, topics.RUN_SERVICE)
        self._clients |= {Asked.PAUSE: pause, Asked.GO_ON: pause, Asked.PLAN: run, Asked.RUN: run}

    def heard(self) -> Heard:
        """Everything until now."""
        with self._lock:
            heard = self._heard
            quiet_s = time.monotonic() - self._heard_s
        now_ns = time.time_ns()
        status = heard.status
        # Where stamps are not of today they are a simulator's.
        if status is not None and abs(now_ns - status.stamp_ns) > _DAY_NS:
            now_ns = self._clock_ns
        return replace(heard, now_ns=now_ns, quiet_s=quiet_s)

    def send(self, order: Order) -> None:
        """Ask for it; the answer comes by `answers`."""
        sent = _Sent(order, self._clients[order.asked], self._request(order), time.monotonic())
        with self._lock:
            self._sent.append(sent)
        self.tend()

    def answers(self) -> list[Answer]:
        """Those that have come since the last call; to be called several times a second."""
        self.tend()
        with self._lock:
            answers, self._answers = self._answers, []
        return answers

    def tend(self) -> None:
        """Send what could not be sent before, give up what is not answered, and hear a graph's
        history anew that was started again."""
        if self._is_lost and self._alive:
            self._is_lost = False
            self._hear_anew()
        with self._lock:
            waiting = [sent for sent in self._sent if sent.future is None]
            late = [s for s in self._sent if time.monotonic() - s.since_s > ANSWER_S]
            self._sent = [sent for sent in self._sent if sent not in late]
        for sent in late:
            if sent.future is not None:
                sent.client.remove_pending_request(sent.future)
            self._answer(Answer(sent.order, False, f"no answer of {sent.client.srv_name}"))
        for sent in waiting:
            if sent not in late and sent.client.service_is_ready():
                sent.future = sent.client.call_async(sent.request)
                sent.future.add_done_callback(self._done(sent))

    def close(self) -> None:
        """Leave the node as it was."""
        for subscription in (*self._kept, *self._histories):
            self._node.destroy_subscription(subscription)
        for client in {id(c): c for c in self._clients.values()}.values():
            self._node.destroy_client(client)

    # Inside.

    def _topic(self, topic: topics.Topic) -> topics.Topic:
        return replace(topic, name=f"{self._place}/{topic.name}") if self._place else topic

    def _client(self, kind: type, name: str) -> Any:
        return self._node.create_client(kind, f"{self._place}/{name}" if self._place else name)

    def _hear_histories(self) -> list[Any]:
        return [
            self._topic(topics.LABEL_LEDGER).subscribe(self._node, self._on_label),
            self._topic(topics.EPISODE_RECORDED).subscribe(self._node, self._on_recorded),
        ]

    def _hear_anew(self) -> None:
        """It may be another run; a new subscription is told all that is latched."""
        for subscription in self._histories:
            self._node.destroy_subscription(subscription)
        with self._lock:
            self._entries = {}
            status = self._heard.status
            seen = see({}, status) if status is not None else {}
            self._heard = replace(self._heard, entries=(), recorded={}, seen=seen)
        self._histories = self._hear_histories()

    def _request(self, order: Order) -> Any:
        match order.asked:
            case Asked.LABEL:
                return LabelEpisode.Request(
                    episode=order.episode,
                    outcome=str(order.outcome),
                    reward=-1.0 if order.reward is None else order.reward,
                    author=self.author,
                    supersedes=order.supersedes,
                )
            case Asked.PLAN | Asked.RUN:
                wanted, heard = self.run_wanted, self.heard()
                status = heard.status
                has_run = bool(heard.recorded or heard.entries)
                return RunEpisodes.Request(
                    mode=wanted.mode,
                    arms=list(wanted.arms) if wanted.mode == RUN_AB else [],
                    alpha=wanted.alpha,
                    margin=wanted.margin,
                    plan_only=order.asked is Asked.PLAN,
                    count=wanted.count,
                    seed=wanted.seed,
                    first_index=status.episode + 1 if status and has_run else 0,
                )
            case Asked.PAUSE | Asked.GO_ON:
                return SetBool.Request(data=order.asked is Asked.PAUSE)
            case _:
                return Trigger.Request()

    def _done(self, sent: _Sent) -> Callable[[Any], None]:
        def on_done(future: Any) -> None:
            with self._lock:
                if sent not in self._sent:
                    return
                self._sent.remove(sent)
            answer = future.result()
            accepted = answer.accepted if hasattr(answer, "accepted") else answer.success
            self._answer(Answer(sent.order, bool(accepted), str(answer.message)))

        return on_done

    def _answer(self, answer: Answer) -> None:
        with self._lock:
            self._answers.append(answer)

    def _lost(self) -> None:
        self._alive = max(0, self._alive - 1)
        self._is_lost = self._is_lost or not self._alive

    def _back(self) -> None:
        self._alive += 1

    def _hear(self, **news: Any) -> None:
        with self._lock:
            self._heard = replace(self._heard, **news)

    def _on_status(self, message: Any) -> None:
        status = status_from_message(message)
        self._heard_s = time.monotonic()
        self._hear(status=status, seen=see(self._heard.seen, status))

    def _on_budget(self, message: Any) -> None:
        self._heard_s = time.monotonic()
        self._hear(budget=budget_from_message(message))

    def _on_safety(self, message: Any) -> None:
        self._hear(safety=safety_from_message(message))

    def _on_learner(self, message: Any) -> None:
        self._hear(learner=learner_from_message(message))

    def _on_label(self, message: Any) -> None:
        label = label_from_message(message)
        self._entries[label.entry] = label
        self._hear(entries=tuple(self._entries[number] for number in sorted(self._entries)))

    def _on_recorded(self, message: Any) -> None:
        recorded = recorded_from_message(message)
        self._hear(recorded={**self._heard.recorded, recorded.episode: recorded})

    def _on_clock(self, message: Any) -> None:
        self._clock_ns = time_from_message(message.clock)
