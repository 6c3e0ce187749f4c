"""Policies of frameworks that live in an environment and a process of their own.

The backend here starts the framework's worker as a child and talks to it over the wire. A worker
that ends, or gives no answer in time, is started again beside the service, which goes on: until it
is ready again every call fails at once with `PolicyUnavailable`, and the arm holds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from dsrl_core.errors import DsrlError
from dsrl_core.policies.backend import Encoded, check_decode, check_observations
from dsrl_core.policies.installing import environment_of_framework, new_log
from dsrl_core.policies.wire import PolicyLost, PolicyUnavailable, RemotePolicy
from dsrl_core.policies.worker_process import Worker, WorkerFailed, WorkerProcess, seconds
from dsrl_core.specs import PolicySpec
from dsrl_core.types import Float32Array, UInt8Array

RESTARTS_MAX: Final = 3
"""Starts of a worker without a good answer in between; then it stays down."""
STARTUP_S: Final = 180.0
"""In `settings`: startup_s. A model of some GB is read and run once in this time."""
TIMEOUT_S: Final = 10.0
"""In `settings`: timeout_s. A worker that answers later is taken for hung."""
_ENDING_S: Final = 1.0
"""The loss of its connection is heard before its end is seen."""

_Answer = TypeVar("_Answer")


class FrameworkPolicy:
    """`PolicyBackend` of a worker; see `Worker`. Calls come from one thread."""

    def __init__(self, spec: PolicySpec, worker: Worker) -> None:
        """
        Raises:
            WorkerFailed: the worker did not start; with the end of its log.
            InvalidFile: `startup_s` or `timeout_s` of the policy's settings is no time.
        """
        self.spec, self._worker = spec, worker
        self._startup_s = seconds(spec, "startup_s", STARTUP_S)
        self._timeout_s = seconds(spec, "timeout_s", TIMEOUT_S)
        self._lock, self._is_closing = threading.Lock(), False
        self._restarting: threading.Thread | None = None
        self._restarts = 0
        self._why_down = ""
        self._process = self._new_process()
        try:
            self._process.wait_ready(self._startup_s)
            self._remote = self._connect()
            self._digest = self._remote.digest()
        except DsrlError:
            self._process.close()
            raise

    @property
    def worker_pid(self) -> int:
        """Process number of the worker; another one after it was started again."""
        return self._process.pid

    def encode(self, observations: Float32Array, images: UInt8Array | None = None) -> Encoded:
        check_observations(self.spec, observations, images)
        return self._ask(lambda remote: remote.encode(observations, images))

    def decode(self, encoded: Encoded, noises: Float32Array) -> Float32Array:
        check_decode(self.spec, encoded, noises)
        return self._ask(lambda remote: remote.decode(encoded, noises))

    def digest(self) -> str:
        return self._ask(lambda remote: remote.digest())

    def close(self) -> None:
        with self._lock:
            self._is_closing = True
            if self._restarting is not None:
                self._process.kill()
        if self._restarting is not None:
            self._restarting.join()
        self._remote.close()
        self._process.close()

    def _ask(self, question: Callable[[RemotePolicy], _Answer]) -> _Answer:
        if self._restarting is not None:
            self._take_over()
        asked = time.monotonic()
        if not self._process.has_ended:
            try:
                answer = question(self._remote)
            except PolicyLost:
                is_late = time.monotonic() - asked >= self._timeout_s
                if not is_late and not self._process.ends_within(_ENDING_S):
                    raise
            else:
                self._restarts = 0
                return answer
        self._why_down = self._process.obituary()
        self._restarting = threading.Thread(target=self._start_again, daemon=True)
        self._restarting.start()
        raise PolicyUnavailable(f"{self._why_down}\nIt is started again.")

    def _take_over(self) -> None:
        """Go on with the worker that was started in the place of another.

        Raises:
            PolicyUnavailable: it is not ready yet, did not start, or is another policy.
        """
        assert self._restarting is not None
        if self._restarting.is_alive():
            raise PolicyUnavailable(f"{self._why_down}\nIt is being started again.")
        if self._why_down:
            raise PolicyUnavailable(f"{self._why_down}\nIt stays down: start the service again.")
        self._restarting = None
        self._remote.close()
        self._remote = self._connect()
        if self._remote.digest() != self._digest:
            raise PolicyUnavailable(
                f"policy '{self.spec.name}' came back with other weights than it had before"
            )

    def _start_again(self) -> None:
        """In a thread of its own; leaves `_why_down` empty where a worker is ready."""
        while self._restarts < RESTARTS_MAX:
            self._process.kill()
            self._process.close()
            with self._lock:
                if self._is_closing:
                    return
                self._restarts += 1
                self._process = self._new_process()
            try:
                self._process.wait_ready(self._startup_s)
            except WorkerFailed as error:
                self._why_down = str(error)
            else:
                self._why_down = ""
                return

    def _new_process(self) -> WorkerProcess:
        return WorkerProcess(self._worker, self.spec, new_log(self.spec.name))

    def _connect(self) -> RemotePolicy:
        return RemotePolicy(self._process.endpoint, self.spec, self._timeout_s)


class LeRobotProcess(FrameworkPolicy):
    """`PolicyBackend` of a LeRobot checkpoint; see `workers.lerobot` for its settings."""

    def __init__(self, spec: PolicySpec) -> None:
        super().__init__(spec, environment_of_framework("lerobot").worker)
