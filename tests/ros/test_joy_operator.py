"""A foot pedal beside a real graph: a press is a label, a pedal that is stuck is nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sensor_msgs.msg import Joy

from dsrl_core.status import Phase, Waits
from dsrl_core.types import Mode, Outcome
from dsrl_ros import topics
from dsrl_ros.session import GraphSession, SessionOptions

EPISODE_S = 60.0
UP = [0, 0, 0, 0, 0, 0, 0, 0]
SUCCESS, STOP, START = 0, 5, 7


class Foot:
    """Presses buttons of a joystick and watches the graph."""

    def __init__(self, graph: GraphSession) -> None:
        self.client = graph.client
        self._joy = topics.JOY.publisher(self.client.node)
        self.client.wait_for(
            "joy_operator", lambda: self._joy.get_subscription_count() > 0, EPISODE_S
        )

    def says(self, *down: int) -> None:
        """The state of all buttons, with these down."""
        self._joy.publish(Joy(buttons=[int(number in down) for number in range(len(UP))]))

    def presses_until(self, button: int, what: str, condition: object) -> None:
        """Again and again: a first press may come before everything is discovered."""
        assert callable(condition)
        for _ in range(60):
            self.says()
            self.client.spin(0.4)
            self.says(button)
            self.client.spin(0.6)
            if condition():
                return
        raise AssertionError(f"no {what}: {self.client.status}")

    def waits(self, waits_for: str) -> bool:
        return self.client.status is not None and self.client.status.waits_for == waits_for


@pytest.fixture
def foot(tmp_path: Path) -> Iterator[Foot]:
    given = ("episode_manager.auto_advance=false", "joy_operator.author=pedal")
    options = SessionOptions(operator=False, joy=True, overrides=given)
    with GraphSession("franka_pick", tmp_path, 3, options) as graph:
        yield Foot(graph)


def test_a_pedal_starts_labels_and_stops_but_never_resumes(foot: Foot) -> None:
    client = foot.client
    foot.says(START, SUCCESS)
    first = client.begin(Mode.ZERO, 2, 3, 0)
    client.wait_for("ready", lambda: foot.waits(Waits.OPERATOR), EPISODE_S)
    for _ in range(10):
        foot.says(START, SUCCESS)
        client.spin(0.05)
    assert foot.waits(Waits.OPERATOR), "buttons that are down from the start were not pressed"

    foot.presses_until(
        START, "running episode", lambda: client.status and client.status.phase is not Phase.READY
    )
    client.wait_for(
        "end of the episode", lambda: foot.waits(Waits.LABEL) or client.sees_success, EPISODE_S
    )
    foot.presses_until(SUCCESS, "label", lambda: first in client.labels)
    label = client.labels[first]
    assert (label.outcome, label.author) == (Outcome.SUCCESS, "pedal")

    client.wait_for("ready again", lambda: foot.waits(Waits.OPERATOR), EPISODE_S)
    foot.presses_until(STOP, "hold", lambda: client.safety is not None and client.safety.held)
    for _ in range(3):
        foot.says()
        client.spin(0.4)
        foot.says(START)
        client.spin(0.4)
    assert client.safety is not None
    assert client.safety.held, "whoever resumes must look at the arm"
