"""Kinds of values that specification files share."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field

STRICT: Final = ConfigDict(extra="forbid")
"""A key that is not known is refused, with those that are."""
FINITE: Final = ConfigDict(**STRICT, allow_inf_nan=False)
"""Strict, and of numbers only: nothing is larger than NaN, such a limit would be none."""


def _not_zero(value: float) -> float:
    if value == 0:
        raise ValueError("expected another number than 0")
    return value


Positive = Annotated[float, Field(gt=0)]
NotZero = Annotated[float, AfterValidator(_not_zero)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
NaturalNumber = Annotated[int, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, le=1)]
Joints = Annotated[tuple[float, ...], Field(min_length=1)]
Vector2 = tuple[float, float]
Vector3 = tuple[float, float, float]
