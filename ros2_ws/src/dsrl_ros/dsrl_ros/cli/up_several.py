"""`./dsrl up --robots`: several robots with one learner, told of line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.types import Outcome
from dsrl_ros.cells import SeveralRobots
from dsrl_ros.cli.keys import Keys
from dsrl_ros.cli.run_in_words import is_over, sentence
from dsrl_ros.client import GraphClient
from dsrl_ros.graph import GraphOptions
from dsrl_ros.namespaces import where
from dsrl_ros.paths import domain

_LISTEN_S = 0.05


@dataclass(frozen=True)
class RunAsked:
    """The run that every robot begins, as `GraphClient.begin` takes it."""

    mode: str
    episodes: int
    arms: Sequence[str]
    rule: tuple[float, float]


def up_several(options: GraphOptions, asked: RunAsked, plan: str) -> None:
    """Run episodes on all of them until somebody presses Ctrl+C or all runs end.

    Raises:
        DsrlError: what they share has failed, or no robot is left.
    """
    console = Console()

    def tell(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True)

    with SeveralRobots(options, tell) as cells:
        labels = "" if options.operator and options.simulated else "Label with --namespace ROBOT.\n"
        tell(
            f"{', '.join(cells.sessions)} are up on {where(domain(), options.namespace)}; "
            f"everything goes to {options.out}.\n{plan}{labels}"
            "Ctrl+C ends it all. Space stops every arm, r lets them go on."
        )
        begun: dict[str, int] = {}
        for name, session in cells.sessions.items():
            first = EpisodeStore(options.out / name / EPISODES).next_number()
            seed = session.graph.options.seed
            begun[name] = session.client.begin(
                asked.mode, asked.episodes, seed, first, asked.arms, asked.rule
            )
        try:
            for name, text in _told(cells, begun):
                tell(f"{name}: {text}")
        finally:
            for name, session in cells.sessions.items():
                tell(f"{name}: {_counted(session.client)}")


def _told(cells: SeveralRobots, begun: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """What happens on which robot, until all runs are over; `begun`: their first episodes."""
    last: dict[str, str] = {}
    with Keys() as keys:
        while True:
            cells.check()
            clients = {name: session.client for name, session in cells.sessions.items()}
            for name, client in clients.items():
                client.serve(_LISTEN_S / len(clients))
                text = sentence(client.status, client.sees_success) if client.status else ""
                if text and text != last.get(name):
                    last[name] = text
                    yield name, text
            yield from heeded(keys, clients)
            statuses = {name: client.status for name, client in clients.items()}
            if all(status and is_over(status, begun[name]) for name, status in statuses.items()):
                return


def heeded(keys: Keys, clients: dict[str, GraphClient]) -> Iterator[tuple[str, str]]:
    """What a key asks of all of them: the stop at once, going on only after a question."""
    key, is_answer = keys.pressed(), False
    if key == "r":
        yield "all", "May the arms move again, is everybody clear of them? y: yes"
        is_answer = True
        while not (key := keys.pressed()):
            for client in clients.values():
                client.serve(_LISTEN_S / len(clients))
    if key == " ":
        for name, client in clients.items():
            yield name, client.hold()[1] or "stopped"
    elif is_answer and key == "y":
        for name, client in clients.items():
            yield name, client.resume()[1] or "goes on"
    elif is_answer:
        yield "all", "The arms stay as they are."


def _counted(client: GraphClient) -> str:
    outcomes = [label.outcome for label in client.labels.values()]
    won, lost = outcomes.count(Outcome.SUCCESS), outcomes.count(Outcome.FAILURE)
    return f"{won} of {won + lost} labelled episodes succeeded"
