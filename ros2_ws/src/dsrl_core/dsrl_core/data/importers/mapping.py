"""Mapping files (YAML): which column of a foreign dataset becomes which field of a policy.

format: lerobot
observation:
  tool_position: {source: observation.state, indices: [0, 1, 2], unit: mm}
  tool_yaw: {source: observation.quaternion, quaternion: xyzw}
  object_yaw: {constant: 0.0}
action:
  tool_displacement: {source: action, indices: [0, 1, 2], unit: mm}
success: {source: next.success}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal, cast

import numpy as np
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from dsrl_core.catalog import read_spec
from dsrl_core.data.importers.units import UnitConversion
from dsrl_core.errors import InvalidFile, UnknownName
from dsrl_core.specs import FieldSpec, PolicySpec
from dsrl_core.specs.values import STRICT, NaturalNumber, Positive

_NOT_FOR_CONSTANTS = ("indices", "unit", "quaternion")


@dataclass(frozen=True, config=STRICT)
class FieldSource:
    """Where a field of the policy comes from: a column of the dataset, or a constant."""

    source: str | None = None
    """LeRobot: a feature. robomimic: a key in `obs`, or for an action a dataset of the demo, as
    `actions` or `action_dict/rel_pos`."""
    indices: Annotated[tuple[NaturalNumber, ...], Field(min_length=1)] | None = None
    """Which components of the column, in the field's order; all by default."""
    unit: str | None = None
    """In the dataset: m, cm, mm, rad, deg, 1; or exactly the policy's."""
    factor: float = 1.0
    offset: float = 0.0
    """value * factor + offset is in `unit`: for what has none, as a gripper from 0 to 100."""
    quaternion: Literal["xyzw", "wxyz"] | None = None
    """The column is a unit quaternion in this order; the field is its rotation about z."""
    constant: float | tuple[float, ...] | None = None
    """In the policy's unit: for a field that the dataset does not have."""

    @model_validator(mode="after")
    def _one_origin(self) -> FieldSource:
        if (self.source is None) == (self.constant is None):
            raise ValueError("needs either a source or a constant")
        if self.constant is not None:
            if any(getattr(self, name) is not None for name in _NOT_FOR_CONSTANTS):
                raise ValueError(f"a constant has no {', '.join(_NOT_FOR_CONSTANTS)}")
        elif self.quaternion is not None and self.unit not in (None, "rad"):
            raise ValueError(f"a quaternion's rotation is in rad, not in {self.unit}")
        elif self.quaternion is None and self.unit is None:
            raise ValueError("needs the unit in which the dataset has it")
        return self

    def conversion(self, place: str, spec: FieldSpec) -> UnitConversion:
        """Into the unit of the policy's field `spec`; `place` names the field in an error."""
        if self.constant is not None:
            return UnitConversion(spec.unit, spec.unit, place)
        return UnitConversion(self.unit or "rad", spec.unit, place)


@dataclass(frozen=True, config=STRICT)
class SuccessSource:
    """An episode has succeeded if a column is above a threshold in its last row."""

    source: str
    above: float = 0.5


@dataclass(frozen=True, config=STRICT)
class DatasetMapping:
    """A mapping file."""

    format: Literal["lerobot", "robomimic"]
    observation: dict[str, FieldSource]
    action: dict[str, FieldSource]
    success: SuccessSource | Literal["all", "none"]
    """all, none: every episode has succeeded, or failed."""
    cameras: dict[str, str] = field(default_factory=dict)
    """The dataset's column or key of every camera of the policy."""
    reward: str | None = None
    """Column with the environment's own reward; without one it is not known."""
    ends_at: str | None = None
    """Column whose first true row is the episode's last; what comes after it is left out."""
    terminated: str | None = None
    """Column that is true in the last row if a failure ended the episode by itself; otherwise a
    failure is one for lack of time, which does not say that the state was hopeless."""
    select: str | None = None
    """LeRobot: only episodes of this task. robomimic: only those of this filter key."""
    fps: Positive | None = None
    """Only where the dataset does not say: rows per second."""
    folder: Path = Path()

    def sources(self) -> Iterator[tuple[str, str]]:
        """Every column that is named, after the place in the file that names it; no cameras."""
        for part in ("observation", "action"):
            for name, entry in getattr(self, part).items():
                if entry.source is not None:
                    yield f"{part} field '{name}'", entry.source
        if isinstance(self.success, SuccessSource):
            yield "success", self.success.source
        for name in ("reward", "ends_at", "terminated"):
            if (source := getattr(self, name)) is not None:
                yield name, source

    def check_against(self, policy: PolicySpec) -> None:
        """
        Raises:
            UnknownName: it names a field or camera that the policy does not have.
            InvalidFile: one is missing, a unit has no conversion, a size cannot fit.
        """
        for part, specs in (("observation", policy.observation), ("action", policy.action.fields)):
            given: dict[str, FieldSource] = getattr(self, part)
            _same_names(f"{part} field", given, [spec.name for spec in specs], policy.name)
            for spec in specs:
                place = f"{part} field '{spec.name}'"
                given[spec.name].conversion(place, spec)
                _check_size(place, spec, given[spec.name])
        _same_names("camera", self.cameras, [c.name for c in policy.cameras], policy.name)


def read_mapping(path: Path) -> DatasetMapping:
    """The mapping file.

    Raises:
        InvalidFile: there is none, or it does not say what it must.
    """
    if not path.is_file():
        raise InvalidFile(f"there is no mapping file {path}")
    # The reader is typed for the files of the catalog; it reads any dataclass with a `folder`.
    read = cast(Callable[[type[DatasetMapping], Path], DatasetMapping], read_spec)
    return read(DatasetMapping, path)


def _same_names(kind: str, given: Mapping[str, object], known: list[str], policy: str) -> None:
    for name in given:
        if name not in known:
            raise UnknownName(f"{kind} of policy '{policy}'", name, known)
    missing = [name for name in known if name not in given]
    if missing:
        raise InvalidFile(
            f"the mapping lacks {kind} {', '.join(missing)} of policy '{policy}'; where the "
            "dataset has no such value, a constant can be given"
        )


def _check_size(place: str, spec: FieldSpec, entry: FieldSource) -> None:
    found: int | None = None
    if entry.constant is not None:
        found = np.size(entry.constant)
        if found == 1:
            return
    elif entry.quaternion is not None:
        found = 1
    elif entry.indices is not None:
        found = len(entry.indices)
    if found is not None and found != spec.size:
        raise InvalidFile(f"{place}: the mapping gives {found} values, the policy has {spec.size}")
