"""What the arm is doing, in large letters, and how far the episode is."""

from __future__ import annotations

from dsrl_core.operator.orders import Action
from dsrl_core.operator.view import OperatorView, Timer
from dsrl_core.operator.words import Sentence, Tone
from rqt_dsrl import look
from rqt_dsrl.qt import QtCore, QtGui, QtWidgets

_SIGNS = {
    Tone.MOVES: Action.START,
    Tone.HELD: Action.STOP,
    Tone.QUIET: Action.END,
}


class Banner(QtWidgets.QWidget):
    """One line for the headline, one for what is to be said besides; the timer at the right."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._scale = 1.0
        self._sentence = Sentence(Tone.QUIET, "")
        self._episode = self._run = ""
        self._timer: Timer | None = None

    def show_view(self, view: OperatorView) -> None:
        """Show this; nothing is drawn where nothing has changed."""
        timer = view.timer
        if timer is not None:
            timer = Timer(round(timer.elapsed_s, 1), timer.limit_s)
        found = (view.sentence, view.episode, view.run, timer)
        if found != (self._sentence, self._episode, self._run, self._timer):
            self._sentence, self._episode, self._run, self._timer = found
            self.setToolTip(f"{view.sentence.headline}: {view.sentence.detail}")
            self.update()

    def set_scale(self, scale: float) -> None:
        self._scale = scale
        self.setFixedHeight(round(88 * scale))

    def paintEvent(self, event: QtGui.QPaintEvent | None) -> None:
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        ground, ink = (QtGui.QColor(name) for name in look.BANNERS[self._sentence.tone])
        box, px = QtCore.QRectF(self.rect()), self._scale
        painter.setPen(QtCore.Qt.PenStyle.NoPen)
        painter.setBrush(QtGui.QBrush(ground))
        painter.drawRoundedRect(box, 6 * px, 6 * px)
        sign = QtCore.QRectF(18 * px, 26 * px, 36 * px, 36 * px)
        painter.setPen(ink)
        tone = self._sentence.tone
        if tone in _SIGNS:
            look.paint_sign(painter, sign, _SIGNS[tone], ink)
        elif tone is Tone.BUSY:
            painter.setBrush(QtGui.QBrush(ink))
            for third in range(3):
                left = sign.left() + 13 * third * px
                painter.drawEllipse(QtCore.QRectF(left, 40 * px, 8 * px, 8 * px))
        else:
            painter.setFont(look.font(56 * px, bold=True))
            painter.drawText(sign.adjusted(-9, -18, 9, 18), look.CENTRE, "?")
        right = QtCore.QRectF(box.right() - 292 * px, 0, 278 * px, box.height())
        left = QtCore.QRectF(72 * px, 0, right.left() - 84 * px, box.height())
        self._paint_words(painter, left)
        self._paint_progress(painter, right, ink)
        painter.end()

    def _paint_words(self, painter: QtGui.QPainter, box: QtCore.QRectF) -> None:
        px = self._scale
        headline = look.font(32 * px, bold=True)
        width = QtGui.QFontMetricsF(headline).horizontalAdvance(self._sentence.headline)
        if width > box.width():
            headline = look.font(32 * px * max(0.55, box.width() / width), bold=True)
        painter.setFont(headline)
        upper = QtCore.QRectF(box.left(), 6 * px, box.width(), 44 * px)
        _draw(painter, upper, self._sentence.headline)
        # The reason of a hold may be long: two lines then.
        painter.setFont(look.font(15 * px))
        lower = QtCore.QRectF(box.left(), 48 * px, box.width(), 38 * px)
        painter.drawText(lower, look.WRAPPED, self._sentence.detail)

    def _paint_progress(
        self, painter: QtGui.QPainter, box: QtCore.QRectF, ink: QtGui.QColor
    ) -> None:
        px, timer = self._scale, self._timer
        lines = [text for text in (self._episode, self._run) if text]
        if timer is None:
            painter.setFont(look.font(17 * px, bold=True))
            for index, text in enumerate(lines):
                top = box.top() + (18 + 26 * index) * px
                painter.drawText(
                    QtCore.QRectF(box.left(), top, box.width(), 26 * px), look.RIGHT, text
                )
            return
        clock = f"{timer.elapsed_s:.1f} s"
        if timer.limit_s:
            clock = f"{timer.elapsed_s:.1f} of {timer.limit_s:.0f} s"
        painter.setFont(look.font(26 * px, bold=True))
        painter.drawText(QtCore.QRectF(box.left(), 6 * px, box.width(), 36 * px), look.RIGHT, clock)
        painter.setFont(look.font(14 * px))
        under = QtCore.QRectF(box.left(), 58 * px, box.width(), 24 * px)
        painter.drawText(under, look.RIGHT, " · ".join(lines))
        if timer.limit_s:
            bar = QtCore.QRectF(box.left(), 46 * px, box.width(), 9 * px)
            faint = QtGui.QColor(ink)
            faint.setAlpha(80)
            painter.setPen(QtCore.Qt.PenStyle.NoPen)
            painter.setBrush(QtGui.QBrush(faint))
            painter.drawRoundedRect(bar, 4 * px, 4 * px)
            bar.setWidth(bar.width() * min(1.0, timer.elapsed_s / timer.limit_s))
            painter.setBrush(QtGui.QBrush(ink))
            painter.drawRoundedRect(bar, 4 * px, 4 * px)


def _draw(painter: QtGui.QPainter, box: QtCore.QRectF, text: str) -> None:
    """One line, cut where it does not fit."""
    metrics = QtGui.QFontMetricsF(painter.font())
    cut = metrics.elidedText(text, QtCore.Qt.TextElideMode.ElideRight, box.width())
    painter.drawText(box, look.LEFT, cut)
