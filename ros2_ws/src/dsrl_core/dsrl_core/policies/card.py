"""The measured part of a policy's CARD.md: what it is and what the probes found."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from dsrl_core.policies.probe_types import Probe
from dsrl_core.policies.weight_files import weights_bytes
from dsrl_core.specs import PolicySpec

CARD: Final = "CARD.md"
TEMPLATE: Final = "CARD.md.in"
"""Of a policy whose card its own `make.py` writes."""
MEASURED: Final = "MEASURED.md"
"""Beside a card that is not ours to write into."""
_BEGIN: Final = "<!-- measured: begin; written by `./dsrl policy card`, do not edit -->"
_END: Final = "<!-- measured: end -->"


def write_card(spec: PolicySpec, probes: Sequence[Probe]) -> Path:
    """Write or replace the measured section; whatever else the card says stays as it is."""
    section = "\n".join([_BEGIN, *_measured(spec, probes), _END])
    name = MEASURED if (spec.folder / TEMPLATE).exists() else CARD
    path = spec.folder / name
    text = path.read_text() if path.exists() else f"# {spec.name}\n\n{spec.description}\n"
    begin, end = text.find(_BEGIN), text.find(_END)
    if 0 <= begin < end:
        text = text[:begin] + section + text[end + len(_END) :]
    else:
        text = f"{text.rstrip()}\n\n{section}\n"
    part = path.with_suffix(".part")
    part.write_text(text)
    part.replace(path)
    return path


def _measured(spec: PolicySpec, probes: Sequence[Probe]) -> list[str]:
    sees = [f"{part.name} ({part.size})" for part in spec.observation]
    sees += [f"{camera.name} ({camera.width} x {camera.height})" for camera in spec.cameras]
    acts = [f"{part.name} ({part.size})" for part in spec.action.fields]
    size = f"{weights_bytes(spec.weights_path) / 1e6:.2f} MB" if spec.weights else "elsewhere"
    return [
        "## Measured",
        "",
        f"- **Backend**: {spec.backend}; weights {size}, pinned `{spec.weights_sha256}`",
        f"- **Sees**: {', '.join(sees)}; {spec.observation_steps} step(s)",
        f"- **Gives**: chunks {_by(spec.chunk_shape)} of {spec.action.kind} every "
        f"{spec.action.period_s:g} s: {', '.join(acts)}",
        f"- **Noise**: {_by(spec.noise_shape)}, {spec.denoising_steps} denoising steps",
        f"- **On**: {_machine()}, {datetime.now(UTC):%Y-%m-%d}",
        "",
        "| probe | verdict | found | expected |",
        "|---|---|---|---|",
        *(f"| {p.name} | {p.verdict} | {_cell(p.found)} | {_cell(p.expected)} |" for p in probes),
    ]


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _machine() -> str:
    """The processor's name and how many of its cores this process may use."""
    cores = len(os.sched_getaffinity(0))
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else name}, {cores} cores"
