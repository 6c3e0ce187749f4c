"""Labelled episodes of the base policy, or of a kind of noise: what they are, and who decides them.

A trial is an ordinary recorded episode. Its seed is its reset's: trials of equal seeds began from
equal resets. Its metadata may say which noise it was played with, and its number of a draw.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.seeding import Purpose, stream
from dsrl_core.specs import SteeringSpec
from dsrl_core.steering.preflight.noise_kinds import BASE, BASE_NOISE, HELD_NOISE, NoiseKind
from dsrl_core.steering.preflight.views import encode
from dsrl_core.types import Decision, Episode, Label, Mode, Observation, Outcome

NOISE_KEY: Final = "preflight_noise"
DRAW_KEY: Final = "preflight_draw"


@dataclass(frozen=True)
class Trial:
    """One labelled episode."""

    reset: int
    """Equal for equal starts."""
    noise: str
    """base, held, or the name of a kind of noise."""
    draw: int
    """Equal reset, noise and draw: the same noises again, a replay."""
    success: bool


def trials_of(episodes: Iterable[Episode], labels: Mapping[int, Label]) -> tuple[Trial, ...]:
    """The labelled valid episodes that were played with the policy's own or a told noise."""
    found = []
    for episode in episodes:
        label = labels.get(episode.number)
        if label is None or not episode.is_valid:
            continue
        if label.outcome not in (Outcome.SUCCESS, Outcome.FAILURE):
            continue
        decisions = [s.decision for s in episode.steps if not s.decision.is_final]
        noise = episode.metadata.get(NOISE_KEY, "")
        sources = {decision.source for decision in decisions}
        if not noise and (sources == {BASE_NOISE} or episode.mode is Mode.SHAPED):
            noise = sources.pop() if len(sources) == 1 else ""
        if noise:
            # Told, or by what was fed first: equal resets and noises are a replay, known or not.
            fed = decisions[0].noise.tobytes() if decisions else b""
            draw = int(episode.metadata.get(DRAW_KEY, zlib.crc32(fed)))
            success = label.outcome is Outcome.SUCCESS
            found.append(Trial(episode.seed, noise, draw, success))
    return tuple(found)


class TrialDecider:
    """`dsrl_core.rollout.Decider`: noises of one kind, new at every decision or held throughout.

    A replay (equal seeds and `draw`) feeds the policy equal noises; what differs then is not the
    noise's doing.
    """

    def __init__(
        self,
        policy: PolicyBackend,
        steering: SteeringSpec,
        run_seed: int,
        kind: NoiseKind = BASE,
        is_held: bool = False,
    ) -> None:
        self._policy, self._steering, self._run_seed = policy, steering, run_seed
        self._kind, self._is_held = kind, is_held
        self.draw = 0
        """Number of the draw of the episode that runs; set before it begins."""

    @property
    def noise(self) -> str:
        """What `Trial.noise` says of its episodes."""
        if self._is_held:
            return HELD_NOISE
        return BASE_NOISE if self._kind == BASE else self._kind.name

    def decide(
        self, observation: Observation, episode: int, sequence: int, mode: Mode, episode_seed: int
    ) -> Decision:
        """The decision for one observation."""
        number = 0 if self._is_held else sequence
        name = zlib.crc32(self.noise.encode())
        generator: np.random.Generator = stream(
            self._run_seed, Purpose.PREFLIGHT, name, episode_seed, self.draw, number
        )
        noise = self._kind.sample(self._policy.spec, self._steering, generator, 1)
        chunk = self._policy.decode(encode(self._policy, observation), noise)[0]
        source = BASE_NOISE if self._kind == BASE and not self._is_held else "shaped"
        return Decision(
            episode, sequence, observation, noise[0], noise[0], chunk, source, seed=episode_seed
        )
