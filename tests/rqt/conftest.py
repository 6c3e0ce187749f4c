"""Qt without a screen; where there is no Qt, its tests are skipped and say what to install."""

from __future__ import annotations

import os
from typing import Any

import pytest


@pytest.fixture(scope="session")
def application() -> Any:
    """The one application that a process may have."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    pytest.importorskip(
        "PyQt5.QtWidgets",
        reason="no Qt: pip install PyQt5, and apt-get install libgl1 libglib2.0-0 libfontconfig1",
        exc_type=ImportError,
    )
    from rqt_dsrl.qt import QtWidgets

    application = QtWidgets.QApplication(["tests"])
    application.setStyle("Fusion")
    return application
