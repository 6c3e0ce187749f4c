"""`./dsrl operator`: the operator's window by itself, without rqt."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from dsrl_core.errors import DsrlError
from dsrl_ros.cli.options import Namespace


def operator(
    author: Annotated[str, typer.Option(help="Whose name labels bear. [default: as before]")] = "",
    namespace: Namespace = "",
) -> None:
    """Open the operator's window on a running graph; the graph goes on when it is closed."""
    try:
        window = import_module("rqt_dsrl.standalone")
    except ImportError as error:
        raise DsrlError(
            f"the window cannot be opened ({error}); it needs rqt_dsrl and Qt: apt-get install "
            "ros-jazzy-rqt-gui-py, or pip install PyQt5 and apt-get install libgl1. In a terminal "
            "there is ./dsrl console"
        ) from error
    raise typer.Exit(window.show(namespace, author))
