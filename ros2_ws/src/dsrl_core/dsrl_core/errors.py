"""Errors that a user can act on: what was wrong, what was expected, what is available."""

from __future__ import annotations

from collections.abc import Iterable


class DsrlError(Exception):
    """Base of every error that is the user's to mend; the CLI prints it without a traceback."""


class UnknownName(DsrlError):
    """A task, policy, robot, parameter or other name that does not exist."""

    def __init__(self, kind: str, name: str, available: Iterable[str]) -> None:
        listed = ", ".join(sorted(available)) or "none"
        super().__init__(f"unknown {kind} '{name}'; available: {listed}")


class InvalidFile(DsrlError):
    """A file of ours or of a user's that does not say what it must."""


class InvalidValue(DsrlError):
    """A value out of its range or of the wrong shape."""
