"""Which runs a sweep has: every task with every variant and every seed.

A variant is a map of settings that differ from the task file's, as `./dsrl retrain --config` has
it: from a file, or one combination of `--set name=value,value` options.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml

from dsrl_core.errors import InvalidValue
from dsrl_core.specs import TaskSpec

AS_THE_TASK_SAYS: Final = "task"
"""Name of the variant without any other setting."""
_SETTINGS: Final = "settings"
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.=+-]+")
_NAME_MAX: Final = 100


@dataclass(frozen=True)
class Cell:
    """One run."""

    task: str
    variant: str
    seed: int
    resets: int
    """Fresh starts per figure."""
    points: tuple[int, ...]
    """Online episodes after which the greedy policy is measured."""
    config: dict[str, Any] = field(default_factory=dict)
    policy: str = ""
    """Empty: the one that the task names."""

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.task}-{self.variant}-{self.seed}"

    def as_map(self) -> dict[str, Any]:
        """As JSON has it, where a tuple is a list."""
        return asdict(self) | {"points": list(self.points)}

    @staticmethod
    def of(values: Mapping[str, Any]) -> Cell:
        return Cell(**{**values, "points": tuple(values["points"])})

    def of_task(self, task: TaskSpec) -> TaskSpec:
        """The task as this run has it.

        Raises:
            InvalidFile: a setting does not exist, or a value is out of range.
        """
        # Here, because it loads torch, which a process that only counts runs need not.
        from dsrl_core.learning.retrain import changed

        config = dict(self.config)
        if _SETTINGS in config:
            # One setting of the algorithm changes that one, and not all of them.
            config[_SETTINGS] = {**task.steering.settings, **config[_SETTINGS]}
        return changed(task, config)


def variants_of(
    files: Sequence[Path], options: Sequence[str], samples: int = 0, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """The variants by name: each file, then each combination of the options' values; with neither,
    the task as it is.

    `options`: each `name=value,value`, the name with dots where it is in a map. `samples`: so many
    of the combinations only, drawn with `seed`.

    Raises:
        InvalidFile: a file holds no map of settings.
        InvalidValue: an option is none, or two variants have the same name.
    """
    from dsrl_core.learning.retrain import read_config

    found: dict[str, dict[str, Any]] = {}
    for path in files:
        if path.stem in found or path.stem == AS_THE_TASK_SAYS:
            raise InvalidValue(f"two variants are called '{path.stem}'; expected names that differ")
        found[path.stem] = read_config(path)
    if options:
        axes = [_axis(option) for option in options]
        combinations = list(itertools.product(*axes))
        if samples and samples < len(combinations):
            drawn = np.random.default_rng(seed).permutation(len(combinations))[:samples]
            combinations = [combinations[place] for place in sorted(drawn)]
        for combination in combinations:
            config: dict[str, Any] = {}
            for name, value in combination:
                _put(config, name.split("."), value)
            variant = _named(combination)
            if variant in found:
                raise InvalidValue(
                    f"two variants are called '{variant}', by their settings' last words and the "
                    f"first {_NAME_MAX} letters; expected names that differ: put them in files"
                )
            found[variant] = config
    return found or {AS_THE_TASK_SAYS: {}}


def cells_of(
    tasks: Sequence[str],
    variants: Mapping[str, dict[str, Any]],
    seeds: Sequence[int],
    resets: int,
    points: Sequence[int],
    policy: str = "",
) -> list[Cell]:
    """All of them, seed by seed: after the first seed there is something of every variant."""
    return [
        Cell(task, variant, seed, resets, tuple(sorted(set(points))), dict(config), policy)
        for seed in seeds
        for task in tasks
        for variant, config in variants.items()
    ]


def numbers(text: str, what: str) -> list[int]:
    """`0,2,5-7` as numbers.

    Raises:
        InvalidValue: it is something else.
    """
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        if match is None:
            raise InvalidValue(f"{what} is '{text}', expected numbers such as 0,2,5-7")
        first, last = int(match[1]), int(match[2] or match[1])
        found += range(first, last + 1)
    return list(dict.fromkeys(found))


def _axis(option: str) -> list[tuple[str, Any]]:
    name, equals, values = option.partition("=")
    name = name.strip()
    if not (equals and name and values) or not all(name.split(".")):
        raise InvalidValue(f"--set is '{option}', expected name=value,value")
    try:
        found = yaml.safe_load(f"[{values}]")
    except yaml.YAMLError as error:
        raise InvalidValue(f"--set {name}: '{values}' are no values: {error}") from error
    return [(name, value) for value in found]


def _put(config: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        config = config.setdefault(part, {})
    config[path[-1]] = value


def _named(combination: Sequence[tuple[str, Any]]) -> str:
    text = "+".join(f"{name.rpartition('.')[2]}={value}" for name, value in combination)
    return _UNSAFE.sub("_", text)[:_NAME_MAX]
