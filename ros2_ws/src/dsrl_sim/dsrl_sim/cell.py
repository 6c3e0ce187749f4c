"""A running simulated graph and what may go wrong with it, for tests and benchmarks."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from franka_msgs.msg import FrankaRobotState
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from std_srvs.srv import SetBool, Trigger

from dsrl_core.errors import DsrlError
from dsrl_core.status import Phase
from dsrl_core.types import Decision, Float32Array, Mode, Observation
from dsrl_ros import topics
from dsrl_ros.conversions.decisions import decision_to_message, request_from_message
from dsrl_ros.session import GraphSession
from dsrl_sim import franka_topics
from dsrl_sim.recovery import Recovery

WAIT_S: Final = 60.0
"""What has not happened by then, on a machine however busy, does not happen."""
_INTO_IT_S: Final = 0.4
_READY_S: Final = 1.5
"""After its publishers are there, a node is ready within."""
_LIVES_BY: Final = {
    "noise_actor": topics.ACTION_CHUNK,
    "policy_server": topics.POLICY_INFO,
    "episode_manager": topics.EPISODE,
}


class Cell:
    """A graph, what goes wrong with it, and the hands of a person in front of it."""

    def __init__(self, session: GraphSession, chunk_shape: tuple[int, int]) -> None:
        """`chunk_shape`: (rows, columns) of the policy's chunks."""
        self.session, self.client = session, session.client
        self.chunk_shape = chunk_shape
        node = session.client.node
        self._switches = {
            name: node.create_client(SetBool, name)
            for name in (
                franka_topics.USER_STOP_SERVICE,
                franka_topics.GRIPPER_FAULT_SERVICE,
                franka_topics.FREEZE_CAMERAS_SERVICE,
                franka_topics.STOP_CAMERAS_SERVICE,
                franka_topics.HIDE_OBJECT_SERVICE,
            )
        }
        self._reflex = node.create_client(Trigger, franka_topics.LOSE_PACKETS_SERVICE)
        self._clock = node.create_client(SetParameters, "chunk_player/set_parameters")
        self._recovery = Recovery(node)
        self._mode = -1
        topics.ROBOT_STATE.subscribe(node, self._on_state)
        self._chunks = topics.ACTION_CHUNK.publisher(node)
        self._answer: Callable[[Any], None] | None = None
        self.answered = 0
        """How many requests got a chunk from here instead of from the noise actor."""
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
        """Let paused processes go on."""
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
        topic = _LIVES_BY[node]
        own = 1 if topic is topics.ACTION_CHUNK else 0
        self.client.wait_for(node, lambda: self.session.process_id(node) is not None, WAIT_S)
        self.client.wait_for(
            node, lambda: self.client.node.count_publishers(topic.name) > own, WAIT_S
        )
        self.client.spin(_READY_S)

    def user_stop(self, pressed: bool) -> None:
        self._switch(franka_topics.USER_STOP_SERVICE, pressed)

    def reflex(self) -> None:
        self._call(self._reflex, Trigger.Request())

    def stop_cameras(self, stopped: bool) -> None:
        self._switch(franka_topics.STOP_CAMERAS_SERVICE, stopped)

    def freeze_cameras(self, frozen: bool) -> None:
        self._switch(franka_topics.FREEZE_CAMERAS_SERVICE, frozen)

    def hide_object(self, hidden: bool) -> None:
        """Without its pose the noise actor, which lives, makes no chunk."""
        self._switch(franka_topics.HIDE_OBJECT_SERVICE, hidden)

    def break_hand(self, broken: bool) -> None:
        """Every command of the hand fails; broken, it is told to close."""
        self._switch(franka_topics.GRIPPER_FAULT_SERVICE, broken)
        if broken:
            self.answer_with(np.zeros(self.chunk_shape, np.float32))
        else:
            self.answer_no_more()

    def set_clock_back(self, back: bool) -> None:
        """The chunk player's clock, to zero and there it stays; or to the system's time again."""
        value = ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=back)
        parameter = Parameter(name="use_sim_time", value=value)
        self._call(self._clock, SetParameters.Request(parameters=[parameter]))

    def answer_with(self, chunk: Float32Array, late_s: float = 0.0) -> None:
        """This chunk (rows, columns) instead of the noise actor's, which lives, of an observation
        so long ago [s]; negative: in the future."""
        self.hide_object(True)
        self.answer_also(chunk, late_s)

    def answer_also(self, chunk: Float32Array, late_s: float = 0.0) -> None:
        """As `answer_with`, whatever the noise actor does."""
        self.answered = 0

        def answer(message: Any) -> None:
            request = request_from_message(message)
            seen = Observation(request.stamp_ns - round(late_s * 1e9), np.zeros(1, np.float32))
            empty = np.zeros((1, 1), np.float32)
            decision = Decision(
                request.episode, request.sequence, seen, empty, empty, chunk, "test", 0, 0
            )
            self._chunks.publish(decision_to_message(decision))
            self.answered += 1

        self._answer = answer

    def answer_no_more(self) -> None:
        self.answer_nothing_also()
        self.hide_object(False)

    def answer_nothing_also(self) -> None:
        """The end of `answer_also`."""
        self._answer = None

    # What a person does then.

    def recover(self) -> None:
        """Clear the robot's error and activate its controllers again."""
        self.client.wait_for("the robot", lambda: self._recovery.is_ready, WAIT_S)
        self._recovery.clear_error()
        self.client.wait_for("end of a recovery", lambda: self._recovery.is_done, WAIT_S)

    def resume(self) -> None:
        """Press resume until nothing speaks against it any more; a reflex is recovered from first.

        A simulator that was paused may find a leap in what came meanwhile.

        Raises:
            DsrlError: something still does.
        """
        until_s = time.monotonic() + WAIT_S
        while self.is_held:
            accepted, message = self.client.resume()
            if time.monotonic() > until_s:
                raise DsrlError(f"the arm is still held: {message}")
            if not accepted and self._mode == FrankaRobotState.ROBOT_MODE_REFLEX:
                self.recover()
            self.client.spin(0.2)

    # What is seen.

    @property
    def is_held(self) -> bool:
        return self.client.safety is not None and self.client.safety.held

    def is_in(self, phase: Phase) -> bool:
        return self.client.status is not None and self.client.status.phase is phase

    def run(self) -> int:
        """Begin a run; the number of its first episode, which moves now."""
        if not self.is_in(Phase.IDLE):
            self.end()
        if self.is_held:
            self.resume()
        self.client.begin(Mode.ZERO, 0, 3, 0)
        return self.moving()

    def moving(self) -> int:
        """Wait until an episode runs and has played its first chunk; its number.

        A reflex of a simulator that had no time for its set-points is recovered from.
        """
        until_s = time.monotonic() + WAIT_S
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
        self.client.stop()
        self.client.wait_for("end of the run", lambda: self.is_in(Phase.IDLE), WAIT_S)

    def _on_state(self, message: FrankaRobotState) -> None:
        self._mode = int(message.robot_mode)

    def _on_request(self, message: Any) -> None:
        if self._answer is not None and not message.final:
            self._answer(message)

    def _switch(self, name: str, on: bool) -> None:
        self._call(self._switches[name], SetBool.Request(data=on))

    def _call(self, client: Any, request: Any) -> None:
        self.client.wait_for(client.srv_name, client.service_is_ready, WAIT_S)
        asked = client.call_async(request)
        self.client.wait_for(f"answer of {client.srv_name}", asked.done, WAIT_S)
