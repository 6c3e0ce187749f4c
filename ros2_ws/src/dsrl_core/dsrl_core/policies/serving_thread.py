"""One thread in which a policy is loaded, warmed up and asked, and in no other.

Frameworks want it so (CUDA graphs assert from other threads), and whoever started it goes on with
what else it has to do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Protocol

from dsrl_core.policies.backend import PolicyBackend

_TURN_S: Final = 0.2


class Server(Protocol):
    """What answers requests: over sockets of ours or a websocket."""

    def serve_once(self, timeout_s: float) -> bool: ...

    def close(self) -> None: ...


class ServingThread:
    """Serves from its making, which waits until the policy is ready, to `close`."""

    def __init__(
        self,
        load: Callable[[], PolicyBackend],
        serve: Callable[[PolicyBackend], Server],
    ) -> None:
        """
        Raises:
            Exception: whatever loading, warming up or binding raised.
        """
        self._load, self._serve = load, serve
        self._is_ready, self._stop = threading.Event(), threading.Event()
        self._error: BaseException | None = None
        self._backend: PolicyBackend | None = None
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
        self._thread.start()
        self._is_ready.wait()
        self.check()

    @property
    def backend(self) -> PolicyBackend:
        """To be asked for its spec; everything else is the thread's."""
        assert self._backend is not None
        return self._backend

    def check(self) -> None:
        """Raise what ended the thread, if it has ended."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Let it answer what it is at, and end."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._backend = self._load()
            try:
                server = self._serve(self._backend)
                try:
                    self._is_ready.set()
                    while not self._stop.is_set():
                        server.serve_once(_TURN_S)
                finally:
                    server.close()
            finally:
                self._backend.close()
        except BaseException as error:
            self._error = error
        finally:
            self._is_ready.set()
