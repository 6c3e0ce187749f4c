"""An episode is put together from its messages in any order, and never from half of them."""

from __future__ import annotations

import random

import numpy as np
import pytest

from dsrl_core.data.episode_assembly import EpisodeAssembly
from dsrl_core.status import INVALID
from dsrl_core.types import ChunkRequest, Decision, Mode, Observation, final_decision

EPISODE = 5


def observation(sequence: int) -> Observation:
    return Observation(sequence * 400, np.full(3, sequence, np.float32))


def decision(sequence: int, episode: int = EPISODE) -> Decision:
    noise = np.zeros((4, 2), np.float32)
    return Decision(episode, sequence, observation(sequence), noise, noise, noise, "base")


def messages(decisions: int, last_steps: int = 3, reason: str = "ended") -> list[object]:
    """All decisions and requests of an episode."""
    found: list[object] = []
    for sequence in range(decisions):
        why = "exhausted" if sequence else "start"
        found.append(ChunkRequest(sequence * 400, EPISODE, sequence, 4 if sequence else 0, why))
        found.append(decision(sequence))
    found.append(ChunkRequest(decisions * 400, EPISODE, decisions, last_steps, reason, final=True))
    found.append(final_decision(EPISODE, decisions, observation(decisions)))
    return found


def feed(assembly: EpisodeAssembly, parts: list[object]) -> None:
    for part in parts:
        if isinstance(part, Decision):
            assembly.add_decision(part)
        else:
            assert isinstance(part, ChunkRequest)
            assembly.add_request(part)


@pytest.mark.parametrize("seed", range(20))
def test_order_and_repetition_of_messages_do_not_matter(seed: int) -> None:
    parts = messages(3) * 2
    random.Random(seed).shuffle(parts)
    assembly = EpisodeAssembly(EPISODE)

    feed(assembly, parts)

    episode = assembly.complete(Mode.TRAIN, 9)
    assert episode is not None
    assert [step.steps_executed for step in episode.steps] == [4, 4, 3, 0]
    assert [step.decision.sequence for step in episode.steps] == [0, 1, 2, 3]
    assert episode.steps[-1].decision.is_final
    assert (episode.number, episode.seed, episode.end_reason) == (EPISODE, 9, "ended")


@pytest.mark.parametrize("missing", range(1, 8))
def test_with_any_message_missing_it_is_not_complete(missing: int) -> None:
    """But for the first request: it tells nothing that the first decision does not."""
    parts = messages(3)
    del parts[missing]
    assembly = EpisodeAssembly(EPISODE)
    feed(assembly, parts)
    assert assembly.complete(Mode.TRAIN, 9) is None


def test_steps_are_told_once_each_and_in_order() -> None:
    assembly, told = EpisodeAssembly(EPISODE), []
    for part in messages(3):
        feed(assembly, [part])
        told += [step.decision.sequence for step in assembly.new_steps()]
    assert told == [0, 1, 2, 3]
    assert list(assembly.new_steps()) == []


def test_other_episodes_are_passed_over() -> None:
    assembly = EpisodeAssembly(EPISODE)
    feed(assembly, [decision(0, episode=4), ChunkRequest(0, 6, 0, 0, "start")])
    assert assembly.invalid(Mode.BASE, 0, "x").steps == ()


def test_closing_record_replaces_a_decision_that_was_never_played() -> None:
    parts = messages(2)
    late = ChunkRequest(800, EPISODE, 2, 4, "exhausted")
    assembly = EpisodeAssembly(EPISODE)
    feed(assembly, [*parts[:4], late, decision(2), *parts[4:]])
    episode = assembly.complete(Mode.BASE, 0)
    assert episode is not None
    assert [step.decision.source for step in episode.steps] == ["base", "base", "final"]


def test_episode_that_was_given_up_is_invalid_and_needs_no_closing_record() -> None:
    assembly = EpisodeAssembly(EPISODE)
    feed(assembly, messages(3, reason=INVALID)[:-1])
    episode = assembly.complete(Mode.TRAIN, 9)
    assert episode is not None
    assert not episode.is_valid
    assert len(episode.steps) == 3


def test_invalid_keeps_what_was_heard_and_why() -> None:
    assembly = EpisodeAssembly(EPISODE)
    feed(assembly, messages(3)[:5])
    episode = assembly.invalid(Mode.TRAIN, 9, "the recorder was away")
    assert [step.decision.sequence for step in episode.steps] == [0, 1]
    assert episode.metadata == {"invalid": "the recorder was away"}


def test_episode_that_is_begun_anew_forgets_its_first_attempt() -> None:
    assembly = EpisodeAssembly(EPISODE)
    feed(assembly, messages(3)[:6])
    feed(assembly, [ChunkRequest(9000, EPISODE, 0, 0, "start")])
    assert assembly.invalid(Mode.BASE, 0, "x").steps == ()
