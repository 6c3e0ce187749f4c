"""Images of the world, without a screen: through EGL, or through OSMesa where there is no EGL."""

from __future__ import annotations

import ctypes
import os
from typing import Any, Final

import mujoco
import numpy as np

from dsrl_core.errors import DsrlError, InvalidValue, UnknownName
from dsrl_core.types import UInt8Array
from dsrl_sim.scene import CAMERAS

MAX_IMAGE_SIZE: Final = (1920, 1440)
"""Width and height [px]."""

DEBIAN_PACKAGES: Final = "libegl1 libegl-mesa0 libgl1-mesa-dri, or libosmesa6"
_SMOOTH_FROM_PX: Final = 320
"""Wider images are for people: their edges are smoothed, which takes four times as long."""

_LIBRARIES: Final = {
    # libEGL.so.1 only dispatches: it draws nothing without a vendor's library.
    "egl": (("libEGL.so.1",), ("libEGL_mesa.so.0", "libEGL_nvidia.so.0")),
    "osmesa": (("libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so"),),
}


class RendererMissing(DsrlError):
    """Nothing on this machine can draw without a screen."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"cannot render images: {reason}; install Debian's {DEBIAN_PACKAGES} "
            "(apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri)"
        )


def available_backend() -> str:
    """egl or osmesa: what $MUJOCO_GL asks for, or else what is installed.

    Raises:
        RendererMissing: neither is there.
    """
    asked = os.environ.get("MUJOCO_GL", "").strip().lower()
    candidates = (asked,) if asked in _LIBRARIES else tuple(_LIBRARIES)
    for backend in candidates:
        if all(any(map(_loads, names)) for names in _LIBRARIES[backend]):
            return backend
    raise RendererMissing(f"no library of {' or '.join(candidates)} is installed")


class Renderer:
    """Draws one model's cameras in one size, with shadows and reflections off for speed.

    It makes its own context rather than mujoco's: mujoco settles for a backend at its first import,
    which may have been anybody's.
    """

    def __init__(self, model: mujoco.MjModel, width: int, height: int) -> None:
        widest, highest = MAX_IMAGE_SIZE
        if not (0 < width <= widest and 0 < height <= highest):
            raise InvalidValue(f"image of {width}x{height}, expected 1x1 to {widest}x{highest}")
        self._model = model
        self._size = width, height
        # The buffer is as large as the image: clearing and resolving a larger one takes its time.
        model.vis.global_.offwidth, model.vis.global_.offheight = width, height
        model.vis.quality.offsamples = 4 if width >= _SMOOTH_FROM_PX else 0
        self._gl_context = _make_gl_context(available_backend(), width, height)
        self._gl_context.make_current()
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        self._scene = mujoco.MjvScene(model, maxgeom=model.ngeom + 100)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        self._option = mujoco.MjvOption()
        self._perturbation = mujoco.MjvPerturb()

    def render(self, data: mujoco.MjData, camera: str) -> UInt8Array:
        """What the camera sees, shape (height, width, 3), RGB; `data` has up-to-date frames."""
        if camera not in CAMERAS:
            raise UnknownName("camera", camera, CAMERAS)
        self._gl_context.make_current()
        view = mujoco.MjvCamera()
        view.type = mujoco.mjtCamera.mjCAMERA_FIXED
        view.fixedcamid = self._model.camera(camera).id
        mujoco.mjv_updateScene(
            self._model,
            data,
            self._option,
            self._perturbation,
            view,
            mujoco.mjtCatBit.mjCAT_ALL.value,
            self._scene,
        )
        width, height = self._size
        rectangle = mujoco.MjrRect(0, 0, width, height)
        mujoco.mjr_render(rectangle, self._scene, self._context)
        image = np.empty((height, width, 3), dtype=np.uint8)
        mujoco.mjr_readPixels(image, None, rectangle, self._context)
        return np.ascontiguousarray(image[::-1])

    def close(self) -> None:
        """Give the graphics memory back; the renderer cannot be used afterwards."""
        self._gl_context.make_current()
        self._context.free()
        self._gl_context.free()


def _make_gl_context(backend: str, width: int, height: int) -> Any:
    try:
        if backend == "egl":
            from mujoco.egl import GLContext
        else:
            from mujoco.osmesa import GLContext
        return GLContext(width, height)
    except (ImportError, AttributeError, OSError, RuntimeError) as error:
        raise RendererMissing(f"{backend} does not start ({error})") from error


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
