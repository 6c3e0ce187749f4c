"""Errors that a user can act on: what was wrong, what was expected, what is available."""

from __future__ import annotations

from collections.abc import Iterable


class DsrlError(Exception):
    """Base of every error that is the user's to mend; the CLI prints it without a traceback."""


class UnknownName(DsrlError):
    """A task, policy, robot, parameter or other name that does not exist."""

    def __init__(self, kind: str, name: str, available: Iterable[str]) -> None:
        self._parts = kind, name, tuple(sorted(available))
        listed = ", ".join(self._parts[2]) or "none"
        super().__init__(f"unknown {kind} '{name}'; available: {listed}")

    def __reduce__(self) -> tuple[type[UnknownName], tuple[str, str, tuple[str, ...]]]:
        """So that it comes back whole from another process."""
        return type(self), self._parts


class InvalidFile(DsrlError):
    """A file of ours or of a user's that does not say what it must."""


class InvalidValue(DsrlError):
    """A value out of its range or of the wrong shape."""
