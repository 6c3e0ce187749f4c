"""Faults that are provoked in a running simulated graph, for tests and benchmarks.

Each says which of safety's rules may hold the arm because of it, and how a person mends it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from franka_msgs.action import ErrorRecovery
from rclpy.action import ActionClient
from std_srvs.srv import SetBool, Trigger

from dsrl_core.errors import DsrlError
from dsrl_core.status import Phase
from dsrl_core.types import Decision, Float32Array, Mode, Observation
from dsrl_ros import topics
from dsrl_ros.conversions.decisions import decision_to_message, request_from_message
from dsrl_ros.session import GraphSession
from dsrl_sim import franka_topics

_WAIT_S: Final = 30.0


class Cell:
    """A running graph and the hands of a person in front of it."""

    def __init__(self, session: GraphSession, chunk_shape: tuple[int, int]) -> None:
        self.session, self.client = session, session.client
        node = session.client.node
        self._shape = chunk_shape
        self._user_stop = node.create_client(SetBool, franka_topics.USER_STOP_SERVICE)
        self._reflex = node.create_client(Trigger, franka_topics.LOSE_PACKETS_SERVICE)
        self._hand = node.create_client(SetBool, franka_topics.GRIPPER_FAULT_SERVICE)
        self._recovery = ActionClient(
            node, ErrorRecovery, f"{franka_topics.ACTION_SERVER}/error_recovery"
        )
        self._controllers = node.create_client(SetBool, franka_topics.CONTROLLERS_SERVICE)
        self._chunks = topics.ACTION_CHUNK.publisher(node)
        self._answer: Callable[[Any], None] | None = None
        topics.CHUNK_REQUEST.subscribe(node, self._on_request)
        self._stopped: list[int] = []

    # Faults.

    def pause(self, node: str) -> None:
        """Stop a process as if the machine had no time for it."""
        process = self.session.process_id(node)
        assert process is not None
        self._stopped.append(process)
        os.kill(process, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let paused processes go on; nobody answers in their place any more."""
        self._answer = None
        for process in self._stopped:
            os.kill(process, signal.SIGCONT)
        self._stopped.clear()

    def kill(self, node: str) -> None:
        process = self.session.process_id(node)
        assert process is not None
        os.kill(process, signal.SIGKILL)

    def is_back(self, node: str) -> None:
        """Wait until a process that was killed has been started again and is ready: one that is
        killed before would be given up."""
        self.client.wait_for(node, lambda: self.session.process_id(node) is not None, _WAIT_S)
        if node == "noise_actor":
            self.client.wait_for(node, lambda: self._publishers(topics.ACTION_CHUNK) > 1, _WAIT_S)
        else:
            self.client.wait_for(node, lambda: self._publishers(topics.POLICY_INFO) > 0, _WAIT_S)
        self.client.spin(_READY_S)

    def _publishers(self, topic: topics.Topic) -> int:
        return int(self.client.node.count_publishers(topic.name))

    def user_stop(self, pressed: bool) -> None:
        self._call(self._user_stop, SetBool.Request(data=pressed))

    def reflex(self) -> None:
        self._call(self._reflex, Trigger.Request())

    def break_hand(self, broken: bool) -> None:
        self._call(self._hand, SetBool.Request(data=broken))

    def answer_with(self, chunk: Float32Array, late_s: float = 0.0) -> None:
        """Chunks of this test instead of the noise actor's, of observations so long ago."""
        self.pause("noise_actor")

        def answer(message: Any) -> None:
            request = request_from_message(message)
            seen = Observation(request.stamp_ns - round(late_s * 1e9), np.zeros(1, np.float32))
            empty = np.zeros((1, 1), np.float32)
            decision = Decision(
                request.episode, request.sequence, seen, empty, empty, chunk, "test", 0, 0
            )
            self._chunks.publish(decision_to_message(decision))

        self._answer = answer

    def bad_chunk(self, value: float, late_s: float = 0.0) -> None:
        self.answer_with(np.full(self._shape, value, np.float32), late_s)

    # What a person does then.

    def recover(self) -> None:
        """Clear the robot's error and activate its controllers again, as an operator does."""
        self.client.wait_for("error recovery", self._recovery.server_is_ready, _WAIT_S)
        sent = self._recovery.send_goal_async(ErrorRecovery.Goal())
        self.client.wait_for("answer of error recovery", sent.done, _WAIT_S)
        ended = sent.result().get_result_async()
        self.client.wait_for("end of error recovery", ended.done, _WAIT_S)
        self._call(self._controllers, SetBool.Request(data=True))

    def resume(self) -> None:
        """Press resume until nothing speaks against it any more; a reflex is recovered from first.

        A simulator that was paused may find a leap in what came meanwhile.

        Raises:
            DsrlError: something still does.
        """
        until_s = time.monotonic() + _WAIT_S
        while self.is_held:
            accepted, message = self.client.resume()
            if accepted:
                break
            if time.monotonic() > until_s:
                raise DsrlError(message)
            if "(reflex)" in message:
                self.recover()
            self.client.spin(0.2)
        self.client.wait_for("an arm that is not held", lambda: not self.is_held, _WAIT_S)

    # What is seen.

    @property
    def is_held(self) -> bool:
        return self.client.safety is not None and self.client.safety.held

    def is_in(self, phase: Phase) -> bool:
        return self.client.status is not None and self.client.status.phase is phase

    def run(self) -> int:
        """Begin a run; the number of its first episode, which moves now."""
        if self.is_held:
            self.resume()
        self.client.begin(Mode.ZERO, 0, 3, 0)
        return self.moving()

    def moving(self) -> int:
        """Wait until an episode runs and has played its first chunk; its number.

        A reflex of a simulator that had no time for its set-points is recovered from.
        """
        until_s = time.monotonic() + _WAIT_S
        while not self.is_in(Phase.RUNNING):
            self.session.check()
            if self.is_held:
                self.resume()
            if time.monotonic() > until_s:
                raise DsrlError(f"no episode runs: {self.client.status}")
            self.client.serve(0.05)
        self.client.spin(_INTO_IT_S)
        assert self.client.status is not None
        return self.client.status.episode

    def end(self) -> None:
        """Back to idle, whatever runs."""
        self.go_on()
        self.client.stop()
        self.client.wait_for("end of the run", lambda: self.is_in(Phase.IDLE), _WAIT_S)

    def held_after(self, fault: Fault) -> float:
        """Provoke a fault; how long it takes [s] until the arm is held."""
        began_s = time.monotonic()
        fault.provoke(self)
        while not self.is_held:
            self.session.check()
            if time.monotonic() - began_s > _WAIT_S:
                raise TimeoutError(f"{fault.name}: not held within {_WAIT_S:.0f} s")
            self.client.serve(0.02)
        return time.monotonic() - began_s

    def _on_request(self, message: Any) -> None:
        if self._answer is not None and not message.final:
            self._answer(message)

    def _call(self, client: Any, request: Any) -> None:
        self.client.wait_for("the simulator's service", client.service_is_ready, _WAIT_S)
        asked = client.call_async(request)
        self.client.wait_for("the simulator's answer", asked.done, _WAIT_S)


_INTO_IT_S: Final = 0.4
_READY_S: Final = 1.5
"""After its publishers are there, a node is ready within."""


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong, and the rules by which safety may notice it first."""

    name: str
    rules: tuple[str, ...]
    provoke: Callable[[Cell], object]
    mend: Callable[[Cell], object] = Cell.go_on
    uses_a_restart: bool = False
    """Whether a process is killed, which is started again a few times only."""


_NO_ACTOR: Final = ("no_chunk", "lost_noise_actor")


def _recovered(cell: Cell) -> None:
    cell.recover()


def _released(cell: Cell) -> None:
    cell.user_stop(False)
    cell.recover()


FAULTS: Final = (
    Fault("stop service", ("stop",), lambda cell: cell.client.hold()),
    Fault("user stop", ("mode",), lambda cell: cell.user_stop(True), _released),
    Fault("reflex", ("mode",), Cell.reflex, _recovered),
    Fault(
        "joint states stop",
        ("stale_joint_states", "stale_robot_state"),
        lambda cell: cell.pause("franka_sim"),
    ),
    Fault("noise actor hangs", _NO_ACTOR, lambda cell: cell.pause("noise_actor")),
    Fault(
        "noise actor is killed",
        _NO_ACTOR,
        lambda cell: cell.kill("noise_actor"),
        lambda cell: cell.is_back("noise_actor"),
        uses_a_restart=True,
    ),
    Fault(
        "policy server is killed",
        ("lost_policy_server", "no_chunk"),
        lambda cell: cell.kill("policy_server"),
        lambda cell: cell.is_back("policy_server"),
        uses_a_restart=True,
    ),
    Fault("chunk of NaN", _NO_ACTOR, lambda cell: cell.bad_chunk(float("nan"))),
    Fault("chunk from the past", _NO_ACTOR, lambda cell: cell.bad_chunk(0.0, late_s=60.0)),
    Fault("leap of a metre", _NO_ACTOR, lambda cell: cell.bad_chunk(1.0)),
)
