"""Where a person writes: their name, or what a comparison is of."""

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


class ArmsField(NameField):
    """The two arms of a comparison, between them a comma."""

    def __init__(self, arms: tuple[str, ...]) -> None:
        super().__init__(", ".join(arms))
        self.setObjectName("arms")
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.ClickFocus)
        self.setToolTip(
            "the two arms of ab, such as base, eval or eval@12, eval@40: versions of the weights"
        )

    @property
    def arms(self) -> tuple[str, ...]:
        """As they are written; the episode manager refuses what cannot be."""
        return tuple(text.strip() for text in self.text().split(","))
