"""The operator's buttons: what each would ask for at this moment, or why it cannot be pressed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from dsrl_core.operator.heard import Heard
from dsrl_core.status import INVALID, RUN_AB, Phase, Waits
from dsrl_core.types import Mode, Outcome


class Action(StrEnum):
    """A button."""

    SUCCESS = "success"
    FAILURE = "failure"
    DISCARD = "discard"
    GRADE = "grade"
    UNDO = "undo"
    STOP = "stop"
    START = "start"
    PAUSE = "pause"
    END = "end"


class Asked(StrEnum):
    """What a press asks the graph for."""

    LABEL = "label"
    HOLD = "hold"
    RESUME = "resume"
    START = "start"
    PLAN = "plan"
    """What a run would be, which is not begun."""
    RUN = "run"
    PAUSE = "pause"
    GO_ON = "go_on"
    END = "end"


@dataclass(frozen=True)
class Order:
    """One thing to ask the graph for, made from what its author saw."""

    asked: Asked
    episode: int = -1
    """Of a label."""
    outcome: Outcome | None = None
    supersedes: int = 0
    """Ledger entry that the author saw to hold for the episode; 0: none."""
    question: str = ""
    """To be answered before it is sent; empty: sent at once."""
    reward: float | None = None
    """Of a graded label, 0 .. 1; None: what its outcome stands for."""
    grades: tuple[float, ...] = ()
    """Rewards that the question is about; empty: it is answered with yes or no."""

    @property
    def answers(self) -> tuple[tuple[str, Order], ...]:
        """What the question may be answered with but no, and what is sent then."""
        if not self.grades:
            return (("Yes", replace(self, question="")),)
        return tuple(
            (f"{grade:g}", replace(self, question="", grades=(), reward=grade))
            for grade in self.grades
        )


@dataclass(frozen=True)
class Answer:
    """What became of an order."""

    order: Order
    accepted: bool
    text: str
    """What was said, for people; empty: nothing besides."""


@dataclass(frozen=True)
class RunWanted:
    """The run that a start begins while there is none."""

    mode: str = str(Mode.TRAIN)
    count: int = 0
    """0: until stopped; of a comparison the most pairs."""
    seed: int = 0
    arms: tuple[str, ...] = ("base", "eval")
    """That a comparison is of."""
    alpha: float = 0.05
    """Share of such comparisons that may err."""
    margin: float = 0.0
    """Differences of success rates smaller than this do not matter; 0: every one does."""


@dataclass(frozen=True)
class Button:
    """How a button stands."""

    text: str
    order: Order | None
    reason: str = ""
    """Why it cannot be pressed; empty: it can."""


LABELS: Final[Mapping[Action, Outcome]] = {
    Action.SUCCESS: Outcome.SUCCESS,
    Action.FAILURE: Outcome.FAILURE,
    Action.DISCARD: Outcome.DISCARD,
}
GRADES: Final = (0.25, 0.5, 0.75)
"""Of a task that was done in part."""
_TEXTS: Final[Mapping[Outcome, str]] = {
    Outcome.SUCCESS: "Success",
    Outcome.FAILURE: "Failure",
    Outcome.DISCARD: "Discard",
    Outcome.UNDO: "Undo",
}
_NO_GRAPH: Final = "no graph is heard"
_LATER: Final = "Go on without a label? It can be given later, in the list."
_GRADE: Final = "Grade"
_NO_PRESENT: Final = "no episode runs or awaits a label; earlier ones: in the list"
_HOW_MUCH: Final = "How much of the task was done? Learned from as that; in rates it is no success."
_CLEAR: Final = "May the arm move again, is everybody clear of it?"


def buttons(heard: Heard) -> dict[Action, Button]:
    """Every button, as it stands now."""
    found = {action: _label_present(heard, outcome) for action, outcome in LABELS.items()}
    found[Action.GRADE] = _grade_present(heard)
    found[Action.UNDO] = _undo(heard)
    # Always: it is better asked for in vain than not at all.
    found[Action.STOP] = Button("STOP", Order(Asked.HOLD))
    found[Action.START] = _start(heard)
    found[Action.PAUSE] = _pause(heard)
    found[Action.END] = _end(heard)
    return found


def relabel(heard: Heard, episode: int, outcome: Outcome) -> Button:
    """A label for any episode; `outcome` undo takes the one that holds back."""
    stands, holds = _label(heard, episode, outcome), heard.standing().get(episode)
    if stands.order is None:
        return stands
    if outcome is Outcome.UNDO and holds is None:
        return Button(stands.text, None, f"episode {episode} has no label")
    if holds is not None and holds.outcome is outcome and not holds.is_graded:
        return Button(stands.text, None, f"episode {episode} is labelled {outcome} already")
    return stands


def regrade(heard: Heard, episode: int) -> Button:
    """A grade for any episode: a failure that is worth something."""
    stands = _label(heard, episode, Outcome.FAILURE)
    order = stands.order and replace(stands.order, question=_HOW_MUCH, grades=GRADES)
    return Button(_GRADE, order, stands.reason)


def begin(wanted: RunWanted) -> Order:
    """What is asked for first when a run is to begin: of a comparison how long it will take."""
    return Order(Asked.PLAN if wanted.mode == RUN_AB else Asked.RUN)


def follow_up(answer: Answer) -> Order | None:
    """What is to be asked after an answer, before anything is sent; None: nothing."""
    if answer.order.asked is Asked.PLAN and answer.accepted:
        return Order(Asked.RUN, question=f"{answer.text}. Begin?")
    return None


def mark(heard: Heard) -> Button:
    """A mark at this moment of the episode that runs: something to look at later."""
    status = heard.status
    if heard.is_silent or status is None:
        return Button("Mark", None, _NO_GRAPH)
    if status.phase is not Phase.RUNNING:
        return Button("Mark", None, "no episode runs: a mark is of a moment within one")
    return Button("Mark", Order(Asked.LABEL, status.episode, Outcome.MARK))


def _label(heard: Heard, episode: int, outcome: Outcome) -> Button:
    """A label, whatever holds at present."""
    text = _TEXTS[outcome]
    if heard.is_silent:
        return Button(text, None, _NO_GRAPH)
    if _is_invalid(heard, episode):
        return Button(text, None, f"episode {episode} is invalid: it can have no label")
    holds = heard.standing().get(episode)
    return Button(text, Order(Asked.LABEL, episode, outcome, holds.entry if holds else 0))


def _label_present(heard: Heard, outcome: Outcome) -> Button:
    present = heard.present()
    if present is None and not heard.is_silent:
        return Button(_TEXTS[outcome], None, _NO_PRESENT)
    return relabel(heard, -1 if present is None else present, outcome)


def _grade_present(heard: Heard) -> Button:
    present = heard.present()
    if present is None and not heard.is_silent:
        return Button(_GRADE, None, _NO_PRESENT)
    return regrade(heard, -1 if present is None else present)


def _undo(heard: Heard) -> Button:
    standing = heard.standing()
    if heard.is_silent or not standing:
        reason = _NO_GRAPH if heard.is_silent else "there is no label to take back"
        return Button("Undo", None, reason)
    last = max(standing.values(), key=lambda label: label.entry)
    return relabel(heard, last.episode, Outcome.UNDO)


def _start(heard: Heard) -> Button:
    status = heard.status
    if heard.held:
        return Button("Resume", Order(Asked.RESUME, question=_CLEAR))
    if heard.is_silent or status is None:
        return Button("Start", None, _NO_GRAPH)
    if status.phase is Phase.IDLE:
        return Button("Start run", Order(Asked.RUN))
    if status.paused and status.waits_for != Waits.OPERATOR:
        return Button("Go on", Order(Asked.GO_ON))
    if status.waits_for == Waits.LABEL:
        return Button("Label later", Order(Asked.START, question=_LATER))
    if status.waits_for == Waits.OPERATOR:
        return Button("Start", Order(Asked.START))
    if status.waits_for == Waits.RESET:
        return Button("Cell ready", Order(Asked.START))
    return Button("Start", None, f"episode {status.episode} does not wait for a person")


def _pause(heard: Heard) -> Button:
    status = heard.status
    if heard.is_silent or status is None:
        return Button("Pause", None, _NO_GRAPH)
    if status.paused:
        return Button("Go on", Order(Asked.GO_ON))
    if status.phase is Phase.IDLE:
        return Button("Pause", None, "no run to pause")
    return Button("Pause", Order(Asked.PAUSE))


def _end(heard: Heard) -> Button:
    status = heard.status
    if heard.is_silent or status is None:
        return Button("End run", None, _NO_GRAPH)
    if status.phase is Phase.IDLE:
        return Button("End run", None, "no run to end")
    invalid = "End the run?"
    if status.phase is Phase.RUNNING:
        invalid = f"End the run? Episode {status.episode} becomes invalid."
    return Button("End run", Order(Asked.END, question=invalid))


def _is_invalid(heard: Heard, episode: int) -> bool:
    recorded, seen = heard.recorded.get(episode), heard.seen.get(episode)
    return (recorded is not None and recorded.end_reason == INVALID) or (
        seen is not None and seen.outcome == INVALID
    )
