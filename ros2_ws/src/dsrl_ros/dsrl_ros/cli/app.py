"""The commands, and how every one of them fails: one line that says what to mend, no traceback."""

from __future__ import annotations

import signal
import sys
from importlib import import_module
from typing import Final

import typer

from dsrl_core.errors import DsrlError

COMMANDS: Final = {
    "demo": "demo",
    "up": "up",
    "label": "label",
    "console": "console",
    "operator": "operator",
    "status": "status",
    "stop": "stop",
    "resume": "stop",
    "start": "stop",
    "pause": "stop",
    "retrain": "retrain",
    "report": "report",
    "doctor": "doctor",
    "preflight": "preflight",
    "sweep": "sweep",
    "keystore": "keystore",
}
"""The module here in which each is a function of that name."""
GROUPS: Final = ("episodes", "policy")
"""Modules here with a command line of that name in them."""
_REFUSED = 2
_INTERRUPTED = 130
"""Exit status after Ctrl+C, as of every program of a shell."""


def make_app(*names: str) -> typer.Typer:
    """The command line with these commands and groups only: a label need not load what draws a
    report."""
    app = typer.Typer(
        help="Make a frozen robot policy better on the robot, by learning which noise to feed it.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    # With a callback, a single command keeps its name.
    app.callback()(lambda: None)
    for name in names:
        module = import_module(f"dsrl_ros.cli.{COMMANDS.get(name, name)}")
        if name in GROUPS:
            app.add_typer(getattr(module, name), name=name)
        else:
            app.command(name)(getattr(module, name))
    return app


def main() -> None:
    """Entry point of `dsrl`."""
    # Started in the background by a shell, Ctrl+C would be ignored; a stop is to end it likewise.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    asked = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        known = (*COMMANDS, *GROUPS)
        make_app(*([asked] if asked in known else known))()
    except DsrlError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(_REFUSED)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
