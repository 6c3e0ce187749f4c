"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Namespace = Annotated[
    str, typer.Option(help="ROS namespace of the graph. [default: none]", show_default=False)
]
Alpha = Annotated[
    float, typer.Option(min=0.0, max=1.0, help="Of ab: share of such comparisons that may err.")
]
Margin = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=1.0,
        help="Of ab: smallest difference of success rates that matters; it is over as well once "
        "the arms surely differ by less. 0: every difference does.",
    ),
]
