"""The window onto the world, where there is a screen."""

from __future__ import annotations

import os
import sys
from typing import Any

from dsrl_core.errors import DsrlError
from dsrl_sim.world import World


class ScreenMissing(DsrlError):
    """A window was asked for on a machine without a screen."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"cannot open the viewer: {reason}; it needs a screen ($DISPLAY or $WAYLAND_DISPLAY) "
            "and OpenGL (Debian's libgl1); leave --viewer out to run without a window"
        )


class Viewer:
    """A window that a person can turn and zoom; it never touches the world's state."""

    def __init__(self, world: World) -> None:
        """
        Raises:
            ScreenMissing: there is no screen, or OpenGL does not start on it.
        """
        if sys.platform == "linux" and not (
            os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        ):
            raise ScreenMissing("no screen is attached")
        # Not above: it loads the window system's libraries.
        import mujoco.viewer

        try:
            self._window: Any = mujoco.viewer.launch_passive(
                world.model, world.data, show_left_ui=False, show_right_ui=False
            )
        except Exception as error:
            raise ScreenMissing(str(error)) from error

    @property
    def is_open(self) -> bool:
        """Whether the window is still there; a person may close it."""
        return bool(self._window.is_running())

    def show(self) -> None:
        """Draw the world as it is now; nothing happens after the window was closed."""
        if self.is_open:
            self._window.sync()

    def close(self) -> None:
        self._window.close()
