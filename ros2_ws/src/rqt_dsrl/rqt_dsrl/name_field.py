"""Where a person writes."""

from __future__ import annotations

from rqt_dsrl.qt import QtCore, QtGui, QtWidgets


class NameField(QtWidgets.QLineEdit):
    """Takes letters, but leaves the space bar to the stop."""

    def event(self, event: QtCore.QEvent | None) -> bool:
        if (
            isinstance(event, QtGui.QKeyEvent)
            and event.type() == QtCore.QEvent.Type.ShortcutOverride
            and event.key() == QtCore.Qt.Key.Key_Space
        ):
            event.ignore()
            return False
        return super().event(event)
