"""One run of a sweep in a process of its own.

    python -m dsrl_core.sweeps.entry_process ENTRY FILE

ENTRY is `module:function`, of a function that takes a `Cell` and gives its figures. The cell comes
as a line of JSON on standard input, the figures go to FILE. When standard input ends, so does this.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from dsrl_core.sweeps.plan import Cell


def function_of(entry: str) -> Callable[[Cell], dict[str, Any]]:
    """The function that `module:function` names."""
    module, _, name = entry.partition(":")
    found: Callable[[Cell], dict[str, Any]] = getattr(import_module(module), name)
    return found


def main() -> None:
    """Entry point of the process."""
    entry, found = sys.argv[1:]
    cell = Cell.of(json.loads(sys.stdin.readline()))
    threading.Thread(target=_end_with_the_sweep, daemon=True).start()
    Path(found).write_text(json.dumps(function_of(entry)(cell)))


def _end_with_the_sweep() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
