"""Runs on a Ray cluster: this machine's cores, or those of many."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Final

from dsrl_core.errors import DsrlError
from dsrl_core.sweeps.entry_process import function_of
from dsrl_core.sweeps.plan import Cell

VERSION: Final = "2.60.0"
_RETRIES: Final = 2
"""A run whose machine was lost is begun again elsewhere so often."""
_CARRIED: Final = ("DSRL_POLICIES", "PYTHONPATH", "LD_LIBRARY_PATH")
"""What a worker needs to find the same program: at the same paths on every machine."""


def library() -> Any:
    """
    Raises:
        DsrlError: Ray is not installed; says how to install it, and how to do without.
    """
    try:
        return import_module("ray")
    except ModuleNotFoundError as error:
        raise DsrlError(
            f"Ray is not installed: pip install ray=={VERSION}, or dsrl-core[sweep], in this "
            "environment and on every machine; or run on this machine alone with --local"
        ) from error


def run_on_ray(
    entry: str, cells: Sequence[Cell], workers: int | None, address: str | None
) -> Iterator[tuple[Cell, dict[str, Any] | str]]:
    """Each run as it ends: its figures, or why it failed.

    `workers`: cores of this machine to use, all by default; not with `address`, that of a cluster
    that runs already.

    Raises:
        DsrlError: Ray is not installed, or the cluster does not answer.
    """
    ray = library()
    carried = {name: os.environ[name] for name in _CARRIED if name in os.environ}
    # A core each: torch is not to take all of them.
    options: dict[str, Any] = {"runtime_env": {"env_vars": carried | {"OMP_NUM_THREADS": "1"}}}
    if address:
        options["address"] = address
    else:
        options |= {"num_cpus": workers, "include_dashboard": False}
    try:
        ray.init(log_to_driver=False, logging_level="warning", **options)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise DsrlError(f"no Ray at {address or 'this machine'}: {error}") from error
    try:
        task = ray.remote(num_cpus=1, max_retries=_RETRIES)(_one)
        running = {task.remote(entry, cell.as_map()): cell for cell in cells}
        while running:
            (done,), _ = ray.wait(list(running), num_returns=1)
            cell = running.pop(done)
            try:
                yield cell, ray.get(done)
            except ray.exceptions.RayError as error:
                yield cell, f"its worker was lost: {error}"
    finally:
        ray.shutdown()


def _one(entry: str, cell: dict[str, Any]) -> dict[str, Any] | str:
    """In a worker."""
    try:
        return function_of(entry)(Cell.of(cell))
    except Exception:
        return traceback.format_exc()
