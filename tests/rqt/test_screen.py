"""Where no window can be opened that is said, with what to do, before Qt ends the process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dsrl_core.errors import DsrlError


def test_without_a_screen_the_console_is_named(application: Any) -> None:
    from rqt_dsrl.screen import check_screen

    with pytest.raises(DsrlError, match=r"neither DISPLAY nor WAYLAND_DISPLAY is set.*console"):
        check_screen({})


def test_a_platform_that_was_asked_for_is_not_doubted(application: Any) -> None:
    from rqt_dsrl.screen import check_screen

    check_screen({"QT_QPA_PLATFORM": "offscreen"})
    check_screen({"WAYLAND_DISPLAY": "wayland-0"})


def test_a_plugin_that_cannot_be_loaded_is_told_with_what_to_install(
    application: Any, tmp_path: Path
) -> None:
    from rqt_dsrl.screen import check_screen

    (tmp_path / "platforms").mkdir()
    (tmp_path / "platforms" / "libqxcb.so").write_bytes(b"no library")
    with pytest.raises(DsrlError, match=r"Qt cannot open windows here .*apt-get install libxcb"):
        check_screen({"DISPLAY": ":0"}, tmp_path)
