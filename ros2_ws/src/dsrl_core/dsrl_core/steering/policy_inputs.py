"""What an observation is made of: kept as it comes in, laid out when a decision is asked for.

The noise actor and whoever rebuilds its observations from a recording both call `PolicyInputs`;
there is no second way from what was measured to what the policy sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dsrl_core.specs import PolicySpec
from dsrl_core.steering.camera_images import CameraImages
from dsrl_core.steering.input_gate import InputGate
from dsrl_core.steering.observation import ObservationBuilder, needed_inputs
from dsrl_core.types import Observation, UInt8Array


@dataclass(frozen=True)
class DecisionInputs:
    """Which measurements a decision's observation was made of.

    Several are on their way at any moment, and each process hears them in an order of its own: only
    this says for sure which of them a decision saw.
    """

    episode: int
    sequence: int
    stamps_ns: Mapping[str, int]
    """By input: a field of `RobotInputs`, or a camera."""


@dataclass(frozen=True)
class Seen:
    """An observation and the stamps [ns] of what it was made of, by input."""

    observation: Observation
    stamps_ns: Mapping[str, int]


class PolicyInputs:
    """The newest of everything that one policy sees.

    `age_max_ns`: see `InputGate`.
    """

    def __init__(self, policy: PolicySpec, age_max_ns: int) -> None:
        self._gate = InputGate(needed_inputs(policy), age_max_ns)
        self._images = CameraImages(policy.cameras)
        self._builder = ObservationBuilder(policy)

    def put(self, name: str, stamp_ns: int, value: object) -> None:
        """Take a value of an input that is no image.

        Raises:
            UnknownName: the policy does not see it.
        """
        self._gate.put(name, stamp_ns, value)

    def put_image(self, camera: str, stamp_ns: int, image: UInt8Array) -> None:
        """Take an image (height, width, 3), RGB.

        Raises:
            UnknownName: the policy has no such camera.
            InvalidValue: the image is not of the type and size that the policy's file says.
        """
        self._images.put(camera, stamp_ns, image)
        if (taken := self._images.take()) is not None:
            self._gate.put("images", *taken)

    def observe(self, request_stamp_ns: int, exact: bool) -> Seen | None:
        """What is seen now, or None while an input is missing or too old; see `InputGate.take`.

        Raises:
            InvalidFile: an input is not of the size that the policy's file says.
        """
        taken = self._gate.take(request_stamp_ns, exact)
        if taken is None:
            return None
        stamps_ns = {**self._gate.stamps_ns, **self._images.stamps_ns}
        stamps_ns.pop("images", None)
        return Seen(self._builder.build(*taken), stamps_ns)

    def never_heard(self) -> str:
        """Inputs that have never come, for people; empty: none."""
        return self._gate.never_heard()

    def missing(self, request_stamp_ns: int, exact: bool) -> str:
        """What is waited for, for people."""
        return self._gate.missing(request_stamp_ns, exact)
