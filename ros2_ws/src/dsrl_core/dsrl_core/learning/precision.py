"""How exactly matrices are multiplied while learning.

bfloat16 products of float32 matrices (accumulated in float32) are up to twice as fast on a CPU that
has them. The frozen policy is always decoded in float32: what it is worth must be of what it does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

import torch

Products = Literal["float32", "bfloat16"]
_TORCH: Final = {"float32": "highest", "bfloat16": "medium"}


@contextmanager
def products(kind: Products) -> Iterator[None]:
    """Multiply matrices this way in the block."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(_TORCH[kind])
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
