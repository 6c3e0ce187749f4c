"""The camera's picture, and the film strip of an episode."""

from __future__ import annotations

from dsrl_core.types import UInt8Array
from rqt_dsrl import look
from rqt_dsrl.qt import QtCore, QtGui, QtWidgets

Frames = tuple[tuple[float, UInt8Array], ...]
"""Seconds into the episode, and picture."""


def to_image(image: UInt8Array) -> QtGui.QImage:
    """(height, width, 3) RGB as Qt's own, which keeps a copy."""
    height, width = image.shape[:2]
    made = QtGui.QImage(
        image.tobytes(), width, height, 3 * width, QtGui.QImage.Format.Format_RGB888
    )
    return made.copy()


def fitted(inner: QtCore.QSize, outer: QtCore.QRectF) -> QtCore.QRectF:
    """The largest rectangle of the same shape in the middle of `outer`."""
    factor = min(outer.width() / max(1, inner.width()), outer.height() / max(1, inner.height()))
    width, height = inner.width() * factor, inner.height() * factor
    return QtCore.QRectF(
        outer.center().x() - width / 2, outer.center().y() - height / 2, width, height
    )


class CameraView(QtWidgets.QWidget):
    """The newest picture, as large as it can be; or why there is none."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._image: QtGui.QImage | None = None
        self._words = ""
        self._scale = 1.0
        self.setMinimumSize(160, 120)

    def show_picture(self, image: UInt8Array) -> None:
        self._image = to_image(image)
        self.update()

    def say(self, words: str) -> None:
        """Over the picture, or instead of one; empty: nothing."""
        if words != self._words:
            self._words = words
            self.update()

    def clear(self) -> None:
        self._image = None
        self.update()

    def set_scale(self, scale: float) -> None:
        self._scale = scale
        self.update()

    def paintEvent(self, event: QtGui.QPaintEvent | None) -> None:
        painter = QtGui.QPainter(self)
        box = QtCore.QRectF(self.rect())
        painter.fillRect(box, QtGui.QColor("#1b242e"))
        if self._image is not None:
            painter.setRenderHint(QtGui.QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(fitted(self._image.size(), box), self._image)
        if self._words:
            if self._image is not None:
                painter.fillRect(box, QtGui.QColor(16, 24, 32, 190))
            painter.setFont(look.font(18 * self._scale))
            painter.setPen(QtGui.QColor("#e7ecf1"))
            margin = 24 * self._scale
            inner = box.adjusted(margin, margin, -margin, -margin)
            painter.drawText(inner, look.WRAPPED_CENTRE, self._words)
        painter.end()


class FilmView(QtWidgets.QWidget):
    """The small pictures of one episode beside each other, each with its time."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = ""
        self._images: list[tuple[float, QtGui.QImage]] = []
        self._problem = ""
        self._shown: tuple[str, str, int, float] = ("", "", 0, 0.0)
        self._scale = 1.0

    def show_film(self, title: str, frames: Frames, problem: str = "") -> None:
        """Show an episode's frames; none: say that there are none, and `problem` if that is why."""
        shown = (title, problem, len(frames), frames[-1][0] if frames else 0.0)
        if shown != self._shown:
            self._shown, self._title, self._problem = shown, title, problem
            self.setToolTip(problem)
            self._images = [(seconds, to_image(image)) for seconds, image in frames]
            self.update()

    def set_scale(self, scale: float) -> None:
        self._scale = scale
        self.setFixedHeight(round(92 * scale))

    def paintEvent(self, event: QtGui.QPaintEvent | None) -> None:
        painter = QtGui.QPainter(self)
        px, box = self._scale, QtCore.QRectF(self.rect())
        painter.fillRect(box, QtGui.QColor("#26313d"))
        painter.setPen(QtGui.QColor("#e7ecf1"))
        painter.setFont(look.font(12 * px, bold=True))
        line = QtCore.QRectF(8 * px, 2 * px, box.width() - 16 * px, 18 * px)
        painter.drawText(line, look.LEFT, self._title)
        body = box.adjusted(8 * px, 21 * px, -8 * px, -5 * px)
        if not self._images:
            painter.setFont(look.font(13 * px))
            words = self._problem or "no camera was chosen, or none came while it ran"
            painter.drawText(body, look.WRAPPED_CENTRE, f"no pictures: {words}")
        self._paint_frames(painter, body)
        painter.end()

    def _paint_frames(self, painter: QtGui.QPainter, body: QtCore.QRectF) -> None:
        px, gap = self._scale, 4 * self._scale
        painter.setRenderHint(QtGui.QPainter.RenderHint.SmoothPixmapTransform)
        painter.setFont(look.font(10 * px, bold=True))
        count = max(8, len(self._images))
        width = (body.width() - gap * (count - 1)) / count
        for index, (seconds, image) in enumerate(self._images):
            cell = QtCore.QRectF(
                body.left() + index * (width + gap), body.top(), width, body.height()
            )
            place = fitted(image.size(), cell)
            painter.drawImage(place, image)
            tag = QtCore.QRectF(place.left(), place.bottom() - 14 * px, 34 * px, 14 * px)
            painter.fillRect(tag, QtGui.QColor(16, 24, 32, 200))
            painter.setPen(QtGui.QColor("#ffffff"))
            painter.drawText(tag, look.CENTRE, f"{seconds:.1f} s")
