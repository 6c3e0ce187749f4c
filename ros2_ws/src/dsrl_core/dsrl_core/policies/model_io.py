"""Between our observations and chunks and those of a model with names and units of its own."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from dsrl_core.errors import InvalidFile, InvalidValue
from dsrl_core.specs import FieldSpec, PolicySpec
from dsrl_core.types import Float32Array, UInt8Array

_Array = TypeVar("_Array", Float32Array, UInt8Array)

FIRST_ACTION = "first_action"
"""In `settings`: the row of the model's chunk that is played first. Diffusion Policy and LeRobot's
diffusion begin at the oldest observation, hence theirs is `observation_steps` - 1."""


def first_action_of(spec: PolicySpec) -> int:
    """The row of the model's chunk that is played first.

    Raises:
        InvalidFile: `first_action` is no row.
    """
    first = spec.settings.get(FIRST_ACTION, 0)
    if isinstance(first, bool) or not isinstance(first, int) or first < 0:
        raise InvalidFile(
            f"policy '{spec.name}': settings.{FIRST_ACTION} is {first!r}, expected a row"
        )
    return first


class ModelIO:
    """Translates for one policy file; stateless.

    `keys` of the file: what the model calls a field or a camera, its own name where none is given;
    empty for a field that the model does not see, but the noise actor does.
    """

    def __init__(self, spec: PolicySpec) -> None:
        """
        Raises:
            InvalidFile: `keys` names what is neither field nor camera, two cameras share a key, or
                `first_action` is no row.
        """
        self._spec = spec
        cameras = [camera.name for camera in spec.cameras]
        known = [part.name for part in spec.observation] + cameras
        if unknown := sorted(spec.keys.keys() - set(known)):
            raise InvalidFile(
                f"policy '{spec.name}': keys name {', '.join(unknown)}; "
                f"available: {', '.join(known)}"
            )
        self._cameras = [spec.keys.get(name, name) for name in cameras]
        columns, self._scale, self._offset = _columns_by_key(spec)
        self._has_units = bool((self._offset != 0.0).any() or (self._scale != 1.0).any())
        self._columns = {key: _sliced(places) for key, places in columns.items()}
        seen = [key for key in self._cameras if key]
        twice = sorted({key for key in seen if seen.count(key) > 1 or key in self._columns})
        if twice:
            raise InvalidFile(
                f"policy '{spec.name}': keys gives {', '.join(twice)} to several cameras, or to a "
                "camera and a field; expected a key for each camera"
            )
        self._first = first_action_of(spec)
        self._action_scale, self._action_offset = _units(spec.action.fields)

    @property
    def state_keys(self) -> tuple[str, ...]:
        return tuple(self._columns)

    @property
    def camera_keys(self) -> tuple[str, ...]:
        return tuple(key for key in self._cameras if key)

    def inputs(
        self, observations: Float32Array, images: UInt8Array | None = None
    ) -> dict[str, Float32Array | UInt8Array]:
        """What the model is given, by its keys, oldest observation first.

        Observations (batch, observation_size) become (batch, [steps,] size) float32 in the model's
        units, images (batch, views, height, width, 3) become (batch, [steps,] height, width, 3);
        the axis of steps is there only for a policy that sees several. Their shapes are checked by
        `check_observations`.
        """
        spec, batch = self._spec, len(observations)
        values = observations.reshape(batch, spec.observation_steps, spec.step_size)[:, ::-1]
        if self._has_units:
            values = (values - self._offset) / self._scale
        values = values.astype(np.float32, copy=False)
        given: dict[str, Float32Array | UInt8Array] = {
            key: self._with_steps(np.ascontiguousarray(values[..., columns]))
            for key, columns in self._columns.items()
        }
        if images is not None:
            views = images.reshape(
                batch, spec.observation_steps, len(spec.cameras), *images.shape[2:]
            )
            for place, key in enumerate(self._cameras):
                if key:
                    given[key] = self._with_steps(views[:, ::-1, place])
        return given

    def chunks(self, actions: Float32Array) -> Float32Array:
        """The model's actions (n, rows, columns) as chunks (n, horizon, action_dim) in our units.

        What it gives beyond the horizon and the action's fields is cut off.

        Raises:
            InvalidValue: fewer rows or columns than that, or values that are not finite.
        """
        horizon, size = self._spec.chunk_shape
        last = self._first + horizon
        if actions.ndim != 3 or actions.shape[1] < last or actions.shape[2] < size:
            raise InvalidValue(
                f"policy '{self._spec.name}' gave actions {actions.shape}; expected (n, rows, "
                f"columns) with at least {last} rows and {size} columns"
            )
        played = actions[:, self._first : last, :size]
        if not np.isfinite(played).all():
            raise InvalidValue(f"policy '{self._spec.name}' gave actions that are not all finite")
        return np.ascontiguousarray(
            played * self._action_scale + self._action_offset, dtype=np.float32
        )

    def _with_steps(self, values: _Array) -> _Array:
        return values if self._spec.observation_steps > 1 else values[:, 0]


def _columns_by_key(
    spec: PolicySpec,
) -> tuple[dict[str, list[int]], Float32Array, Float32Array]:
    """Places in one observation by the model's keys, and every place's units."""
    columns: dict[str, list[int]] = {}
    start = 0
    for part in spec.observation:
        key = spec.keys.get(part.name, part.name)
        if key:
            columns.setdefault(key, []).extend(range(start, start + part.size))
        start += part.size
    return columns, *_units(spec.observation)


def _sliced(places: list[int]) -> slice | list[int]:
    """As a slice, where they lie side by side: that copies nothing."""
    beside = slice(places[0], places[-1] + 1)
    return beside if places == list(range(beside.start, beside.stop)) else places


def _units(fields: tuple[FieldSpec, ...]) -> tuple[Float32Array, Float32Array]:
    sizes = [part.size for part in fields]
    scale = np.repeat(np.array([part.model_scale for part in fields], np.float32), sizes)
    return scale, np.repeat(np.array([part.model_offset for part in fields], np.float32), sizes)
