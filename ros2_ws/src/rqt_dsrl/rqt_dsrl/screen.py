"""Can a window be opened here? Qt ends the process, with a core dump, where it cannot."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dsrl_core.errors import DsrlError
from rqt_dsrl.qt import QtCore

_PLATFORM: Final = "QT_QPA_PLATFORM"
_SCREENS: Final = ("DISPLAY", "WAYLAND_DISPLAY")
_PACKAGES: Final = (
    "libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 "
    "libxcb-shape0 libxcb-xinerama0 libxcb-xkb1 libxkbcommon-x11-0"
)
_ELSE: Final = "In a terminal there is ./dsrl console"


def check_screen(environment: Mapping[str, str] = os.environ, plugins: Path | None = None) -> None:
    """`plugins`: folder of Qt's plugins; None: Qt's own.

    Raises:
        DsrlError: there is no screen, or what Qt needs for windows on X11 is not installed.
    """
    platform = environment.get(_PLATFORM, "")
    if platform not in ("", "xcb"):
        return  # somebody knows what they want
    if not any(environment.get(name) for name in _SCREENS):
        raise DsrlError(f"there is no screen: neither {' nor '.join(_SCREENS)} is set. {_ELSE}")
    if not environment.get("DISPLAY"):
        return
    found = sorted(((plugins or _plugins()) / "platforms").glob("libqxcb.*"))
    for path in found:
        loader = QtCore.QPluginLoader(str(path))
        if not loader.load():
            raise DsrlError(
                f"Qt cannot open windows here ({loader.errorString()}): apt-get install "
                f"{_PACKAGES}. {_ELSE}"
            )


def _plugins() -> Path:
    library = QtCore.QLibraryInfo
    # Both names have changed in Qt 6.
    if hasattr(library, "LibraryPath"):
        return Path(library.path(library.LibraryPath.PluginsPath))
    return Path(library.location(library.PluginsPath))
