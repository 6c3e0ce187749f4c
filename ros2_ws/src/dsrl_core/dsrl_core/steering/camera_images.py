"""Puts the images of a policy's cameras together, as they come in one by one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dsrl_core.errors import InvalidValue, UnknownName
from dsrl_core.specs import CameraSpec
from dsrl_core.types import UInt8Array


class CameraImages:
    """Keeps the newest image of each camera."""

    def __init__(self, cameras: Sequence[CameraSpec]) -> None:
        self._cameras = {camera.name: camera for camera in cameras}
        self._newest: dict[str, tuple[int, UInt8Array]] = {}

    def put(self, camera: str, stamp_ns: int, image: UInt8Array) -> None:
        """Take a new image; one that is older than the present one is dropped.

        Raises:
            UnknownName: the policy has no such camera.
            InvalidValue: the image is not RGB, uint8, of the size that the policy's file says.
        """
        if camera not in self._cameras:
            raise UnknownName("camera", camera, self._cameras)
        expected = (self._cameras[camera].height, self._cameras[camera].width, 3)
        if image.shape != expected or image.dtype != np.uint8:
            raise InvalidValue(
                f"camera '{camera}' gives images of shape {image.shape}, {image.dtype}; the "
                f"policy's file says {expected}, uint8"
            )
        if camera not in self._newest or stamp_ns >= self._newest[camera][0]:
            self._newest[camera] = stamp_ns, image

    def take(self) -> tuple[int, UInt8Array] | None:
        """Stamp of the oldest image, and all of them (cameras, height, width, 3) in the order of
        the policy's file; None while a camera was never heard.

        Whoever asks for a stamp no older than the moment at which the world stands still has
        images of that one moment.
        """
        if len(self._newest) < len(self._cameras):
            return None
        found = [self._newest[camera] for camera in self._cameras]
        return min(stamp for stamp, _ in found), np.stack([image for _, image in found])

    @property
    def stamps_ns(self) -> dict[str, int]:
        """Stamp of the newest image of every camera that was heard."""
        return {camera: stamp_ns for camera, (stamp_ns, _) in self._newest.items()}

    def never_heard(self) -> str:
        """Cameras of which nothing has come, for people; empty: none."""
        return ", ".join(camera for camera in self._cameras if camera not in self._newest)
