"""What the arm is doing and what is waited for, as a headline that is read from two metres."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dsrl_core.operator.heard import Heard
from dsrl_core.status import INVALID, UNLABELLED, EpisodeStatus, Phase, Waits


class Tone(StrEnum):
    """What a sentence is to be taken as."""

    QUIET = "quiet"
    """Nothing happens, nobody is waited for."""
    BUSY = "busy"
    """Something is done that needs no person."""
    MOVES = "moves"
    """The arm plays an episode."""
    ASKS = "asks"
    """A person is waited for."""
    HELD = "held"
    """The arm is held, or the graph is gone."""


@dataclass(frozen=True)
class Sentence:
    """A headline, and what is to be said besides."""

    tone: Tone
    headline: str
    detail: str = ""


_RESUME: Final = "mend it, see that everybody is clear of the arm, then press Resume"


def episode_name(status: EpisodeStatus) -> str:
    """What people call an episode: by its code where its mode is hidden."""
    return f"{status.code}" if status.code else f"episode {status.episode}"


def sentence_of(heard: Heard) -> Sentence:
    """The present state in words."""
    status = heard.status
    if status is None:
        return Sentence(Tone.QUIET, "No graph is heard", "start one: ./dsrl up, or a launch file")
    if heard.is_silent:
        return Sentence(
            Tone.HELD,
            "The graph has gone silent",
            f"nothing heard for {heard.quiet_s:.0f} s; what is below was its last word",
        )
    if heard.held:
        assert heard.safety is not None
        reason = f"{heard.safety.rule}: {heard.safety.reason}"
        return Sentence(Tone.HELD, "The arm is held", f"{reason}; {_RESUME}")
    return _of_phase(heard, status)


def _of_phase(heard: Heard, status: EpisodeStatus) -> Sentence:
    name = episode_name(status)
    match status.phase:
        case Phase.IDLE:
            return Sentence(Tone.QUIET, "Idle", status.message or "no run: press Start run")
        case Phase.RESETTING:
            # What the reset says there is for the people beside the arm.
            tone = Tone.ASKS if status.message else Tone.BUSY
            detail = status.message or "arm and world on their way to the start"
            return Sentence(tone, f"Resetting for {name}", detail)
        case Phase.READY:
            return _of_ready(heard, status, name)
        case Phase.RUNNING:
            detail = status.message or "label it as soon as it is decided"
            if status.paused:
                detail = "pausing: no further episode begins"
            return Sentence(Tone.MOVES, f"The arm plays {name}", detail)
        case Phase.AWAITING_LABEL:
            answers = status.message or "success, failure, discard, or a grade"
            return Sentence(Tone.ASKS, f"How did {name} go?", answers)
        case Phase.DONE:
            return _of_done(heard, status, name)


def _of_ready(heard: Heard, status: EpisodeStatus, name: str) -> Sentence:
    if status.waits_for == Waits.OPERATOR:
        if status.paused:
            return Sentence(Tone.ASKS, f"Paused before {name}", "press Start to go on")
        return Sentence(Tone.ASKS, f"Ready for {name}", "press Start")
    if status.waits_for == Waits.LEARNER and not status.code:
        pending = heard.learner.updates_pending if heard.learner else 0
        return Sentence(Tone.BUSY, "Waiting for the learner", f"{pending} updates to go")
    if status.waits_for == Waits.PROCESS:
        return Sentence(Tone.ASKS, f"Not yet ready for {name}", status.message)
    return Sentence(Tone.BUSY, f"Getting ready for {name}", status.message)


def _of_done(heard: Heard, status: EpisodeStatus, name: str) -> Sentence:
    said = {INVALID: "is invalid", UNLABELLED: "is left unlabelled"}
    name = name[:1].upper() + name[1:]
    headline = f"{name} {said.get(status.outcome, f'is a {status.outcome}')}"
    if status.outcome == "discard":
        headline = f"{name} is discarded"
    label = heard.standing().get(status.episode)
    if label is not None and label.is_graded:
        headline = f"{name} is graded {label.reward:.2g}"
    if status.waits_for == Waits.OPERATOR:
        return Sentence(Tone.ASKS, "Paused", f"{headline}; press Start to go on")
    return Sentence(Tone.BUSY, headline, status.message or "on its way to disk")
