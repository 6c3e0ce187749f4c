"""The line above the buttons: what was answered, or a question that waits for a yes."""

from __future__ import annotations

from rqt_dsrl import look
from rqt_dsrl.qt import QShortcut, QtCore, QtGui, QtWidgets, Signal

_KEYS_WORK = "keys: s f d u · m marks · space stops · enter starts · p pauses"
_KEYS_DO_NOT = "keys do not work: click into this window"


class Strip(QtWidgets.QWidget):
    """Nothing here stops the window: the stop can be pressed while a question stands."""

    answered = Signal(bool)

    def __init__(self, keys_of: QtWidgets.QWidget) -> None:
        super().__init__(keys_of)
        self._words = QtWidgets.QLabel()
        self._words.setObjectName("words")
        self._words.setTextFormat(QtCore.Qt.TextFormat.PlainText)
        self._words.setMinimumWidth(50)
        self._keys = QtWidgets.QLabel(_KEYS_DO_NOT)
        self._keys.setProperty("soft", True)
        self._yes, self._no = QtWidgets.QPushButton("Yes (y)"), QtWidgets.QPushButton("No (n)")
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(4, 0, 4, 0)
        row.addWidget(self._words)
        for button, name, answer in ((self._yes, "yes", True), (self._no, "no", False)):
            button.setObjectName(name)
            button.setFocusPolicy(QtCore.Qt.FocusPolicy.NoFocus)
            button.clicked.connect(lambda _=False, answer=answer: self.answered.emit(answer))
            row.addWidget(button)
            button.hide()
        row.addStretch(1)
        row.addWidget(self._keys)
        self._shortcuts = []
        for key, answer in (("Y", True), ("N", False), ("Escape", False)):
            shortcut = QShortcut(QtGui.QKeySequence(key), keys_of)
            shortcut.setContext(QtCore.Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(lambda answer=answer: self.answered.emit(answer))
            shortcut.setEnabled(False)
            self._shortcuts.append(shortcut)

    def ask(self, question: str) -> None:
        """A question; empty: none stands any more."""
        for button in (self._yes, self._no):
            button.setVisible(bool(question))
        for shortcut in self._shortcuts:
            shortcut.setEnabled(bool(question))
        self._show(question, look.RED, is_bold=True)

    def say(self, text: str, is_refusal: bool) -> None:
        """What was answered."""
        self._show(text, look.RED if is_refusal else look.INK, is_bold=is_refusal)

    def show_focus(self, has_focus: bool) -> None:
        """Whether keys reach this window."""
        self._keys.setText(_KEYS_WORK if has_focus else _KEYS_DO_NOT)

    def set_scale(self, scale: float) -> None:
        self.setFixedHeight(round(34 * scale))

    def _show(self, text: str, colour: str, is_bold: bool) -> None:
        self._words.setText(text)
        self._words.setToolTip(text)
        weight = "bold" if is_bold else "normal"
        self._words.setStyleSheet(f"color: {colour}; font-weight: {weight};")
