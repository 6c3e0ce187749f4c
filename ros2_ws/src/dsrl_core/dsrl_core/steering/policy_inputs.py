"""What an observation is made of: kept as it comes in, laid out when a decision is asked for.

The noise actor and whoever rebuilds its observations from a recording both call `PolicyInputs`;
there is no second way from what was measured to what the policy sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dsrl_core.specs import PolicySpec, RobotSpec
from dsrl_core.steering.camera_images import CameraImages
from dsrl_core.steering.image_fit import fitted
from dsrl_core.steering.input_gate import InputGate
from dsrl_core.steering.observation import ObservationBuilder, RobotInputs, needed_inputs
from dsrl_core.steering.past import Past
from dsrl_core.steering.roll_forward import RollForward
from dsrl_core.types import ChunkRequest, Observation, UInt8Array, to_nanoseconds

_STEP = "@"
"""Between an input and the number of its step in the past, in the names of stamps."""


def past_name(name: str, step: int) -> str:
    """What the stamp of an input, so many observations before the newest, is called."""
    return f"{name}{_STEP}{step}" if step else name


def input_of(name: str) -> str:
    """The input that such a stamp is of."""
    return name.partition(_STEP)[0]


@dataclass(frozen=True)
class DecisionInputs:
    """Which measurements a decision's observation was made of.

    Several are on their way at any moment, and each process hears them in an order of its own: only
    this says for sure which of them a decision saw.
    """

    episode: int
    sequence: int
    stamps_ns: Mapping[str, int]
    """By input: a field of `RobotInputs`, or a camera; of steps in the past by `past_name`."""
    measured: tuple[float, ...] = ()
    """The observation's values as they were measured, where it was rolled forward over committed
    actions: the decision's own record has what was decided on. Otherwise empty: they are equal."""


@dataclass(frozen=True)
class Seen:
    """An observation and the stamps [ns] of what it was made of, by input."""

    observation: Observation
    stamps_ns: Mapping[str, int]
    measured: tuple[float, ...] = ()
    """See `DecisionInputs`."""


class PolicyInputs:
    """The newest of everything that one policy sees, and as much of the past as it sees.

    `age_max_ns`: see `InputGate`. An observation of the past may be as old compared with the moment
    that it stands for.
    """

    def __init__(self, policy: PolicySpec, robot: RobotSpec, age_max_ns: int) -> None:
        """
        Raises:
            UnknownName: the policy's file names a part of an observation that there is not.
            InvalidFile: a part has another size or unit on this robot.
        """
        self._builder = ObservationBuilder(policy, robot)
        self._inputs = needed_inputs(policy)
        self._gate = InputGate(self._inputs, age_max_ns)
        self._cameras = {camera.name: camera for camera in policy.cameras}
        self._images = CameraImages(policy.cameras)
        period_ns = to_nanoseconds(policy.action.period_s)
        self._past = Past(policy.observation_steps, period_ns, age_max_ns)
        self._steps = policy.observation_steps
        self._roll_forward = RollForward(policy, robot)

    def put(self, name: str, stamp_ns: int, value: object) -> None:
        """Take a value of an input that is no image.

        Raises:
            UnknownName: the policy does not see it.
        """
        self._gate.put(name, stamp_ns, value)
        self._past.put(name, stamp_ns, value)

    def put_image(self, camera: str, stamp_ns: int, image: UInt8Array) -> None:
        """Take an image (height, width, 3), RGB; it is brought to the policy's size if the file
        says how.

        Raises:
            UnknownName: the policy has no such camera.
            InvalidValue: the image is not of the type and size that the policy's file says.
        """
        if camera in self._cameras:
            image = fitted(image, self._cameras[camera])
        self._images.put(camera, stamp_ns, image)
        self._past.put(camera, stamp_ns, image)
        if (taken := self._images.take()) is not None:
            self._gate.put("images", *taken)

    def observe(self, request: ChunkRequest, exact: bool) -> Seen | None:
        """What is seen now, rolled forward over the actions that are committed, or None while an
        input is missing or too old; see `InputGate.take`.

        The first request of an episode is where the past begins.

        Raises:
            InvalidValue: an input is not of the size that the policy's file says.
        """
        taken = self._gate.take(request.stamp_ns, exact)
        if taken is None:
            return None
        stamp_ns, now = taken
        present_ns = self._present_ns()
        if request.sequence == 0:
            self._past.begin(present_ns)
        moments, stamps_ns = [now], dict(present_ns)
        for step, found in enumerate(self._past.at(self._now_ns(request.stamp_ns), exact), 1):
            if found.keys() != present_ns.keys():
                return None
            moments.append(self._moment({name: value for name, (_, value) in found.items()}))
            stamps_ns |= {past_name(name, step): found[name][0] for name in found}
        measured = self._builder.build(stamp_ns, *moments)
        observation = self._roll_forward(measured, request.committed)
        told = () if observation is measured else tuple(measured.values.tolist())
        return Seen(observation, stamps_ns, told)

    def never_heard(self) -> str:
        """Inputs that have never come, for people; empty: none."""
        return self._gate.never_heard()

    def missing(self, request_stamp_ns: int, exact: bool) -> str:
        """What is waited for, for people."""
        if missing := self._gate.missing(request_stamp_ns, exact):
            return missing
        lacking = [
            f"{name} ({step} before the newest)"
            for step, found in enumerate(self._past.at(self._now_ns(request_stamp_ns), exact), 1)
            for name in self._present_ns()
            if name not in found
        ]
        return ", ".join(lacking)

    def _present_ns(self) -> dict[str, int]:
        """Stamps of the newest measurements, by input or camera."""
        stamps_ns = {**self._gate.stamps_ns, **self._images.stamps_ns}
        stamps_ns.pop("images", None)
        return stamps_ns

    def _now_ns(self, request_stamp_ns: int) -> int:
        """The moment of the newest observation: a request that had to wait is answered with what is
        newer, and the past is counted from there."""
        return max(request_stamp_ns, *self._present_ns().values())

    def _moment(self, values: Mapping[str, Any]) -> RobotInputs:
        inputs = {name: values[name] for name in self._inputs if name != "images"}
        if self._cameras:
            inputs["images"] = np.stack([values[name] for name in self._cameras])
        return RobotInputs(**inputs)
