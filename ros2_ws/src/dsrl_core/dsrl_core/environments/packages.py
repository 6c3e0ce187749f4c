"""Packages that only a benchmark's users have: loaded when an environment is made, never before."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from dsrl_core.errors import DsrlError


class MissingPackage(DsrlError):
    """An environment's package is not installed."""

    def __init__(self, environment: str, missing: str, remedy: str) -> None:
        super().__init__(
            f"environment '{environment}' needs {missing}, which is not installed: {remedy}"
        )


def package(name: str, environment: str, remedy: str) -> Any:
    """A module that `environment` needs; `remedy` says how to install it.

    Raises:
        MissingPackage: it is not there, or something that it needs is not.
    """
    try:
        return import_module(name)
    except ImportError as error:
        # What is missing may be a dependency of it, and then that is the word that helps.
        raise MissingPackage(environment, error.name or name.partition(".")[0], remedy) from error
