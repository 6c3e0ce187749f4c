"""Exact conversions between the units in which datasets and policy files speak."""

from __future__ import annotations

import math
from typing import Final

from dsrl_core.errors import InvalidFile
from dsrl_core.types import Float64Array

_UNITS: Final[dict[str, tuple[str, float, float]]] = {
    "m": ("length", 1.0, 1.0),
    "cm": ("length", 1.0, 100.0),
    "mm": ("length", 1.0, 1000.0),
    "rad": ("angle", 1.0, 1.0),
    "deg": ("angle", math.pi, 180.0),
    "1": ("ratio", 1.0, 1.0),
}
"""What is measured, and the unit as a fraction of the base unit: a factor such as 0.001 would not
be exact."""


class UnitConversion:
    """From a dataset's unit to a policy's."""

    def __init__(self, source: str, target: str, field: str) -> None:
        """`field`: what is converted, for the error.

        Raises:
            InvalidFile: there is no such conversion.
        """
        source, target = source or "1", target or "1"
        self._numerator = self._denominator = 1.0
        if source == target:
            return
        if source not in _UNITS or target not in _UNITS or _UNITS[source][0] != _UNITS[target][0]:
            same_kind = [
                unit for unit in _UNITS if target in _UNITS and _UNITS[unit][0] == _UNITS[target][0]
            ]
            raise InvalidFile(
                f"{field}: there is no conversion from [{source}] to the policy's [{target}]; "
                f"available: {', '.join(same_kind) or target}. A value without a physical unit "
                "needs a factor that makes it one"
            )
        self._numerator = _UNITS[source][1] * _UNITS[target][2]
        self._denominator = _UNITS[source][2] * _UNITS[target][1]

    def __call__(self, values: Float64Array) -> Float64Array:
        """The values in the policy's unit, of the same shape."""
        return values * self._numerator / self._denominator
