"""Is there a GPU, and does this policy need one?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dsrl_ros.doctor.check import Check, Probe, Status, Values, ok, warn

_DRIVER: Final = Path("/proc/driver/nvidia/version")
_FREE_MIN_MB: Final = 1000.0


@dataclass(frozen=True)
class Gpu:
    """What torch and the driver tell; no name: torch cannot use any."""

    name: str
    driver: str
    """Empty: no driver of NVIDIA's."""
    free_mb: float
    total_mb: float
    cuda: str
    """CUDA that torch was built for; empty: a build for the processor."""


def parse_driver(text: str) -> str:
    """Version in /proc/driver/nvidia/version; empty: none."""
    match = re.search(r"Kernel Module(?: for \S+)?\s+([0-9.]+)", text)
    return match[1] if match else ""


def judge_gpu(gpu: Gpu, latency: Check | None) -> Check:
    """`latency`: the check of decisions made in this process, which tells whether it matters."""
    name, expected = "gpu.cuda", "a GPU, or decisions that are fast enough without"
    values: Values = {"name": gpu.name, "driver": gpu.driver, "cuda": gpu.cuda}
    if gpu.name:
        found = f"{gpu.name}, driver {gpu.driver or 'unknown'}, {gpu.free_mb:.0f} MB free"
        memory: Values = {"free_mb": round(gpu.free_mb), "total_mb": round(gpu.total_mb)}
        if gpu.free_mb >= _FREE_MIN_MB:
            return ok(name, found, expected, **values, **memory)
        advice = "See `nvidia-smi` for who holds its memory."
        return warn(name, found, expected, advice, **values, **memory)
    if gpu.driver:
        return warn(
            name,
            f"driver {gpu.driver} is there, but torch ({_build(gpu)}) cannot use it",
            expected,
            "Install torch's build for that driver's CUDA, or update the driver.",
            **values,
        )
    found = f"none; torch {_build(gpu)}"
    if latency is not None and latency.status is Status.OK:
        return ok(name, f"{found}. On the processor: {latency.found}", expected, **values)
    measured = latency.found if latency is not None else "latency not measured"
    advice = "Serve the policy and learn on a machine with a GPU; see docker/ for two machines."
    return warn(name, f"{found}; {measured}", expected, advice, **values)


def _build(gpu: Gpu) -> str:
    return f"for CUDA {gpu.cuda}" if gpu.cuda else "for the processor only"


def read_gpu() -> Gpu:
    """Of the first GPU that torch sees."""
    import torch

    driver = parse_driver(_DRIVER.read_text()) if _DRIVER.is_file() else ""
    cuda = torch.version.cuda or ""
    if not torch.cuda.is_available():
        return Gpu("", driver, 0.0, 0.0, cuda)
    free, total = torch.cuda.mem_get_info(0)
    return Gpu(torch.cuda.get_device_name(0), driver, free / 1e6, total / 1e6, cuda)


def probes(latency: Check | None) -> list[Probe]:
    """Of this group."""
    return [Probe("gpu.cuda", lambda: judge_gpu(read_gpu(), latency))]
