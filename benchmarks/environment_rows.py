"""Rows of the paper's tables, one per file of `configs/`, and the steering they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from dsrl_core.errors import InvalidFile, UnknownName
from dsrl_core.specs import SteeringSpec
from dsrl_core.specs.values import STRICT, Count, NaturalNumber, Positive

FOLDER = Path(__file__).parent / "configs"


@dataclass(frozen=True, config=STRICT)
class Row:
    """What the paper set for one environment."""

    algorithm: str
    horizon: Count
    """Actions in a chunk."""
    denoising_steps: Count
    noise_bound: Positive
    discount: Annotated[float, Field(ge=0, lt=1)]
    """Per chunk."""
    warm_up: NaturalNumber
    """Decisions of the base policy before anything is learned."""
    updates: Count
    """Rounds of updates in every `per_decisions` decisions after that."""
    per_decisions: Count
    width: Count
    layers: Count
    noise_shape: Literal["full", "repeated"] = "full"
    settings: dict[str, Any] = field(default_factory=dict)
    """Of the algorithm, on top of its preset."""

    def steering(
        self, algorithm: str, preset: str, selection: Literal["actor", "best_of_n", "cem"]
    ) -> SteeringSpec:
        """The part of a task that says how noise is learned and chosen.

        The row's own settings are the paper's: another algorithm or preset keeps its own.
        """
        settings: Mapping[str, Any] = {}
        if preset == "paper":
            sizes = {
                "critic_width": self.width,
                "critic_layers": self.layers,
                "actor_width": self.width,
                "actor_layers": self.layers,
            }
            settings = self.settings if algorithm == self.algorithm else {}
            settings = {**settings, "sizes": {**settings.get("sizes", {}), **sizes}}
        return SteeringSpec(
            algorithm=algorithm,
            noise_shape=self.noise_shape,
            noise_bound=self.noise_bound,
            warm_up_episodes=1,
            candidates=16,
            refinements=1,
            refinement_candidates=16,
            elites=4,
            selection=selection,
            preset=preset,
            settings=dict(settings),
        )


def rows() -> list[str]:
    """Names of the environments that have a row."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def row_of(environment: str) -> Row:
    """
    Raises:
        UnknownName: no such row.
        InvalidFile: the file is not a row.
    """
    path = FOLDER / f"{environment}.yaml"
    if not path.is_file():
        raise UnknownName("row", environment, rows())
    try:
        return TypeAdapter(Row).validate_python(yaml.safe_load(path.read_text()))
    except ValidationError as error:
        raise InvalidFile(f"{path} is not a row of the table: {error}") from error
