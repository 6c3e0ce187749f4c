"""Libraries that only some users need: loaded when a dataset is opened, never before."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from dsrl_core.errors import DsrlError


def library(name: str) -> Any:
    """A module of pyarrow or h5py.

    Raises:
        DsrlError: it is not installed; says how to install it.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        package = name.partition(".")[0]
        raise DsrlError(
            f"this dataset's format needs {package}, which is not installed: "
            f"pip install {package}, or dsrl-core[datasets]"
        ) from error
