"""Puts an episode together from decisions and chunk requests, in whatever order they arrive.

What became of a decision is told by the request that follows it: `previous_steps_executed`.
"""

from __future__ import annotations

from collections.abc import Iterator

from dsrl_core.status import INVALID
from dsrl_core.types import ChunkRequest, Decision, DecisionStep, Episode, Mode


class EpisodeAssembly:
    """One episode in the making; hearing a message twice changes nothing."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._decisions: dict[int, Decision] = {}
        self._requests: dict[int, ChunkRequest] = {}
        self._told = 0

    def add_decision(self, decision: Decision) -> None:
        """Take a decision; a closing record replaces one that was made but never played."""
        if decision.episode == self.number and (
            decision.is_final or decision.sequence not in self._decisions
        ):
            self._decisions[decision.sequence] = decision

    def add_request(self, request: ChunkRequest) -> None:
        """Take a request; a final one replaces one that was not answered in time.

        A second start is an episode that was begun anew under its number: all before is dropped.
        """
        if request.episode != self.number:
            return
        first = self._requests.get(0)
        if request.reason == "start" and first is not None and first.stamp_ns < request.stamp_ns:
            self._decisions.clear()
            self._requests.clear()
            self._told = 0
        if request.final or request.sequence not in self._requests:
            self._requests[request.sequence] = request

    @property
    def final_request(self) -> ChunkRequest | None:
        """The request that closes the episode, once it was heard."""
        return next((request for request in self._requests.values() if request.final), None)

    def new_steps(self) -> Iterator[DecisionStep]:
        """Every step that became complete since the last call, in order, each of them once."""
        while self._is_sure(self._told) and (step := self._step(self._told)) is not None:
            self._told += 1
            yield step
            if step.decision.is_final:
                return

    def complete(self, mode: Mode, seed: int) -> Episode | None:
        """The whole episode with its closing record, or None while something is missing."""
        final = self.final_request
        if final is None:
            return None
        if final.reason == INVALID:
            return self.invalid(mode, seed, "given up by the chunk player")
        steps = [self._step(sequence) for sequence in range(final.sequence + 1)]
        known = tuple(step for step in steps if step is not None)
        if len(known) < len(steps) or not known[-1].decision.is_final:
            return None
        return Episode(self.number, mode, seed, known, final.reason)

    def invalid(self, mode: Mode, seed: int, reason: str) -> Episode:
        """What was heard so far, never to be trained on, and why."""
        steps: list[DecisionStep] = []
        while (step := self._step(len(steps))) is not None and not step.decision.is_final:
            steps.append(step)
        return Episode(self.number, mode, seed, tuple(steps), INVALID, {"invalid": reason})

    def _is_sure(self, sequence: int) -> bool:
        """Whether it is known how much of a chunk was played: a request that was made while it
        still played only says what will have been, unless the episode ends before."""
        following = self._requests.get(sequence + 1)
        if following is None or following.final or not following.committed:
            return True
        return sequence + 2 in self._requests

    def _step(self, sequence: int) -> DecisionStep | None:
        decision = self._decisions.get(sequence)
        if decision is None:
            return None
        if decision.is_final:
            return DecisionStep(decision, 0)
        following = self._requests.get(sequence + 1)
        if following is None:
            return None
        return DecisionStep(decision, following.previous_steps_executed)
