"""What the window needs of a graph; `ros_graph` has it from ROS, tests make one up."""

from __future__ import annotations

from typing import Protocol

from dsrl_core.operator.heard import Heard
from dsrl_core.operator.orders import Answer, Order, RunWanted
from dsrl_core.types import UInt8Array


class Camera(Protocol):
    """One image topic at a time."""

    topic: str
    problem: str
    """Why its pictures cannot be shown; empty: they can."""

    def topics(self) -> list[str]: ...

    def select(self, name: str) -> None: ...

    def picture(self) -> tuple[int, UInt8Array] | None: ...

    @property
    def age_s(self) -> float: ...


class Graph(Protocol):
    """What it says, and what can be asked of it. Nothing here waits."""

    author: str
    run_wanted: RunWanted

    @property
    def camera(self) -> Camera: ...

    def heard(self) -> Heard: ...

    def send(self, order: Order) -> None: ...

    def answers(self) -> list[Answer]: ...
