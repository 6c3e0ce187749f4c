"""Algorithms, one per file, made by their name in the task file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from dsrl_core.errors import InvalidFile, UnknownName
from dsrl_core.learning import dsrl_na, dsrl_sac, rlpd
from dsrl_core.learning.algorithm import Algorithm, AlgorithmConfig
from dsrl_core.learning.dsrl_na import DsrlNa
from dsrl_core.learning.dsrl_sac import DsrlSac
from dsrl_core.learning.rlpd import Rlpd
from dsrl_core.specs import SteeringSpec

Presets = Mapping[str, AlgorithmConfig]

ALGORITHMS: Final[Mapping[str, tuple[type[Algorithm[Any]], Presets]]] = {
    "dsrl_na": (DsrlNa, dsrl_na.PRESETS),
    "dsrl_sac": (DsrlSac, dsrl_sac.PRESETS),
    "rlpd": (Rlpd, rlpd.PRESETS),
}


def algorithm_of(steering: SteeringSpec) -> tuple[type[Algorithm[Any]], AlgorithmConfig]:
    """The class that a task file names, and its preset with the task's own settings.

    Raises:
        UnknownName: no such algorithm or preset.
        InvalidFile: a setting is unknown or out of range.
    """
    if steering.algorithm not in ALGORITHMS:
        raise UnknownName("algorithm", steering.algorithm, ALGORITHMS)
    algorithm, presets = ALGORITHMS[steering.algorithm]
    if steering.preset not in presets:
        raise UnknownName(f"preset of {steering.algorithm}", steering.preset, presets)
    preset = presets[steering.preset]
    try:
        return algorithm, TypeAdapter(type(preset)).validate_python(
            _merged(asdict(preset), steering.settings)
        )
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()
        )
        raise InvalidFile(
            f"settings of {steering.algorithm}: {problems}; available: "
            + ", ".join(sorted(asdict(preset)))
        ) from error


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes`, in which a map changes parts of a map."""
    merged = dict(base)
    for name, value in changes.items():
        known = merged.get(name)
        if isinstance(known, dict) and isinstance(value, Mapping):
            value = _merged(known, value)
        merged[name] = value
    return merged


__all__: Sequence[str] = ["ALGORITHMS", "algorithm_of"]
