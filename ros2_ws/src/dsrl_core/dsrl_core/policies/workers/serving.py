"""The main function of every worker: one policy, served to the process that started it."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.policies.wire import PolicyServer
from dsrl_core.specs import PolicySpec

_GRACE_S: Final = 5.0


def main(load: Callable[[PolicySpec], PolicyBackend], check: Callable[[], str]) -> None:
    """Serve the policy that the arguments name until a signal, or until whoever started it is gone.

    `check` imports the framework and tells its version; that is all that `--check` does.
    """
    parser = argparse.ArgumentParser(description="Serve one policy of another framework.")
    parser.add_argument("--check", action="store_true", help="only import the framework")
    parser.add_argument("--policy", type=Path, help="a policy's spec, as JSON")
    parser.add_argument("--endpoint", help="ipc:// and the socket's file")
    arguments = parser.parse_args()
    if arguments.check:
        sys.stdout.write(f"{check()}\n")
        return
    _end_with_parent()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit())
    spec = TypeAdapter(PolicySpec).validate_json(arguments.policy.read_bytes())
    backend = load(spec)
    try:
        _serve(PolicyServer(backend, arguments.endpoint))
    finally:
        backend.close()


def _serve(server: PolicyServer) -> None:
    try:
        while True:
            server.serve_once(1.0)
    finally:
        server.close()


def _end_with_parent() -> None:
    """Ends this process when the one that holds the other end of its standard input is gone.

    Not PR_SET_PDEATHSIG: that follows the thread that started the process, not the process.
    """

    def watch() -> None:
        # From the file itself: a lock on sys.stdin would be held while the interpreter ends.
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_GRACE_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
