"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Namespace = Annotated[
    str, typer.Option(help="ROS namespace of the graph. [default: none]", show_default=False)
]
