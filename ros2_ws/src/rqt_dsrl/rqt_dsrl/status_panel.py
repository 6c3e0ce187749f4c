"""Success rates with their intervals, the learner, and where the time went."""

from __future__ import annotations

from dsrl_core.evaluation.budget import Activity
from dsrl_core.operator.cost import WORDS, Cost
from dsrl_core.operator.progress import Rate
from dsrl_core.operator.view import OperatorView
from rqt_dsrl import look
from rqt_dsrl.qt import QtCore, QtGui, QtWidgets

_ROW_PX = 44
"""Of a rate."""


class RatesView(QtWidgets.QWidget):
    """A bar for each rate: the interval as a band, the rate as a mark."""

    def __init__(self) -> None:
        super().__init__()
        self._rates: tuple[Rate, ...] = ()
        self._instead = ""
        self._scale = 1.0

    def show_rates(self, rates: tuple[Rate, ...], instead: str) -> None:
        """`instead`: said where there are none."""
        if (rates, instead) != (self._rates, self._instead):
            self._rates, self._instead = rates, instead
            self.setToolTip("success rate, Wilson's 95 % interval, successes of episodes")
            self.update()

    def set_scale(self, scale: float) -> None:
        self._scale = scale
        self.setFixedHeight(round(3 * _ROW_PX * scale))

    def paintEvent(self, event: QtGui.QPaintEvent | None) -> None:
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        px, width = self._scale, float(self.width())
        if not self._rates:
            painter.setFont(look.font(15 * px))
            painter.setPen(QtGui.QColor(look.SOFT_INK))
            painter.drawText(QtCore.QRectF(self.rect()), look.WRAPPED_CENTRE, self._instead)
        for index, rate in enumerate(self._rates):
            self._paint(painter, QtCore.QRectF(0, index * _ROW_PX * px, width, _ROW_PX * px), rate)
        painter.end()

    def _paint(self, painter: QtGui.QPainter, box: QtCore.QRectF, rate: Rate) -> None:
        px = self._scale
        line = QtCore.QRectF(box.left(), box.top() + 3 * px, box.width(), 22 * px)
        painter.setPen(QtGui.QColor(look.INK))
        painter.setFont(look.font(14 * px))
        painter.drawText(line, look.LEFT, rate.name)
        painter.setFont(look.font(14 * px if not rate.episodes else 19 * px, bold=True))
        share = f"{rate.share:.0%}" if rate.episodes else "none yet"
        if rate.episodes:
            # The numbers behind it, small, beside the name.
            painter.setFont(look.font(12 * px))
            name_end = QtGui.QFontMetricsF(look.font(14 * px)).horizontalAdvance(rate.name)
            count = QtCore.QRectF(line)
            count.setLeft(name_end + 8 * px)
            painter.setPen(QtGui.QColor(look.SOFT_INK))
            painter.drawText(count, look.LEFT, f"{rate.successes} of {rate.episodes}")
            painter.setPen(QtGui.QColor(look.INK))
            painter.setFont(look.font(19 * px, bold=True))
        painter.drawText(line, look.RIGHT, share)
        bar = QtCore.QRectF(box.left(), box.top() + 27 * px, box.width(), 10 * px)
        painter.setPen(QtCore.Qt.PenStyle.NoPen)
        painter.setBrush(QtGui.QBrush(QtGui.QColor(look.SHADE)))
        painter.drawRoundedRect(bar, 4 * px, 4 * px)
        if rate.episodes:
            band = QtCore.QRectF(bar)
            band.setLeft(bar.left() + rate.low * bar.width())
            band.setRight(bar.left() + rate.high * bar.width())
            painter.setBrush(QtGui.QBrush(QtGui.QColor("#8fc1e0")))
            painter.drawRect(band)
            at = bar.left() + rate.share * bar.width()
            mark = QtCore.QRectF(at - 2 * px, bar.top() - 3 * px, 4 * px, bar.height() + 6 * px)
            painter.setBrush(QtGui.QBrush(QtGui.QColor("#0b3d63")))
            painter.drawRect(mark)


class CostView(QtWidgets.QWidget):
    """Where the time went, as one bar and in words."""

    def __init__(self) -> None:
        super().__init__()
        expanding = QtWidgets.QSizePolicy.Policy.Expanding
        self.setSizePolicy(expanding, expanding)
        self._cost: Cost | None = None
        self._scale = 1.0

    def show_cost(self, cost: Cost) -> None:
        if cost != self._cost:
            self._cost = cost
            self.update()

    def set_scale(self, scale: float) -> None:
        self._scale = scale
        self.setMinimumHeight(round(62 * scale))

    def paintEvent(self, event: QtGui.QPaintEvent | None) -> None:
        cost = self._cost
        if cost is None:
            return
        painter = QtGui.QPainter(self)
        px, width = self._scale, float(self.width())
        painter.setPen(QtGui.QColor(look.INK))
        painter.setFont(look.font(14 * px))
        line = QtCore.QRectF(0, 0, width, 22 * px)
        words = f"{cost.minutes:.1f} min, {cost.labelled} labelled"
        painter.drawText(line, look.LEFT, words)
        if cost.shares:
            painter.setFont(look.font(14 * px, bold=True))
            painter.drawText(line, look.RIGHT, f"arm idle {cost.idle_share:.0%}")
        left = 0.0
        for share in cost.shares:
            part = QtCore.QRectF(left, 26 * px, share.share * width, 10 * px)
            painter.fillRect(part, _colour(share.activity))
            left = part.right()
        moving = [share for share in cost.shares if share.activity is Activity.MOVING]
        # As many as there is room for, and the pace below them.
        rows = int((self.height() / px - 42) // 20) - 1
        named = [*moving, *cost.waiting][: max(0, rows)]
        painter.setFont(look.font(13 * px))
        for index, share in enumerate(named):
            top = (42 + 20 * index) * px
            painter.fillRect(
                QtCore.QRectF(0, top + 5 * px, 10 * px, 10 * px), _colour(share.activity)
            )
            row = QtCore.QRectF(18 * px, top, width - 18 * px, 20 * px)
            painter.drawText(row, look.LEFT, share.words)
            painter.drawText(row, look.RIGHT, f"{share.seconds / 60:.1f} min, {share.share:.0%}")
        painter.setPen(QtGui.QColor(look.SOFT_INK))
        last = QtCore.QRectF(0, (42 + 20 * len(named)) * px, width, 20 * px)
        painter.drawText(last, look.LEFT, cost.pace)
        painter.end()


def _colour(activity: Activity) -> QtGui.QColor:
    return QtGui.QColor(look.SHARES[list(WORDS).index(activity)])


class StatusPanel(QtWidgets.QWidget):
    """The three of them below each other."""

    def __init__(self) -> None:
        super().__init__()
        self._rates, self._cost = RatesView(), CostView()
        self._learner, self._forecast = wrapping_label(), wrapping_label()
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(12, 6, 12, 8)
        column.setSpacing(4)
        for title, *parts in (
            ("SUCCESS RATE", self._rates, self._forecast),
            ("LEARNER", self._learner),
            ("TIME", self._cost),
        ):
            label = QtWidgets.QLabel(str(title))
            label.setProperty("title", True)
            column.addWidget(label)
            for part in parts:
                assert isinstance(part, QtWidgets.QWidget)
                column.addWidget(part)
            column.addSpacing(3)

    def show_view(self, view: OperatorView) -> None:
        """Show this; what has not changed is left alone."""
        instead = "not shown: a blinded comparison is under way" if view.is_hidden else ""
        self._rates.show_rates(view.rates, instead)
        self._cost.show_cost(view.cost)
        tell(self._learner, view.learner)
        tell(self._forecast, view.cost.forecast)

    def set_scale(self, scale: float) -> None:
        self._rates.set_scale(scale)
        self._cost.set_scale(scale)


def wrapping_label() -> QtWidgets.QLabel:
    """For texts that may take more than one line."""
    label = QtWidgets.QLabel()
    label.setWordWrap(True)
    return label


def tell(label: QtWidgets.QLabel, text: str) -> None:
    """Show a text; a label without one takes no room."""
    if label.text() != text:
        label.setText(text)
    if label.isHidden() == bool(text):
        label.setVisible(bool(text))
