"""Pause, start and labels as plain services of a running graph, as Foxglove or `ros2 service` call
them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from std_srvs.srv import SetBool, Trigger

from dsrl_core.data.timeline import read_timeline
from dsrl_core.status import Phase, RunBudget, Waits
from dsrl_core.types import Mode, Outcome
from dsrl_interfaces.srv import LabelEpisode
from dsrl_ros import topics
from dsrl_ros.conversions.episodes import budget_from_message
from dsrl_ros.session import GraphSession, SessionOptions

ANSWER_S = 20.0
EPISODE_S = 60.0


class Person:
    """Calls the services of a graph without automatic operator."""

    def __init__(self, graph: GraphSession) -> None:
        self.client = graph.client
        self.out = graph.graph.options.out
        self.node = graph.client.node
        self.budget = RunBudget()
        topics.RUN_BUDGET.subscribe(self.node, self._on_budget)

    def _on_budget(self, message: Any) -> None:
        self.budget = budget_from_message(message)

    def call(self, kind: type, name: str, request: Any) -> Any:
        client = self.node.create_client(kind, name)
        self.client.wait_for(name, client.service_is_ready, ANSWER_S)
        future = client.call_async(request)
        self.client.wait_for(f"answer of {name}", future.done, ANSWER_S)
        return future.result()

    def press(self, outcome: Outcome) -> Any:
        return self.call(Trigger, topics.button_service(outcome), Trigger.Request())

    def pause(self, paused: bool) -> None:
        assert self.call(SetBool, topics.PAUSE_SERVICE, SetBool.Request(data=paused)).success

    def label(self, **values: Any) -> Any:
        return self.call(LabelEpisode, topics.LABEL_SERVICE, LabelEpisode.Request(**values))

    def awaits(self, phase: Phase, episode: int, waits: str = "") -> None:
        def is_there() -> bool:
            status = self.client.status
            if status is None or (status.phase, status.episode) != (phase, episode):
                return False
            return not waits or status.waits_for == waits

        self.client.wait_for(f"episode {episode} {phase.name} {waits}", is_there, EPISODE_S)

    def watches_the_end_of(self, episode: int) -> None:
        """Until its time is up, or the simulator stands still because the task is done."""

        def is_over() -> bool:
            status = self.client.status
            is_waiting = status is not None and status.waits_for == Waits.LABEL
            return is_waiting or self.client.sees_success

        self.awaits(Phase.RUNNING, episode)
        self.client.wait_for(f"end of episode {episode}", is_over, EPISODE_S)


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    out: Path = tmp_path_factory.mktemp("run")
    options = SessionOptions(operator=False, overrides=("episode_manager.auto_advance=false",))
    with GraphSession("franka_pick", out, 3, options) as graph:
        yield Person(graph)


def test_a_person_runs_two_episodes_by_services_alone(person: Person) -> None:
    client = person.client
    first = client.begin(Mode.ZERO, 2, 3, 0)
    person.awaits(Phase.READY, first, Waits.OPERATOR)
    assert not person.press(Outcome.SUCCESS).success, "it has not run"
    assert client.start() == (True, "")
    person.watches_the_end_of(first)
    person.pause(True)
    answer = person.press(Outcome.FAILURE)
    assert answer.success, answer.message
    person.awaits(Phase.DONE, first, Waits.OPERATOR)
    client.spin(0.5)
    person.awaits(Phase.DONE, first, Waits.OPERATOR)

    graded = person.label(episode=first, outcome="success", reward=0.5, author="anna", supersedes=1)
    assert (graded.accepted, graded.entry, graded.message) == (True, 2, "")
    other = person.label(episode=-1, outcome="failure", reward=-1.0, author="ben")
    assert other.accepted
    assert "anna said success, ben says failure" in other.message
    assert person.press(Outcome.UNDO).success
    refused = person.label(episode=99, outcome="success")
    assert not refused.accepted
    assert "there is no episode 99" in refused.message
    assert "available: success" in person.label(episode=0, outcome="good").message

    person.pause(False)
    person.awaits(Phase.AWAITING_LABEL, first, Waits.LABEL)
    assert client.start()[0], "the episode is left unlabelled"
    person.awaits(Phase.READY, first + 1, Waits.OPERATOR)
    assert client.start()[0]
    person.watches_the_end_of(first + 1)
    assert person.press(Outcome.SUCCESS).success
    person.awaits(Phase.IDLE, first + 1)

    client.wait_for("budget", lambda: person.budget.labelled == 1, ANSWER_S)
    spent = dict(person.budget.activities)
    assert {"moving", "waiting_person", "resetting"} <= set(spent)
    moments = list(read_timeline(person.out))
    assert [m.phase for m in moments if m.episode == first + 1][-1] == "IDLE"
