"""What the keys of `./dsrl console` do, and what is shown."""

from __future__ import annotations

from typing import Final, Protocol

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
from dsrl_core.types import Outcome

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
