"""How every node starts, spins and ends; the nodes themselves hold only what is theirs."""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import ParameterException
from rclpy.executors import Executor
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.timer import Timer

from dsrl_core.errors import DsrlError
from dsrl_ros.declaring import declare
from dsrl_ros.machine import stay_on_this_machine

READY_VARIABLE = "DSRL_READY_FD"
"""Environment variable with the number of a pipe into which a node writes that it is ready
(`READY`), and at least every second that it is alive (`ALIVE`)."""
READY, ALIVE = b"\n", b"."
RUNNER_VARIABLE = "DSRL_RUNNER_PID"
"""Environment variable with the process id of the runner: a node does not outlive it."""
REFUSED = 2
"""Exit status of a node that was given something that a user must mend: not to be started again."""

_SIGN_PERIOD_S = 1.0
STUCK_S = 20.0
"""A node whose executor is stuck in a callback for so long says where, and ends itself."""
_SET_PARENT_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of linux/prctl.h."""
_Parameters = TypeVar("_Parameters")


class DsrlNode(Node, Generic[_Parameters]):
    """A node whose parameters are a frozen dataclass."""

    def __init__(self, name: str, parameters: type[_Parameters]) -> None:
        super().__init__(name, automatically_declare_parameters_from_overrides=True)
        self.parameters: _Parameters = declare(self, parameters)
        self._wall_clock = Clock(clock_type=ClockType.STEADY_TIME)

    def now_ns(self) -> int:
        """ROS time [ns]: simulated time in a simulation."""
        return int(self.get_clock().now().nanoseconds)

    def wall_timer(self, period_s: float, callback: Callable[[], None]) -> Timer:
        """A timer on the wall's clock: it goes on while simulated time stands still."""
        return self.create_timer(period_s, callback, clock=self._wall_clock)

    def waits_for(self) -> str:
        """What is not there yet of what this node needs at its start, for people; empty: nothing.

        Discovery takes a moment, and a message that nobody heard is lost.
        """
        return ""

    def turn(self, executor: Executor) -> None:
        """Wait for something to do and do it; a second at most, so that a stop is seen."""
        executor.spin_once(timeout_sec=1.0)

    def close(self) -> None:
        """Let go of what is not ROS's; called once, after the last callback."""


def spin(make: Callable[[], DsrlNode], args: Sequence[str] | None = None) -> None:
    """Make a node, serve it until SIGINT or SIGTERM, and end without a traceback.

    A node that refuses what it was given says why on standard error and ends with `REFUSED`.
    """
    stop = _Stop()
    _end_with_runner()
    stay_on_this_machine()
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    node, signs = None, _Signs()
    try:
        node = make()
        executor = EventsExecutor()
        executor.add_node(node)
        stop.wakes(executor)
        signs.watch()
        node.wall_timer(_SIGN_PERIOD_S, signs.alive)
        while not stop.is_wanted and (missing := node.waits_for()):
            node.get_logger().info(f"waiting for {missing}", throttle_duration_sec=5.0)
            executor.spin_once(timeout_sec=0.02)
        if not stop.is_wanted:
            signs.ready()
        while not stop.is_wanted:
            node.turn(executor)
    except (DsrlError, ParameterException) as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(REFUSED)
    finally:
        signs.no_more()
        if node is not None:
            node.close()
            node.destroy_node()
        rclpy.try_shutdown()


class _Stop:
    """SIGINT and SIGTERM, heeded between two callbacks.

    rclpy's own handlers shut the context down in the midst of one, and what it then publishes is an
    error; so they are not used.
    """

    def __init__(self) -> None:
        self._wanted = threading.Event()
        self._executor: Executor | None = None
        self._heard, self._told = socket.socketpair()
        self._told.setblocking(False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        # The interpreter tells at once, while its own handlers wait for the executor to come back.
        signal.set_wakeup_fd(self._told.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def is_wanted(self) -> bool:
        return self._wanted.is_set()

    def wakes(self, executor: Executor) -> None:
        """Let a signal end this executor's waiting."""
        self._executor = executor

    def _listen(self) -> None:
        self._heard.recv(1)
        self._wanted.set()
        if self._executor is not None:
            self._executor.wake()


def _end_with_runner() -> None:
    """Be ended by the system when the runner is gone, be it that it was killed."""
    runner = os.environ.pop(RUNNER_VARIABLE, None)
    if runner is None:
        return
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
    if os.getppid() != int(runner):
        sys.exit(0)


class _Signs:
    """To whoever started this process: it is ready, it is alive. The executor gives them, so that a
    node that is stuck in a callback gives none."""

    def __init__(self) -> None:
        number = os.environ.pop(READY_VARIABLE, None)
        self._pipe = None if number is None else int(number)
        if self._pipe is not None:
            os.set_blocking(self._pipe, False)
            os.set_inheritable(self._pipe, False)

    def ready(self) -> None:
        self._write(READY)

    def alive(self) -> None:
        self.watch()
        self._write(ALIVE)

    @staticmethod
    def watch() -> None:
        """End this process unless this is called again in time. By a thread that needs nothing of
        the interpreter: whoever started it, the launch system too, sees a process that died."""
        faulthandler.dump_traceback_later(STUCK_S, exit=True)

    def no_more(self) -> None:
        """What follows may take its time."""
        faulthandler.cancel_dump_traceback_later()

    def _write(self, sign: bytes) -> None:
        if self._pipe is None:
            return
        # Full: nobody has read for hours, and there are signs enough. Broken: nobody will.
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(self._pipe, sign)
