"""Starts a graph's nodes as processes on this machine, watches them, and ends them.

A process that dies is reported; where its description allows, it is started again, each time after
a longer pause and a few times in a row at most. One that gives no sign of life (it is stopped) is
ended first, and then treated the same. Nodes run in sessions of their own, so that Ctrl+C reaches
the runner alone, which then ends them in order; and they end by themselves if the runner is killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dsrl_core.errors import DsrlError
from dsrl_ros.graph import Graph, NodeStart
from dsrl_ros.machine import clean_shared_memory
from dsrl_ros.namespaces import enclave_of
from dsrl_ros.node import READY, READY_VARIABLE, REFUSED, RUNNER_VARIABLE, STUCK_S

RESTARTS_MAX: Final = 3
_FIRST_PAUSE_S: Final = 0.5
_STEADY_S: Final = 60.0
"""A process that ran for so long has not died of what it died of before: it is counted anew."""
SILENT_S: Final = STUCK_S + 5.0
"""Without a sign of life for so long a process is ended, as one that is stopped; one that is stuck
has ended itself by then, and said where."""
_FIRST_SIGN_S: Final = 120.0
"""Until its first one: it loads its libraries, its weights and what is on disk."""
_ABSENT_S: Final = 2.0
"""A runner that was away for so long itself (stopped, starved) has not listened."""
_STOP_S: Final = 8.0
_POLL_S: Final = 0.05
_TAIL_LINES: Final = 15


@dataclass
class _Process:
    """One node's process, past and present."""

    node: NodeStart
    log: Path
    popen: subprocess.Popen[bytes] | None = None
    signs: int | None = None
    """Pipe that it writes its signs of life to."""
    heard_at_s: float = 0.0
    silent_max_s: float = _FIRST_SIGN_S
    is_stuck: bool = False
    is_ready: bool = False
    was_ever_ready: bool = False
    ready_at_s: float = field(default=0.0)
    restarts: int = 0
    start_at_s: float = field(default=0.0)


class Runner:
    """Runs one graph; `tell` hears in words what happens to its processes."""

    def __init__(self, graph: Graph, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._parameters = graph.options.out / "run.yaml"
        self._parameters.write_text(graph.parameter_file())
        self._remaps: list[str] = []
        for remapping in graph.remappings:
            self._remaps += ["-r", ":=".join(remapping)]
        self._namespace = graph.options.namespace
        if namespace := self._namespace:
            self._remaps += ["-r", f"__ns:={namespace}"]
        folder = graph.options.out / "log"
        self._processes = [_Process(node, folder / f"{node.name}.log") for node in graph.nodes]
        self._ending = threading.Event()
        self._failure: str | None = None
        self._looked_at_s = time.monotonic()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)

    @property
    def failure(self) -> str | None:
        """Why the graph cannot go on, or None while it can."""
        return self._failure

    def start(self, timeout_s: float) -> None:
        """Start every process and wait until all are ready.

        Raises:
            DsrlError: one failed or took too long; names it and shows the end of its log. Nothing
                runs then.
        """
        self._supervisor.start()
        until_s = time.monotonic() + timeout_s
        try:
            while not all(process.is_ready for process in self._processes):
                if self._failure is not None:
                    raise DsrlError(self._failure)
                if time.monotonic() > until_s:
                    late = [process for process in self._processes if not process.is_ready]
                    names = ", ".join(process.node.name for process in late)
                    raise DsrlError(
                        f"not ready after {timeout_s:.0f} s: {names}\n{_tail(late[0].log)}"
                    )
                time.sleep(_POLL_S)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End every process: politely at first, then for sure. Again has no effect."""
        self._ending.set()
        if self._supervisor.is_alive():
            try:
                self._supervisor.join()
            except KeyboardInterrupt:
                self._kill()
                self._supervisor.join()

    def process_id(self, name: str) -> int | None:
        """Of a node that runs, or None."""
        for process in self._processes:
            if process.node.name == name and process.popen and process.popen.poll() is None:
                return process.popen.pid
        return None

    # In the supervisor's thread. It starts every process: a process is told when the thread that
    # started it ends, and this one lives until all of them are gone.

    def _supervise(self) -> None:
        try:
            while not self._ending.wait(_POLL_S) and self._failure is None:
                self._look()
        except OSError as error:
            self._failure = f"a process cannot be started: {error}"
        finally:
            self._end()

    def _look(self) -> None:
        now_s = time.monotonic()
        was_absent = now_s - self._looked_at_s > _ABSENT_S
        for process in self._processes:
            if was_absent:
                process.heard_at_s = now_s
            self._look_after(process, now_s)
        self._looked_at_s = now_s

    def _look_after(self, process: _Process, now_s: float) -> None:
        if process.popen is None:
            if now_s >= process.start_at_s:
                self._spawn(process)
            return
        _listen(process, now_s)
        status = process.popen.poll()
        if status is not None:
            _hang_up(process)
            process.popen = None
            self._died(process, status)
            # Megabytes for every one that was killed.
            clean_shared_memory()
        elif now_s - process.heard_at_s > process.silent_max_s and not process.is_stuck:
            process.is_stuck = True
            process.popen.kill()

    def _spawn(self, process: _Process) -> None:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        environment = dict(os.environ)
        # With compiled modules on disk a node that imports torch starts in half the time.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment[READY_VARIABLE] = str(writing)
        environment[RUNNER_VARIABLE] = str(os.getpid())
        command = [sys.executable, "-m", process.node.module, "--ros-args"]
        command += ["--params-file", str(self._parameters), "--disable-external-lib-logs"]
        command += [*self._remaps, "--enclave", enclave_of(self._namespace, process.node.name)]
        with process.log.open("ab") as log:
            process.popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                pass_fds=(writing,),
                start_new_session=True,
            )
        os.close(writing)
        process.signs, process.heard_at_s = reading, time.monotonic()
        process.silent_max_s, process.is_stuck = _FIRST_SIGN_S, False

    def _died(self, process: _Process, status: int) -> None:
        name, was_ready = process.node.name, process.is_ready
        process.was_ever_ready |= was_ready
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended ({status})"
        if process.is_stuck:
            how = f"gave no sign of life for {process.silent_max_s:.0f} s and was ended"
        process.is_ready = False
        if was_ready and time.monotonic() - process.ready_at_s > _STEADY_S:
            process.restarts = 0
        if not process.was_ever_ready or not process.node.restart or status == REFUSED:
            self._failure = f"{name} {how}\n{_tail(process.log)}"
        elif process.restarts >= RESTARTS_MAX:
            self._failure = (
                f"{name} {how}; given up after {RESTARTS_MAX} new starts\n{_tail(process.log)}"
            )
        else:
            pause_s = _FIRST_PAUSE_S * 2**process.restarts
            process.restarts += 1
            process.start_at_s = time.monotonic() + pause_s
            self._tell(
                f"{name} {how}; started again in {pause_s} s ({process.restarts} of {RESTARTS_MAX})"
            )

    def _end(self) -> None:
        self._signal(signal.SIGTERM)
        until_s = time.monotonic() + _STOP_S
        while any(p.popen and p.popen.poll() is None for p in self._processes):
            if time.monotonic() > until_s:
                self._kill()
                break
            time.sleep(_POLL_S)
        for process in self._processes:
            if process.popen is not None:
                process.popen.wait()
            _hang_up(process)
        clean_shared_memory()

    def _kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        for process in self._processes:
            if process.popen is not None and process.popen.poll() is None:
                process.popen.send_signal(number)


def _listen(process: _Process, now_s: float) -> None:
    """Read the signs that have come."""
    if process.signs is None:
        return
    try:
        signs = os.read(process.signs, 4096)
    except BlockingIOError:
        return
    if not signs:
        _hang_up(process)
        return
    process.heard_at_s, process.silent_max_s = now_s, SILENT_S
    if READY in signs:
        process.is_ready, process.ready_at_s = True, now_s


def _hang_up(process: _Process) -> None:
    if process.signs is not None:
        os.close(process.signs)
        process.signs = None


def _tail(log: Path) -> str:
    """The end of a log, indented, with its place."""
    try:
        lines = log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
    except OSError:
        lines = []
    return "\n".join([f"  the end of {log}:", *(f"  | {line}" for line in lines or ["(empty)"])])
