"""The line above the buttons: what was answered, or a question that waits for a yes."""

from __future__ import annotations

from typing import Final

from dsrl_core.operator.orders import Order
from rqt_dsrl import look
from rqt_dsrl.qt import QShortcut, QtCore, QtGui, QtWidgets, Signal

_ANSWERS_MAX: Final = 3
_NO_KEYS: Final = ("N", "Escape")
_KEYS_WORK = "keys: s f d g u · m marks · space stops · enter starts · p pauses"
_KEYS_DO_NOT = "keys do not work: click into this window"


class Strip(QtWidgets.QWidget):
    """Nothing here stops the window: the stop can be pressed while a question stands."""

    answered = Signal(object)
    """The `Order` that was chosen; None: no."""

    def __init__(self, keys_of: QtWidgets.QWidget) -> None:
        super().__init__(keys_of)
        self._words = QtWidgets.QLabel()
        self._words.setObjectName("words")
        self._words.setTextFormat(QtCore.Qt.TextFormat.PlainText)
        self._words.setMinimumWidth(50)
        self._keys = QtWidgets.QLabel(_KEYS_DO_NOT)
        self._keys.setProperty("soft", True)
        self._words.setWordWrap(True)
        self._orders: list[Order] = []
        names = ["yes", *(f"answer_{number + 1}" for number in range(_ANSWERS_MAX)), "no"]
        self._buttons = {name: QtWidgets.QPushButton() for name in names}
        self._buttons["no"].setText("No (n)")
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(4, 0, 4, 0)
        row.addWidget(self._words, 1)
        for name, button in self._buttons.items():
            button.setObjectName(name)
            button.setFocusPolicy(QtCore.Qt.FocusPolicy.NoFocus)
            button.clicked.connect(lambda _=False, name=name: self._choose(name))
            row.addWidget(button)
            button.hide()
        row.addWidget(self._keys)
        keys = {"Y": "yes", "1": "answer_1", "2": "answer_2", "3": "answer_3"}
        keys |= dict.fromkeys(_NO_KEYS, "no")
        self._shortcuts: list[tuple[str, QShortcut]] = []
        for key, name in keys.items():
            shortcut = QShortcut(QtGui.QKeySequence(key), keys_of)
            shortcut.setContext(QtCore.Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(lambda name=name: self._choose(name))
            shortcut.setEnabled(False)
            self._shortcuts.append((name, shortcut))

    def ask(self, order: Order | None) -> None:
        """An order's question; None: none stands any more."""
        answers = order.answers if order is not None else ()
        self._orders = [chosen for _, chosen in answers]
        names = self._names
        if order is not None and order.grades:
            for number, (name, (text, _)) in enumerate(zip(names, answers, strict=True)):
                self._buttons[name].setText(f"{text} ({number + 1})")
        elif order is not None:
            self._buttons["yes"].setText("Yes (y)")
        asked = {*names, "no"} if order is not None else set()
        for name, button in self._buttons.items():
            button.setVisible(name in asked)
        for name, shortcut in self._shortcuts:
            shortcut.setEnabled(name in asked)
        self._keys.setVisible(order is None)
        self._show(order.question if order is not None else "", look.RED, is_bold=True)

    def say(self, text: str, is_refusal: bool) -> None:
        """What was answered."""
        self._show(text, look.RED if is_refusal else look.INK, is_bold=is_refusal)

    def show_focus(self, has_focus: bool) -> None:
        """Whether keys reach this window."""
        self._keys.setText(_KEYS_WORK if has_focus else _KEYS_DO_NOT)

    def set_scale(self, scale: float) -> None:
        self.setFixedHeight(round(34 * scale))

    @property
    def _names(self) -> list[str]:
        """Of the buttons that stand for the orders."""
        if len(self._orders) == 1:
            return ["yes"]
        return [f"answer_{number + 1}" for number in range(len(self._orders))]

    def _choose(self, name: str) -> None:
        names = self._names
        self.answered.emit(self._orders[names.index(name)] if name in names else None)

    def _show(self, text: str, colour: str, is_bold: bool) -> None:
        self._words.setText(text)
        self._words.setToolTip(text)
        weight = "bold" if is_bold else "normal"
        self._words.setStyleSheet(f"color: {colour}; font-weight: {weight};")
