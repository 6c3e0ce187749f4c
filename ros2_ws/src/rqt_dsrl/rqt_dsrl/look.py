"""Colours, sizes and signs. Every meaning has a colour, a sign and a word, so that none rests on
colour alone; the colours are Okabe and Ito's, which colour-blind people tell apart."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Any, Final

from dsrl_core.operator.orders import Action
from dsrl_core.operator.words import Tone
from rqt_dsrl.qt import QtCore, QtGui

INK: Final = "#16202b"
SOFT_INK: Final = "#51606f"
PAPER: Final = "#eef1f4"
CARD: Final = "#ffffff"
LINE: Final = "#cfd6dd"
SHADE: Final = "#e3e8ed"
GREEN: Final = "#00805e"
VERMILION: Final = "#c25400"
GREY: Final = "#5d6b79"
BLUE: Final = "#0067a5"
AMBER: Final = "#f0b323"
RED: Final = "#c1121f"
PURPLE: Final = "#8a4a75"
TEAL: Final = "#3f6d8f"

BUTTONS: Final[Mapping[Action, str]] = {
    Action.SUCCESS: GREEN,
    Action.FAILURE: VERMILION,
    Action.DISCARD: GREY,
    Action.GRADE: TEAL,
    Action.UNDO: PURPLE,
    Action.STOP: RED,
    Action.START: BLUE,
    Action.PAUSE: "#3b4a5a",
    Action.END: "#3b4a5a",
}
OUTCOMES: Final[Mapping[str, tuple[str, Action | None]]] = {
    "success": (GREEN, Action.SUCCESS),
    "failure": (VERMILION, Action.FAILURE),
    "discard": (GREY, Action.DISCARD),
    "graded": (TEAL, Action.GRADE),
    "running": (BLUE, Action.START),
}
"""Colour and sign; what is not here has grey and none."""
BANNERS: Final[Mapping[Tone, tuple[str, str]]] = {
    Tone.QUIET: ("#465462", "#ffffff"),
    Tone.BUSY: ("#24415e", "#ffffff"),
    Tone.MOVES: (BLUE, "#ffffff"),
    Tone.ASKS: (AMBER, INK),
    Tone.HELD: ("#9c0f1a", "#ffffff"),
}
"""Background and text."""
SHARES: Final = (BLUE, "#56b4e9", AMBER, "#f0e442", PURPLE, "#882255", VERMILION, GREY)
"""Of the activities that are shown, in the order of `dsrl_core.operator.cost.WORDS`."""


def _flags(*parts: Any) -> int:
    """For painting text: a number, in Qt 6 too, where flags of two kinds cannot be mixed."""
    return reduce(or_, (int(getattr(part, "value", part)) for part in parts))


_ALIGN: Final = QtCore.Qt.AlignmentFlag
LEFT: Final = _flags(_ALIGN.AlignLeft, _ALIGN.AlignVCenter)
RIGHT: Final = _flags(_ALIGN.AlignRight, _ALIGN.AlignVCenter)
CORNER: Final = _flags(_ALIGN.AlignRight, _ALIGN.AlignBottom)
CENTRE: Final = _flags(_ALIGN.AlignCenter)
WRAPPED: Final = _flags(_ALIGN.AlignLeft, _ALIGN.AlignTop, QtCore.Qt.TextFlag.TextWordWrap)
WRAPPED_CENTRE: Final = _flags(_ALIGN.AlignCenter, QtCore.Qt.TextFlag.TextWordWrap)

_DESIGN: Final = (1280, 720)


def scale_of(size: QtCore.QSize) -> float:
    """How much larger everything is than at 1280x720, so that it is read from as far."""
    found = min(size.width() / _DESIGN[0], size.height() / _DESIGN[1])
    return round(min(max(found, 0.7), 2.5), 2)


def font(pixels: float, *, bold: bool = False) -> QtGui.QFont:
    made = QtGui.QFont()
    made.setPixelSize(max(8, round(pixels)))
    made.setBold(bold)
    return made


def palette() -> QtGui.QPalette:
    """For fields, whose frames the machine's own style draws."""
    made, role = QtGui.QPalette(), QtGui.QPalette.ColorRole
    for part, colour in (
        (role.Window, PAPER),
        (role.WindowText, INK),
        (role.Base, CARD),
        (role.Text, INK),
        (role.Button, CARD),
        (role.ButtonText, INK),
        (role.Highlight, BLUE),
        (role.HighlightedText, CARD),
    ):
        made.setColor(part, QtGui.QColor(colour))
    faint = QtGui.QColor("#9aa5b1")
    for part in (role.WindowText, role.Text, role.ButtonText):
        made.setColor(QtGui.QPalette.ColorGroup.Disabled, part, faint)
    return made


def style_sheet(scale: float) -> str:
    """Of the whole window."""

    def px(value: float) -> str:
        return f"{max(1, round(value * scale))}px"

    return f"""
    #operator {{ background: {PAPER}; }}
    #operator QLabel {{ color: {INK}; font-size: {px(14)}; background: transparent; }}
    #operator QLabel[soft="true"] {{ color: {SOFT_INK}; font-size: {px(13)}; }}
    #operator QLabel[title="true"] {{ color: {SOFT_INK}; font-size: {px(12)}; font-weight: bold; }}
    #operator QFrame[card="true"] {{ background: {CARD}; border: 1px solid {LINE};
        border-radius: {px(6)}; }}
    #operator QLabel#alarms {{ background: #fff3cd; border: 1px solid {AMBER};
        border-radius: {px(4)}; padding: {px(5)}; color: {INK}; font-size: {px(13)}; }}
    #operator QComboBox, #operator QSpinBox, #operator QLineEdit {{ font-size: {px(13)}; }}
    #operator QListView {{ background: {CARD}; border: none; outline: none; }}
    #operator QPushButton {{ font-size: {px(13)}; font-weight: bold; color: {INK};
        background: {SHADE}; border: 1px solid {LINE}; border-radius: {px(4)};
        padding: {px(3)} {px(10)}; min-height: {px(20)}; }}
    #operator QPushButton:hover:enabled {{ background: #d5dce3; }}
    #operator QPushButton:disabled {{ color: #9aa5b1; }}
    """


def paint_sign(
    painter: QtGui.QPainter, box: QtCore.QRectF, action: Action, colour: QtGui.QColor
) -> None:
    """A button's sign, drawn, as not every machine's fonts have it."""
    painter.save()
    painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
    painter.translate(box.x(), box.y())
    painter.scale(box.width(), box.height())
    pen = QtGui.QPen(colour, 0.17)
    pen.setCapStyle(QtCore.Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(QtCore.Qt.PenJoinStyle.RoundJoin)
    filled = action in (Action.STOP, Action.START, Action.PAUSE, Action.END)
    painter.setPen(QtCore.Qt.PenStyle.NoPen if filled else pen)
    painter.setBrush(QtGui.QBrush(colour) if filled else QtGui.QBrush())
    painter.drawPath(_path(action))
    painter.restore()


def _path(action: Action) -> QtGui.QPainterPath:
    """In a box from (0, 0) to (1, 1)."""
    path = QtGui.QPainterPath()
    match action:
        case Action.SUCCESS:
            _lines(path, (0.1, 0.55), (0.4, 0.85), (0.9, 0.2))
        case Action.FAILURE:
            _lines(path, (0.15, 0.15), (0.85, 0.85))
            _lines(path, (0.85, 0.15), (0.15, 0.85))
        case Action.DISCARD:
            path.addEllipse(0.1, 0.1, 0.8, 0.8)
            _lines(path, (0.22, 0.78), (0.78, 0.22))
        case Action.GRADE:
            path.addEllipse(0.1, 0.1, 0.8, 0.8)
            _lines(path, (0.5, 0.1), (0.5, 0.5), (0.88, 0.5))
        case Action.UNDO:
            path.moveTo(0.15, 0.4)
            path.cubicTo(0.9, 0.15, 1.1, 0.85, 0.35, 0.9)
            _lines(path, (0.42, 0.12), (0.13, 0.4), (0.44, 0.62))
        case Action.STOP:
            _lines(path, (0.3, 0), (0.7, 0), (1, 0.3), (1, 0.7))
            for corner in ((0.7, 1), (0.3, 1), (0, 0.7), (0, 0.3)):
                path.lineTo(*corner)
            path.closeSubpath()
        case Action.START:
            _lines(path, (0.15, 0.05), (0.95, 0.5), (0.15, 0.95))
            path.closeSubpath()
        case Action.PAUSE:
            path.addRect(0.12, 0.08, 0.28, 0.84)
            path.addRect(0.6, 0.08, 0.28, 0.84)
        case Action.END:
            path.addRect(0.12, 0.12, 0.76, 0.76)
    return path


def _lines(path: QtGui.QPainterPath, *points: tuple[float, float]) -> None:
    path.moveTo(*points[0])
    for point in points[1:]:
        path.lineTo(*point)
