"""What the environments of other frameworks are made from: `config/environments/<name>.txt`.

A recipe is a requirements file whose every line pins an exact version, dependencies included. Its
comments give the reasons; those that begin with `#:` are read: `worker` (the module that serves),
`disk_gb` and `disk_cuda_gb` (what it takes with torch's CPU and CUDA builds) and, of a framework
that no package index has, `by_hand` (how it is installed and, with the script in `worker`, run).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dsrl_core.errors import InvalidFile, UnknownName

RECIPES: Final = Path(__file__).parents[1] / "config" / "environments"
_PIN: Final = re.compile(r"^[A-Za-z0-9._-]+==[A-Za-z0-9.+!_-]+$")
_SETTING: Final = re.compile(r"^#: (\w+): (.+)$")
_SETTINGS: Final = {"worker", "disk_gb", "disk_cuda_gb", "by_hand"}
_FROM_PIP: Final = re.compile(r"^(torch|torchvision)==")


@dataclass(frozen=True)
class Recipe:
    """A framework's environment."""

    name: str
    pins: tuple[str, ...]
    """`package==version`; none for a framework that is installed by hand."""
    worker: str
    disk_gb: float = 0.0
    disk_cuda_gb: float = 0.0
    by_hand: str = ""

    @property
    def torch_pins(self) -> tuple[str, ...]:
        """torch and what is built against it: what they depend on differs from build to build."""
        return tuple(pin for pin in self.pins if _FROM_PIP.match(pin))

    @property
    def other_pins(self) -> tuple[str, ...]:
        return tuple(pin for pin in self.pins if not _FROM_PIP.match(pin))


def recipe_names(folder: Path = RECIPES) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.txt"))


def recipe(name: str, folder: Path = RECIPES) -> Recipe:
    """The recipe of a framework.

    Raises:
        UnknownName: there is none.
        InvalidFile: a line pins no exact version, or a setting is unknown or missing.
    """
    if name not in recipe_names(folder):
        raise UnknownName("framework", name, recipe_names(folder))
    path = folder / f"{name}.txt"
    pins, settings = [], {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        content = line.split(" #")[0].strip()
        if setting := _SETTING.match(line):
            settings[setting[1]] = setting[2]
        elif content and not content.startswith("#"):
            if not _PIN.match(content):
                raise InvalidFile(f"{path}:{number}: '{content}' is not package==version")
            pins.append(content)
    if unknown := sorted(settings.keys() - _SETTINGS):
        raise InvalidFile(
            f"{path}: unknown {', '.join(unknown)}; available: {', '.join(sorted(_SETTINGS))}"
        )
    if "worker" not in settings or bool(pins) == ("by_hand" in settings):
        raise InvalidFile(f"{path}: expected a worker, and either pins or by_hand")
    return Recipe(
        name,
        tuple(pins),
        settings["worker"],
        float(settings.get("disk_gb", 0.0)),
        float(settings.get("disk_cuda_gb", 0.0)),
        settings.get("by_hand", ""),
    )
