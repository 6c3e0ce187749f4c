"""A worker as a child process: started, watched, told to end; leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from dsrl_core.errors import DsrlError, InvalidFile
from dsrl_core.specs import PolicySpec

_LOG_LINES: Final = 12
_LOG_BYTES: Final = 16 * 1024
_GRACE_S: Final = 5.0
_POLL_S: Final = 0.05
_NOT_INHERITED: Final = ("LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")
"""They are of our environment: another framework's would load our libraries."""


class WorkerFailed(DsrlError):
    """A worker did not start, or has ended."""


@dataclass(frozen=True)
class Worker:
    """How a framework's worker is started."""

    framework: str
    python: Path
    """Of its environment."""
    module: str
    path: tuple[Path, ...] = ()
    """Folders from which it imports us."""


class WorkerProcess:
    """One child in a session of its own, its socket in a folder that only its owner can enter."""

    def __init__(self, worker: Worker, spec: PolicySpec, log: Path) -> None:
        self._worker, self._spec, self.log = worker, spec, log
        self._folder = Path(tempfile.mkdtemp(prefix="dsrl_worker_"))
        policy, self._socket = self._folder / "policy.json", self._folder / "socket"
        policy.write_bytes(TypeAdapter(PolicySpec).dump_json(spec))
        command = [str(worker.python), "-m", worker.module]
        command += ["--policy", str(policy), "--endpoint", self.endpoint]
        try:
            with log.open("wb") as output:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    env=variables_for(worker, spec),
                )
        except OSError as error:
            shutil.rmtree(self._folder)
            raise WorkerFailed(f"the {worker.framework} worker did not start: {error}") from error

    @property
    def endpoint(self) -> str:
        return f"ipc://{self._socket}"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._ending() is not None

    def ends_within(self, timeout_s: float) -> bool:
        """Whether it has ended, or does so within the time."""
        until = time.monotonic() + timeout_s
        while not self.has_ended:
            if time.monotonic() > until:
                return False
            time.sleep(_POLL_S)
        return True

    def _ending(self) -> os.waitid_result | None:
        """How it ended; None while it runs. Not reaped before `close`: until then its number stays
        its own, and a signal to its session reaches nobody else."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)

    def wait_ready(self, timeout_s: float) -> None:
        """Return as soon as it answers; a worker binds its socket once it is warm.

        Raises:
            WorkerFailed: it ended before, or took longer.
        """
        until = time.monotonic() + timeout_s
        while not self._socket.is_socket():
            if self.has_ended:
                raise WorkerFailed(self.obituary())
            if time.monotonic() > until:
                raise WorkerFailed(
                    f"the {self._worker.framework} worker of policy '{self._spec.name}' was not "
                    f"ready within {timeout_s:g} s (settings.startup_s); {self._last_words()}"
                )
            time.sleep(_POLL_S)

    def obituary(self) -> str:
        """Of a worker that has ended: how, and what it said last."""
        ending = self._ending()
        if ending is None:
            how = "no answer, and was killed"
        elif ending.si_code == os.CLD_EXITED:
            how = f"status {ending.si_status}"
        else:
            how = f"signal {ending.si_status}"
        return (
            f"the {self._worker.framework} worker of policy '{self._spec.name}' ended with {how}; "
            f"{self._last_words()}"
        )

    def close(self) -> None:
        """End it and whatever it started; it is asked first. More often than once does no harm."""
        if self._process.returncode is not None:
            return
        os.kill(self.pid, signal.SIGTERM)
        until = time.monotonic() + _GRACE_S
        while not self.has_ended and time.monotonic() < until:
            time.sleep(_POLL_S)
        self.kill()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def kill(self) -> None:
        """End it and whatever it started at once."""
        if self._process.returncode is None:
            os.killpg(self.pid, signal.SIGKILL)

    def _last_words(self) -> str:
        lines = last_lines(self.log)
        return f"its log {self.log} ends:\n{lines}" if lines else f"its log {self.log} is empty"


def variables_for(worker: Worker | None, spec: PolicySpec | None = None) -> dict[str, str]:
    """The variables that a worker sees, or a tool that works on its environment."""
    variables = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    variables["PYTHONNOUSERSITE"] = "1"
    if worker is None:
        return variables
    variables |= {
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": os.pathsep.join(str(folder) for folder in worker.path),
        # What a policy needs lies in its folder: a start that needs the internet fails on a robot.
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
    }
    if spec is not None and "threads" in spec.settings:
        variables["OMP_NUM_THREADS"] = str(spec.settings["threads"])
    return variables


def last_lines(log: Path) -> str:
    """The end of a log, indented."""
    with log.open("rb") as content:
        content.seek(0, os.SEEK_END)
        content.seek(max(0, content.tell() - _LOG_BYTES))
        lines = content.read().decode(errors="replace").splitlines()
    return "\n".join(f"    {line}" for line in lines[-_LOG_LINES:])


def seconds(spec: PolicySpec, name: str, default: float) -> float:
    """A time [s] from a policy file's settings.

    Raises:
        InvalidFile: it is no positive number.
    """
    value: object = spec.settings.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise InvalidFile(
            f"policy '{spec.name}': settings.{name} is {value!r}, expected a time in seconds"
        )
    return float(value)
