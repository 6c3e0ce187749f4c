"""Environments of benchmarks, one kind per file, made by name; packages are loaded only then."""

from __future__ import annotations

from importlib import import_module
from typing import Final, cast

from dsrl_core.environments.chunked_rollout import ChunkedRollout, label_of
from dsrl_core.environments.packages import MissingPackage
from dsrl_core.environments.step_environment import Step, StepEnvironment
from dsrl_core.errors import UnknownName

_LOCOMOTION: Final = "dsrl_core.environments.locomotion:Locomotion"
_ROBOMIMIC: Final = "dsrl_core.environments.robomimic:Robomimic"

ENVIRONMENTS: Final = {
    "halfcheetah": _LOCOMOTION,
    "hopper": _LOCOMOTION,
    "walker2d": _LOCOMOTION,
    "lift": _ROBOMIMIC,
    "can": _ROBOMIMIC,
    "square": _ROBOMIMIC,
    "transport": _ROBOMIMIC,
    "libero_90_57": "dsrl_core.environments.libero:Libero",
    "aloha_transfer_cube": "dsrl_core.environments.aloha:Aloha",
}
"""Name to `module:class`; a class takes the name."""


def make_environment(name: str) -> StepEnvironment:
    """The environment of that name.

    Raises:
        UnknownName: there is no such environment.
        MissingPackage: its packages are not installed; says how to install them.
    """
    if name not in ENVIRONMENTS:
        raise UnknownName("environment", name, ENVIRONMENTS)
    module, kind = ENVIRONMENTS[name].split(":")
    return cast(StepEnvironment, getattr(import_module(module), kind)(name))


__all__ = [
    "ENVIRONMENTS",
    "ChunkedRollout",
    "MissingPackage",
    "Step",
    "StepEnvironment",
    "label_of",
    "make_environment",
]
