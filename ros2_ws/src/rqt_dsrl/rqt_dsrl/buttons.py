"""The large buttons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dsrl_core.operator.orders import Action, Button
from rqt_dsrl import look
from rqt_dsrl.qt import QShortcut, QtCore, QtGui, QtWidgets, Signal

KEYS: Final[Mapping[Action, tuple[str, ...]]] = {
    Action.SUCCESS: ("S",),
    Action.FAILURE: ("F",),
    Action.DISCARD: ("D",),
    Action.GRADE: ("G",),
    Action.UNDO: ("U",),
    Action.STOP: ("Space",),
    Action.START: ("Return", "Enter"),
    Action.PAUSE: ("P",),
}
_SHOWN: Final = {"Return": "Enter"}


class BigButton(QtWidgets.QAbstractButton):
    """A button that is read from two metres; says why when it cannot be pressed."""

    def __init__(self, action: Action, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._action = action
        self._scale = 1.0
        self.setObjectName(str(action))
        # The keys of the window are to work whatever was clicked last.
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.NoFocus)
        expanding = QtWidgets.QSizePolicy.Policy.Expanding
        self.setSizePolicy(expanding, expanding)

    def show_button(self, button: Button) -> None:
        """Stand as this says."""
        keys = KEYS.get(self._action, ())
        key = _SHOWN.get(keys[0], keys[0]) if keys else ""
        if button.text != self.text():
            self.setText(button.text)
            self.setAccessibleName(button.text)
            self.update()
        self.setEnabled(button.order is not None)
        hint = f"{button.text} (key {key})" if key else button.text
        self.setToolTip(button.reason or hint)

    def set_scale(self, scale: float) -> None:
        self._scale = scale
        self.update()

    def sizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(120, 60)

    def paintEvent(self, event: QtGui.QPaintEvent | None) -> None:
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        ground, ink = self._colours()
        box = QtCore.QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.setPen(QtGui.QPen(QtGui.QColor(look.LINE), 1))
        if self.isEnabled():
            painter.setPen(QtCore.Qt.PenStyle.NoPen)
        painter.setBrush(QtGui.QBrush(ground))
        painter.drawRoundedRect(box, 8 * self._scale, 8 * self._scale)
        self._paint_face(painter, box, ink)
        painter.end()

    def _colours(self) -> tuple[QtGui.QColor, QtGui.QColor]:
        if not self.isEnabled():
            return QtGui.QColor(look.SHADE), QtGui.QColor("#7d8995")
        ground = QtGui.QColor(look.BUTTONS[self._action])
        if self.isDown():
            ground = ground.darker(135)
        elif self.underMouse():
            ground = ground.lighter(112)
        return ground, QtGui.QColor("#ffffff")

    def _paint_face(self, painter: QtGui.QPainter, box: QtCore.QRectF, ink: QtGui.QColor) -> None:
        """Sign and word, beside each other where the button is low, and the key in the corner."""
        is_low = box.height() < 70 * self._scale
        pixels = min(24 * self._scale, box.height() * 0.36, box.width() * 0.17)
        if self._action is Action.STOP:
            pixels = min(44 * self._scale, box.height() * 0.4, box.width() * 0.2)
        font = look.font(pixels, bold=True)
        sign = pixels * (0.8 if is_low else 1.15)
        text_width = QtGui.QFontMetricsF(font).horizontalAdvance(self.text())
        beside = is_low or self._action is Action.STOP
        middle = box.center()
        if beside:
            left = middle.x() - (sign + 0.45 * pixels + text_width) / 2
            at = QtCore.QRectF(left, middle.y() - sign / 2, sign, sign)
            after = at.right() + 0.45 * pixels
            words = QtCore.QRectF(after, box.top(), text_width + 4, box.height())
        else:
            top = middle.y() - (sign + 1.45 * pixels) / 2
            at = QtCore.QRectF(middle.x() - sign / 2, top, sign, sign)
            words = QtCore.QRectF(box.left(), at.bottom() + 0.2 * pixels, box.width(), 1.3 * pixels)
        look.paint_sign(painter, at, self._action, ink)
        painter.setPen(ink)
        painter.setFont(font)
        painter.drawText(words, look.CENTRE, self.text())
        keys = KEYS.get(self._action, ())
        if keys and not is_low:
            painter.setFont(look.font(12 * self._scale))
            corner = box.adjusted(0, 0, -8 * self._scale, -4 * self._scale)
            painter.drawText(corner, look.CORNER, _SHOWN.get(keys[0], keys[0]).lower())


class ButtonBar(QtWidgets.QWidget):
    """All buttons in a row, and their keys, which work wherever in the window the focus is."""

    pressed = Signal(object)
    """An `Action`."""

    def __init__(self, keys_of: QtWidgets.QWidget) -> None:
        """`keys_of`: the window in which the keys work."""
        super().__init__(keys_of)
        self._buttons = {action: BigButton(action, self) for action in Action}
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for action, stretch in (
            (Action.SUCCESS, 18),
            (Action.FAILURE, 18),
        ):
            row.addWidget(self._buttons[action], stretch)
        row.addLayout(self._above_each_other(Action.DISCARD, Action.GRADE), 12)
        row.addWidget(self._buttons[Action.UNDO], 12)
        row.addWidget(self._buttons[Action.START], 16)
        row.addLayout(self._above_each_other(Action.PAUSE, Action.END), 12)
        row.addWidget(self._buttons[Action.STOP], 28)
        for action, button in self._buttons.items():
            button.clicked.connect(lambda _=False, action=action: self.pressed.emit(action))
        self.shortcuts = [
            self._shortcut(key, action, keys_of) for action, keys in KEYS.items() for key in keys
        ]

    def show_buttons(self, buttons: Mapping[Action, Button]) -> None:
        """Stand as these say."""
        for action, button in buttons.items():
            self._buttons[action].show_button(button)

    def set_scale(self, scale: float) -> None:
        self.setFixedHeight(round(112 * scale))
        for button in self._buttons.values():
            button.set_scale(scale)

    def _above_each_other(self, *actions: Action) -> QtWidgets.QVBoxLayout:
        column = QtWidgets.QVBoxLayout()
        for action in actions:
            column.addWidget(self._buttons[action])
        return column

    def _shortcut(self, key: str, action: Action, where: QtWidgets.QWidget) -> QShortcut:
        shortcut = QShortcut(QtGui.QKeySequence(key), where)
        shortcut.setContext(QtCore.Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.setAutoRepeat(False)
        shortcut.activated.connect(lambda: self._on_key(action))
        return shortcut

    def _on_key(self, action: Action) -> None:
        button = self._buttons[action]
        if button.isEnabled():
            self.pressed.emit(action)
