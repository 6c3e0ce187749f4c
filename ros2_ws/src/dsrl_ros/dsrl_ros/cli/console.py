"""`./dsrl console`: the operator's buttons and everything they need to see, in a terminal."""

from __future__ import annotations

import getpass
import time
from typing import Annotated, Final, Protocol

import typer

from dsrl_core.errors import DsrlError
from dsrl_core.operator.heard import Heard
from dsrl_core.operator.orders import (
    Action,
    Answer,
    Asked,
    Order,
    RunWanted,
    begin,
    follow_up,
    mark,
    regrade,
    relabel,
)
from dsrl_core.operator.view import OperatorView, view_of
from dsrl_core.types import Mode, Outcome
from dsrl_ros.cli.keys import Keys
from dsrl_ros.cli.options import Alpha, Margin, Namespace
from dsrl_ros.start_run import ARMS

KEYS: Final = {
    "s": Action.SUCCESS,
    "f": Action.FAILURE,
    "d": Action.DISCARD,
    "g": Action.GRADE,
    "u": Action.UNDO,
    " ": Action.STOP,
    "\n": Action.START,
    "p": Action.PAUSE,
    "e": Action.END,
}
"""A capital S, F, D, G or U is for the episode that j and k chose."""
_CHOSEN: Final = {
    "S": Outcome.SUCCESS,
    "F": Outcome.FAILURE,
    "D": Outcome.DISCARD,
    "U": Outcome.UNDO,
}
_LEAVE: Final = "q"
_YES: Final = "y"
_NO: Final = "n"
_MARK: Final = "m"
_GRADE_CHOSEN: Final = "G"
_TURN_S: Final = 0.05
_FRAME_S: Final = 0.2


class Link(Protocol):
    """What is needed of `dsrl_ros.operator_link.OperatorLink`."""

    run_wanted: RunWanted

    def heard(self) -> Heard: ...

    def send(self, order: Order) -> None: ...

    def answers(self) -> list[Answer]: ...


class Desk:
    """What keys do; `view` and `words` are what is shown."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._heard = link.heard()
        self._question: Order | None = None
        self.chosen = -1
        """Episode that capital letters are for; -1: none."""
        self.words = ""
        self.view: OperatorView = view_of(self._heard)

    def look(self) -> None:
        """Take in what was heard and answered."""
        self._heard = self._link.heard()
        self.view = view_of(self._heard)
        for answer in self._link.answers():
            if (order := follow_up(answer)) is not None:
                self._ask_for(order, "")
            elif self._question is None:
                said = answer.text or "done"
                self.words = said if answer.accepted else f"refused: {said}"

    @property
    def asks(self) -> bool:
        """Whether a question stands."""
        return self._question is not None

    def press(self, key: str) -> bool:
        """A key; whether the person wants to leave."""
        question, self._question = self._question, None
        answers = _answers(question)
        if key in answers or (question is not None and key == _NO):
            self.words = ""
            if key in answers:
                self._link.send(answers[key])
        elif key in KEYS:
            button = self.view.buttons[KEYS[key]]
            self._ask_for(button.order, button.reason)
        elif key == _MARK:
            stands = mark(self._heard)
            self._ask_for(stands.order, stands.reason)
        elif key in _CHOSEN and self.chosen >= 0:
            stands = relabel(self._heard, self.chosen, _CHOSEN[key])
            self._ask_for(stands.order, stands.reason)
        elif key == _GRADE_CHOSEN and self.chosen >= 0:
            stands = regrade(self._heard, self.chosen)
            self._ask_for(stands.order, stands.reason)
        elif key in ("j", "k"):
            self._choose(1 if key == "j" else -1)
        else:
            self._question = question
        return key == _LEAVE

    def _ask_for(self, order: Order | None, reason: str) -> None:
        if order is None:
            self.words = reason
        elif order.question:
            self._question = order
            choices = zip(_answers(order), order.answers, strict=True)
            keys = ", ".join(f"{key}: {text.lower()}" for key, (text, _) in choices)
            self.words = f"{order.question}  {keys}, {_NO}: no"
        else:
            self.words = "stop asked for" if order.asked is Asked.HOLD else "…"
            if order.asked is Asked.RUN:
                order = begin(self._link.run_wanted)
            self._link.send(order)

    def _choose(self, step: int) -> None:
        numbers = [row.episode for row in self.view.episodes]
        if not numbers:
            return
        place = numbers.index(self.chosen) + step if self.chosen in numbers else 0
        self.chosen = numbers[min(max(place, 0), len(numbers) - 1)]


def _answers(question: Order | None) -> dict[str, Order]:
    """What each key would send in answer."""
    if question is None:
        return {}
    keys = [str(number + 1) for number in range(len(question.grades))] or [_YES]
    return dict(zip(keys, (order for _, order in question.answers), strict=True))


def console(
    author: Annotated[str, typer.Option(help="Whose name labels bear. [default: yours]")] = "",
    mode: Annotated[str, typer.Option(help="Run that a start begins.")] = str(Mode.TRAIN),
    episodes: Annotated[int, typer.Option(min=0, help="Of that run. 0: until stopped.")] = 0,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of that run.")] = 0,
    arms: Annotated[
        tuple[str, str], typer.Option(help="That mode ab compares, such as eval@12 eval@40.")
    ] = ARMS,
    alpha: Alpha = 0.05,
    margin: Margin = 0.0,
    namespace: Namespace = "",
) -> None:
    """Operate a running graph from the terminal, full-screen. q leaves; the graph goes on."""
    from rich.console import Console
    from rich.live import Live

    from dsrl_ros.cli.console_screen import screen
    from dsrl_ros.operator_link import OperatorLink
    from dsrl_ros.served_node import served_node

    terminal = Console()
    with served_node("dsrl_console", namespace) as node, Keys() as keys:
        if not keys.is_interactive or not terminal.is_terminal:
            raise DsrlError("the console needs a terminal; for scripts there is ./dsrl label")
        link = OperatorLink(node, author or getpass.getuser())
        link.run_wanted = RunWanted(mode, episodes, seed, arms, alpha, margin)
        desk = Desk(link)
        with Live(console=terminal, screen=True, auto_refresh=False) as live:
            drawn_s = 0.0
            while True:
                key = keys.pressed()
                if key and desk.press(key):
                    break
                desk.look()
                if key or time.monotonic() - drawn_s > _FRAME_S:
                    drawn_s = time.monotonic()
                    live.update(screen(desk), refresh=True)
                if not key:
                    time.sleep(_TURN_S)
        link.close()
