"""Where and how exactly a native policy decodes: device, precision, and CUDA graphs on a GPU.

A policy's `settings` may say `device` (cpu | cuda; by default cuda where there is one) and
`precision` (float32 | bfloat16; by default bfloat16 on a GPU). bfloat16 is only used if chunks of a
check at load are equal to those of float32 within the policy's `tolerance`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from dsrl_core.errors import InvalidFile
from dsrl_core.policies.samplers import choice_of
from dsrl_core.specs import PolicySpec

Decode = Callable[[Tensor, Tensor], Tensor]
"""Features (n or 1, inputs) and noises (n, rows, noise_dim) to chunks (n, ...), on one device."""
FLOAT32, BFLOAT16 = "float32", "bfloat16"
CHECKED = 16
"""Noises in the check of a precision."""
_WARM_UPS = 3
_LOG = logging.getLogger(__name__)


def device_of(spec: PolicySpec) -> torch.device:
    """The device that a policy's file asks for.

    Raises:
        InvalidFile: an unknown one, or cuda where there is none.
    """
    there_is = torch.cuda.is_available()
    device = choice_of(spec, "device", *(("cuda", "cpu") if there_is else ("cpu", "cuda")))
    if device == "cuda" and not there_is:
        raise InvalidFile(
            f"policy '{spec.name}': settings.device is cuda, and this machine has none that its "
            "torch can use; available: cpu"
        )
    return torch.device(device)


class Accelerated:
    """Decodes on a device; of a GPU's decodings, as many as there are shapes, it keeps graphs."""

    def __init__(self, spec: PolicySpec, decode: Decode, inputs: int, device: torch.device) -> None:
        """`inputs`: size of the features. Checks the precision, and thereby warms up with noise.

        Raises:
            InvalidFile: an unknown precision.
        """
        self._device = device
        first = BFLOAT16 if device.type == "cuda" else FLOAT32
        precision = choice_of(spec, "precision", first, *({FLOAT32, BFLOAT16} - {first}))
        generator = torch.Generator().manual_seed(0)
        example = (
            torch.randn(CHECKED, inputs, generator=generator).to(device),
            torch.randn(CHECKED, *spec.noise_shape, generator=generator).to(device),
        )
        self.precision = FLOAT32
        """float32 or bfloat16: what it decodes in."""
        self._decode = decode
        if precision == BFLOAT16:
            self._decode, self.precision = _checked_bfloat16(spec, decode, example, device)
        self._runner = _Graphs(self._decode, device, spec) if device.type == "cuda" else None
        self(*example)

    def __call__(self, features: Tensor, noises: Tensor) -> Tensor:
        """Chunks on the CPU, of nobody else; features and noises may lie anywhere."""
        if self._runner is None:
            with torch.inference_mode():
                return self._decode(features, noises)
        return self._runner(features, noises)

    def close(self) -> None:
        """End the thread that owns the graphs, if any."""
        if self._runner is not None:
            self._runner.close()


def _checked_bfloat16(
    spec: PolicySpec, decode: Decode, example: tuple[Tensor, Tensor], device: torch.device
) -> tuple[Decode, str]:
    def rounded(features: Tensor, noises: Tensor) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16):
            return decode(features, noises).float()

    with torch.inference_mode():
        difference = float((rounded(*example) - decode(*example)).abs().max())
    if difference <= spec.tolerance:
        return rounded, BFLOAT16
    _LOG.warning(
        "policy '%s' decodes in float32: its chunks differ by %.2g in bfloat16, more than its "
        "tolerance %.2g",
        spec.name,
        difference,
        spec.tolerance,
    )
    return decode, FLOAT32


class _Graphs:
    """CUDA graphs of one decoding, captured and replayed by one thread: they refuse others.

    Noises are filled up to a power of two, so that a few shapes serve every batch.
    """

    def __init__(self, decode: Decode, device: torch.device, spec: PolicySpec) -> None:
        self._decode, self._device, self._most = decode, device, spec.max_batch
        self._graphs: dict[tuple[int, int], tuple[torch.cuda.CUDAGraph, Tensor, Tensor, Tensor]]
        self._graphs = {}
        self._thread = ThreadPoolExecutor(1, "cuda")

    def __call__(self, features: Tensor, noises: Tensor) -> Tensor:
        return self._thread.submit(self._replayed, features, noises).result()

    def close(self) -> None:
        self._thread.shutdown()

    @torch.inference_mode()
    def _replayed(self, features: Tensor, noises: Tensor) -> Tensor:
        count, each = len(noises), len(features)
        rows = min(1 << (count - 1).bit_length(), self._most)
        key = (1 if each == 1 else rows, rows)
        if key not in self._graphs:
            self._graphs[key] = self._captured(features, noises, *key)
        graph, seen, drawn, chunks = self._graphs[key]
        seen[:each].copy_(features)
        drawn[:count].copy_(noises)
        graph.replay()
        return chunks[:count].to("cpu", copy=True)

    def _captured(
        self, features: Tensor, noises: Tensor, each: int, rows: int
    ) -> tuple[torch.cuda.CUDAGraph, Tensor, Tensor, Tensor]:
        seen = features[:1].to(self._device).repeat(each, 1)
        drawn = noises[:1].to(self._device).repeat(rows, 1, 1)
        stream, graph = torch.cuda.Stream(self._device), torch.cuda.CUDAGraph()
        stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UPS):
                self._decode(seen, drawn)
        torch.cuda.current_stream(self._device).wait_stream(stream)
        with torch.cuda.graph(graph):
            chunks = self._decode(seen, drawn)
        return graph, seen, drawn, chunks
