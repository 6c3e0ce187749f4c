"""Everything that an algorithm has learned, so that it can be put back and go on from there.

    <folder>/v000012.safetensors: networks, targets, optimisers, temperature and counters

What is drawn at random and what is trained on is not part of it: after a return to a checkpoint
learning goes on with all episodes so far.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from dsrl_core.errors import DsrlError, InvalidFile
from dsrl_core.learning.algorithm import Algorithm
from dsrl_core.learning.remembering import State, digest
from dsrl_core.learning.temperature import Temperature

_MOMENTS: Final = "moments"


def state_of(algorithm: Algorithm[Any]) -> State:
    """A copy of all that updates change, by the names of the algorithm's attributes."""
    state: State = {}
    for name, part in _parts(algorithm):
        if isinstance(part, nn.Module):
            found: Mapping[str, Tensor] = part.state_dict()
        elif isinstance(part, torch.optim.Optimizer):
            found = _moments_of(part)
        else:
            found = {"": part if isinstance(part, Tensor) else torch.tensor(part)}
        state |= {f"{name}.{key}": value.detach().clone() for key, value in found.items()}
    return state


def restore(algorithm: Algorithm[Any], state: State) -> None:
    """Put back what `state_of` gave.

    Raises:
        InvalidFile: it is the state of another algorithm, or of other networks.
    """
    parts = dict(_parts(algorithm))
    by_part: dict[str, State] = {name: {} for name in parts}
    for key, value in state.items():
        owner, _, rest = key.partition(".")
        if owner not in by_part:
            raise InvalidFile(
                f"a checkpoint holds '{owner}'; available here: {', '.join(sorted(parts))}"
            )
        by_part[owner][rest] = value
    try:
        for name, part in parts.items():
            _put_back(algorithm, name, part, by_part[name])
    except (KeyError, RuntimeError, ValueError) as error:
        raise InvalidFile(f"a checkpoint does not fit this algorithm: {error}") from error


class Checkpoints:
    """Kept in memory, and in a folder if there is one, by the version of the weights."""

    def __init__(self, folder: Path | None = None, known: Mapping[int, str] | None = None) -> None:
        """`known`: those of an earlier start that a learner goes on with, each with its digest.

        Raises:
            DsrlError: the folder cannot be made.
            InvalidFile: a known one is not what was written.
        """
        self._folder = folder
        self._states: dict[int, State] = {}
        if folder is None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DsrlError(f"the checkpoint folder {folder} cannot be used: {error}") from error
        for version, expected in (known or {}).items():
            state = read_checkpoint(self._path(version))
            if digest(state) != expected:
                raise InvalidFile(f"{self._path(version)} is not what was written")
            self._states[version] = state

    def clear_others(self) -> None:
        """Take away the files of an earlier start that are not gone on with.

        Raises:
            DsrlError: the folder cannot be written.
        """
        if self._folder is None:
            return
        keep = {self._path(version) for version in self._states}
        try:
            for path in set(self._folder.glob("v*.safetensors")) - keep:
                path.unlink()
        except OSError as error:
            raise DsrlError(f"{self._folder} cannot be written: {error}") from error

    def digests(self) -> dict[int, str]:
        """Of all that are kept."""
        return {version: digest(state) for version, state in self._states.items()}

    def __getitem__(self, version: int) -> State:
        return self._states[version]

    def versions(self) -> set[int]:
        return set(self._states)

    def keep(self, version: int, state: State) -> None:
        """Keep a state, on disk too.

        Raises:
            DsrlError: the disk is full, or the folder cannot be written.
        """
        self._states[version] = state
        if self._folder is None:
            return
        path = self._path(version)
        part = path.with_suffix(".part")
        try:
            save_file({name: value.contiguous() for name, value in state.items()}, part)
            os.replace(part, path)  # noqa: PTH105
        except (OSError, SafetensorError) as error:
            with suppress(OSError):  # a disk that cannot be written refuses this too
                part.unlink()
            raise DsrlError(f"checkpoint {path} could not be written: {error}") from error

    def drop_all_but(self, versions: set[int]) -> None:
        """Forget the others."""
        for version in self.versions() - versions:
            del self._states[version]
            if self._folder is not None:
                with suppress(OSError):  # it stays until a new start clears it
                    self._path(version).unlink()

    def _path(self, version: int) -> Path:
        assert self._folder is not None
        return self._folder / f"v{version:06d}.safetensors"


def read_checkpoint(path: Path) -> State:
    """A state from disk.

    Raises:
        InvalidFile: it is no safetensors file.
    """
    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise InvalidFile(f"{path} is no checkpoint: {error}") from error


def _parts(algorithm: Algorithm[Any]) -> Iterator[tuple[str, Any]]:
    """What updates change: modules, optimisers, the temperature, counters."""
    for name, part in sorted(vars(algorithm).items()):
        if isinstance(part, Temperature):
            for inner, value in sorted(vars(part).items()):
                if isinstance(value, Tensor | torch.optim.Optimizer):
                    yield f"{name}/{inner}", value
        elif isinstance(part, nn.Module | torch.optim.Optimizer) or type(part) is int:
            yield name, part


def _moments_of(optimiser: torch.optim.Optimizer) -> State:
    state = optimiser.state_dict()["state"]
    return {
        f"{_MOMENTS}.{number}.{name}": value
        for number, moments in state.items()
        for name, value in moments.items()
    }


def _put_back(algorithm: Algorithm[Any], name: str, part: Any, state: State) -> None:
    if isinstance(part, nn.Module):
        part.load_state_dict(state)
    elif isinstance(part, torch.optim.Optimizer):
        moments: dict[int, State] = {}
        for key, value in state.items():
            _, number, moment = key.split(".")
            moments.setdefault(int(number), {})[moment] = value.clone()
        groups = part.state_dict()["param_groups"]
        part.load_state_dict({"state": moments, "param_groups": groups})
    elif isinstance(part, Tensor):
        with torch.no_grad():
            part.copy_(state[""])
    else:
        setattr(algorithm, name, int(state[""]))
