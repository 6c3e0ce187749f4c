"""Qt as rqt has it; without rqt, PyQt5. Enums are written in full, so that Qt 6 has them too."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PyQt5 import QtCore, QtGui, QtWidgets
    from PyQt5.QtCore import pyqtSignal as Signal
    from PyQt5.QtWidgets import QShortcut
else:
    try:
        from python_qt_binding import QtCore, QtGui, QtWidgets
    except ImportError:
        from PyQt5 import QtCore, QtGui, QtWidgets
    Signal = getattr(QtCore, "Signal", None) or QtCore.pyqtSignal
    # It has moved in Qt 6.
    QShortcut = getattr(QtGui, "QShortcut", None) or QtWidgets.QShortcut

__all__ = ["QShortcut", "QtCore", "QtGui", "QtWidgets", "Signal"]
