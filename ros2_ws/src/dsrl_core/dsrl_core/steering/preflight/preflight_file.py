"""A preflight as JSON, for programs and for reports."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from dsrl_core.steering.preflight.examination import Preflight
from dsrl_core.steering.preflight.head_room import ASSUMPTIONS
from dsrl_core.steering.preflight.thresholds import Thresholds
from dsrl_core.steering.preflight.to_try import against_base
from dsrl_core.steering.preflight.verdict import Reason, verdict_of

FILE: Final = "preflight.json"
FORMAT: Final = 1


def to_json(
    found: Preflight, reasons: Sequence[Reason], thresholds: Thresholds, about: dict[str, Any]
) -> dict[str, Any]:
    """Everything that was found; `about`: what was asked for. Values that are no numbers: null."""
    measured, room = found.measured, found.head_room
    content = {
        "format": FORMAT,
        **about,
        "task": found.task.name,
        "policy": found.policy.name,
        "policy_sha256": found.policy.weights_sha256,
        "observations": found.views,
        "verdict": verdict_of(reasons),
        "reasons": [asdict(reason) for reason in reasons],
        "recommended": recommended(found),
        "head_room": None
        if room is None
        else asdict(room) | {"gain": room.gain, "assumptions": ASSUMPTIONS},
        "trials": {name: asdict(count) for name, count in found.trials.items()},
        "compared": {name: asdict(count) for name, count in found.compared.items()},
        "against_base": {name: asdict(one) for name, one in against_base(found.compared).items()},
        "measured": asdict(measured),
        "thresholds": asdict(thresholds),
    }
    finite: dict[str, Any] = _finite(content)
    return finite


def recommended(found: Preflight) -> dict[str, Any] | None:
    """Settings for the task file's steering; None where nothing could be measured."""
    advice = found.measured.recommendation
    if advice is None:
        return None
    kind = advice.kind
    knots = {"knots": kind.knots} if kind.shape == "knots" else {}
    return {
        "noise_shape": kind.shape,
        **knots,
        "noise_bound": kind.bound,
        "without_objection": advice.is_clean,
    }


def write(path: Path, content: dict[str, Any]) -> None:
    """Replace the file as a whole."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    partial.replace(path)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
