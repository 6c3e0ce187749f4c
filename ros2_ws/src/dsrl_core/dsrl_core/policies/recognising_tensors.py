"""What the shapes of a native policy's tensors tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dsrl_core.policies.recognised import Recognised


def safetensors_facts(path: Path, header: dict[str, Any]) -> Recognised:
    """From a safetensors file's header; `--like` or `--backend` tells what shapes do not.

    A flow's and a diffusion's weights have the same names, so only the sizes are told.
    """
    shapes = {name: entry["shape"] for name, entry in header.items()}
    kind = "safetensors of a native policy"
    if "field.0.weight" in shapes and "observation_mean" in shapes:
        layers = sum(name.startswith("field.") and name.endswith(".weight") for name in shapes) - 1
        facts: dict[str, Any] = {
            "architecture": {"width": shapes["field.0.weight"][0], "layers": layers}
        }
        notes = (f"a chunk has {shapes['chunk_mean'][0]} values",) if "chunk_mean" in shapes else ()
        inputs = {"observation": shapes["observation_mean"][0]}
        return Recognised(kind, "", facts, inputs, ".safetensors", notes)
    listed = ", ".join(sorted(shapes)[:5])
    return Recognised(
        "safetensors", suffix=".safetensors", notes=(f"tensors {listed}, {len(shapes)} in all",)
    )
