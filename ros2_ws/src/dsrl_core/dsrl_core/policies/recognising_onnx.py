"""What an ONNX file's graph tells: names, types and shapes of what it takes and gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import onnxruntime

from dsrl_core.errors import InvalidFile
from dsrl_core.policies.recognised import Recognised

_NOISE: Final = "noise"
_UINT8: Final = "tensor(uint8)"


def onnx_facts(path: Path) -> Recognised:
    """From a file of one graph with the policy in it.

    Raises:
        InvalidFile: ONNX Runtime cannot read it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's errors have no common class
        raise InvalidFile(f"{path} is no ONNX file that can be run: {error}") from error
    taken = {value.name: _sizes(value.shape) for value in session.get_inputs()}
    types = {value.name: value.type for value in session.get_inputs()}
    facts: dict[str, Any] = {}
    notes = []
    noise = taken.pop(_NOISE, None)
    if noise is None:
        notes.append(
            f"no input is called '{_NOISE}'; of {', '.join(taken)}, "
            "--set settings.noise_key=... says which it is"
        )
    elif len(noise) == 3 and noise[1] and noise[2]:
        facts |= {"noise_horizon": noise[1], "noise_dim": noise[2]}
    given = _sizes(session.get_outputs()[0].shape)
    if len(given) == 3 and given[1]:
        facts["horizon"] = given[1]
        notes.append(f"an action has {given[2] or 'some'} values")
    facts |= _cameras({name: shape for name, shape in taken.items() if len(shape) >= 4}, types)
    states = {name: shape[-1] for name, shape in taken.items() if len(shape) in (2, 3)}
    steps = {shape[1] for shape in taken.values() if len(shape) in (3, 5) and shape[1]}
    if len(steps) == 1:
        facts["observation_steps"] = steps.pop()
    # What a graph does inside, it does not tell; the number changes nothing but the card.
    facts["denoising_steps"] = 1
    return Recognised("an ONNX file", "onnx", facts, states, ".onnx", tuple(notes))


def _cameras(seen: dict[str, list[int]], types: dict[str, str]) -> dict[str, Any]:
    """Cameras are what has a height and a width; channels first or last, by where the 3 is."""
    if not seen:
        return {}
    first = next(iter(seen))
    is_chw = seen[first][-3] == 3 and seen[first][-1] != 3
    settings = {"image_layout": "chw"} if is_chw else {}
    if types[first] != _UINT8:
        settings["image_values"] = "unit"
    cameras = []
    for name, shape in seen.items():
        height, width = (shape[-2], shape[-1]) if is_chw else (shape[-3], shape[-2])
        if height and width:
            cameras.append({"name": name, "width": width, "height": height})
    return {"settings": settings} | ({"cameras": cameras} if cameras else {})


def _sizes(shape: list[Any]) -> list[int]:
    """0 where any is taken."""
    return [size if isinstance(size, int) else 0 for size in shape]
