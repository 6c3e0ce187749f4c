"""The latest episodes, what was said of each, and a few pictures; any can be labelled anew."""

from __future__ import annotations

from collections.abc import Callable

from dsrl_core.operator.episodes import EpisodeRow
from dsrl_core.operator.orders import Button
from dsrl_core.types import Outcome, UInt8Array
from rqt_dsrl import look
from rqt_dsrl.pictures import Frames, fitted, to_image
from rqt_dsrl.qt import QtCore, QtGui, QtWidgets, Signal

FramesOf = Callable[[int], Frames]
ButtonOf = Callable[[int, Outcome | None], Button]
"""Of an episode; None: to grade it."""
_ROLE = int(QtCore.Qt.ItemDataRole.UserRole)
_PICTURES = 4
_OUTCOMES = (Outcome.SUCCESS, Outcome.FAILURE, Outcome.DISCARD, None, Outcome.UNDO)
"""None: a grade, to be chosen."""


class _Rows(QtCore.QAbstractListModel):
    """The rows, newest first."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: tuple[EpisodeRow, ...] = ()

    def rowCount(self, parent: QtCore.QModelIndex = QtCore.QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: QtCore.QModelIndex, role: int = 0) -> object:
        if not index.isValid():
            return None
        row = self.rows[index.row()]
        if role == int(QtCore.Qt.ItemDataRole.ToolTipRole):
            return row.conflict or f"episode {row.name}: {row.words}"
        return row if role == _ROLE else None

    def take(self, rows: tuple[EpisodeRow, ...]) -> None:
        if [row.episode for row in rows] == [row.episode for row in self.rows]:
            changed = [i for i, row in enumerate(rows) if row != self.rows[i]]
            self.rows = rows
            for number in changed:
                self.dataChanged.emit(self.index(number), self.index(number))
            return
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()


class _Painter(QtWidgets.QStyledItemDelegate):
    """Draws a row: sign and outcome, name, author, conflict, pictures."""

    def __init__(self, frames_of: FramesOf, parent: QtCore.QObject) -> None:
        super().__init__(parent)
        self._frames_of = frames_of
        self._images: dict[tuple[int, float], tuple[UInt8Array, QtGui.QImage]] = {}
        self.scale = 1.0

    def sizeHint(
        self, option: QtWidgets.QStyleOptionViewItem, index: QtCore.QModelIndex
    ) -> QtCore.QSize:
        return QtCore.QSize(200, round(52 * self.scale))

    def paint(
        self,
        painter: QtGui.QPainter | None,
        option: QtWidgets.QStyleOptionViewItem,
        index: QtCore.QModelIndex,
    ) -> None:
        row = index.data(_ROLE)
        if painter is None or row is None:
            return
        painter.save()
        px, box = self.scale, QtCore.QRectF(option.rect)
        if option.state & QtWidgets.QStyle.StateFlag.State_Selected:
            painter.fillRect(box, QtGui.QColor("#d8e8f4"))
        painter.setPen(QtGui.QColor(look.LINE))
        painter.drawLine(box.bottomLeft(), box.bottomRight())
        kind = row.outcome if row.grade is None else "graded"
        colour, sign = look.OUTCOMES.get(kind, (look.SOFT_INK, None))
        painter.fillRect(
            QtCore.QRectF(box.left(), box.top(), 5 * px, box.height() - 1), QtGui.QColor(colour)
        )
        if sign is not None:
            side, top = 20 * px, box.center().y() - 10 * px
            place = QtCore.QRectF(box.left() + 14 * px, top, side, side)
            look.paint_sign(painter, place, sign, QtGui.QColor(colour))
        pictures_left = self._paint_pictures(painter, box, row.episode)
        text = QtCore.QRectF(
            box.left() + 44 * px, box.top(), pictures_left - box.left() - 50 * px, box.height()
        )
        self._paint_words(painter, text, row, QtGui.QColor(colour))
        painter.restore()

    def _paint_words(
        self, painter: QtGui.QPainter, box: QtCore.QRectF, row: EpisodeRow, colour: QtGui.QColor
    ) -> None:
        px = self.scale
        lower, ink = _said(row), look.SOFT_INK
        if row.conflict:
            lower, ink = f"! {row.other}", "#9a3412"
        font = look.font(16 * px, bold=True)
        self._line(painter, box, 5, str(row.episode), font, look.INK)
        number_width = QtGui.QFontMetricsF(font).horizontalAdvance(f"{row.episode}  ")
        rest = box.adjusted(number_width, 0, 0, 0)
        self._line(painter, rest, 5, row.graded, font, colour.name())
        self._line(painter, box, 27, lower, look.font(12 * px), ink)

    def _line(
        self,
        painter: QtGui.QPainter,
        box: QtCore.QRectF,
        top: float,
        text: str,
        font: QtGui.QFont,
        colour: str,
    ) -> None:
        painter.setFont(font)
        painter.setPen(QtGui.QColor(colour))
        cut = QtGui.QFontMetricsF(font).elidedText(
            text, QtCore.Qt.TextElideMode.ElideRight, max(0.0, box.width())
        )
        place = QtCore.QRectF(
            box.left(), box.top() + top * self.scale, box.width() + 4, 20 * self.scale
        )
        painter.drawText(place, look.LEFT, cut)

    def _paint_pictures(self, painter: QtGui.QPainter, box: QtCore.QRectF, episode: int) -> float:
        """At the right end; where they begin."""
        px, frames = self.scale, self._frames_of(episode)
        width, gap = 46 * px, 3 * px
        left = box.right() - _PICTURES * (width + gap) - 4 * px
        if not frames:
            painter.setFont(look.font(11 * px))
            painter.setPen(QtGui.QColor("#8a96a3"))
            place = QtCore.QRectF(box.right() - 80 * px, box.top(), 76 * px, box.height())
            painter.drawText(place, look.CENTRE, "no pictures")
            return place.left()
        last = len(frames) - 1
        chosen = sorted({round(i * last / (_PICTURES - 1)) for i in range(_PICTURES)})
        painter.setRenderHint(QtGui.QPainter.RenderHint.SmoothPixmapTransform)
        for place_number, number in enumerate(chosen):
            image = self._image(episode, *frames[number])
            at = left + place_number * (width + gap)
            cell = QtCore.QRectF(at, box.top() + 4 * px, width, box.height() - 9 * px)
            painter.drawImage(fitted(image.size(), cell), image)
        return left

    def _image(self, episode: int, seconds: float, image: UInt8Array) -> QtGui.QImage:
        key = (episode, seconds)
        source, made = self._images.get(key, (None, None))
        # Another run's episodes have the same numbers.
        if made is None or source is not image:
            if len(self._images) > 500:
                self._images.clear()
            made = to_image(image)
            self._images[key] = (image, made)
        return made


def _said(row: EpisodeRow) -> str:
    """Its mode, who said it, and whether it is learned from."""
    parts = [part for part in (row.mode, row.author) if part]
    if row.entry:
        parts.append("learned" if row.is_learned else "not learned yet")
    if row.marks:
        parts.append(f"{row.marks} remarks")
    return " · ".join(parts)


class EpisodeList(QtWidgets.QWidget):
    """The list, and buttons below it for the row that is chosen."""

    relabelled = Signal(int, object)
    """Episode and `Outcome` (None: a grade), chosen by the person."""

    def __init__(self, frames_of: FramesOf, button_of: ButtonOf) -> None:
        super().__init__()
        self.setObjectName("episode_panel")
        self._button_of = button_of
        self._model = _Rows()
        self._list = QtWidgets.QListView()
        self._list.setObjectName("episodes")
        self._list.setModel(self._model)
        self._list.setUniformItemSizes(True)
        # It would take letters for a search among the rows.
        self._list.setFocusPolicy(QtCore.Qt.FocusPolicy.NoFocus)
        self._list.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setVerticalScrollMode(QtWidgets.QAbstractItemView.ScrollMode.ScrollPerPixel)
        self._painter = _Painter(frames_of, self)
        self._list.setItemDelegate(self._painter)
        self._list.setContextMenuPolicy(QtCore.Qt.ContextMenuPolicy.CustomContextMenu)
        self._list.customContextMenuRequested.connect(self._open_menu)
        self._chosen = -1
        selection = self._list.selectionModel()
        assert selection is not None
        selection.currentChanged.connect(self._on_current)
        self._title = QtWidgets.QLabel("EPISODES")
        self._title.setProperty("title", True)
        self._words = QtWidgets.QLabel("choose an episode to label it anew")
        self._words.setProperty("soft", True)
        self._buttons: dict[Outcome | None, QtWidgets.QPushButton] = {}
        row = QtWidgets.QHBoxLayout()
        for outcome in _OUTCOMES:
            name = "grade" if outcome is None else str(outcome)
            button = QtWidgets.QPushButton(name.capitalize())
            button.setObjectName(f"relabel_{name}")
            button.setFocusPolicy(QtCore.Qt.FocusPolicy.NoFocus)
            button.clicked.connect(lambda _=False, outcome=outcome: self._press(outcome))
            self._buttons[outcome] = button
            row.addWidget(button)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(8, 6, 8, 8)
        column.setSpacing(4)
        column.addWidget(self._title)
        column.addWidget(self._list, 1)
        column.addWidget(self._words)
        column.addLayout(row)

    def show_rows(self, rows: tuple[EpisodeRow, ...]) -> None:
        """Show these, newest first; the chosen one stays chosen."""
        if rows != self._model.rows:
            chosen = self._chosen
            self._model.take(rows)
            self.choose(chosen)
        self._show_buttons()

    @property
    def selected(self) -> int:
        """The episode that is chosen; -1: none."""
        return self._chosen

    def choose(self, episode: int) -> None:
        """Choose an episode's row; none where there is none of it."""
        numbers = [row.episode for row in self._model.rows]
        index = QtCore.QModelIndex()
        if episode in numbers:
            index = self._model.index(numbers.index(episode))
        if index != self._list.currentIndex():
            self._list.setCurrentIndex(index)

    def set_scale(self, scale: float) -> None:
        self._painter.scale = scale
        self._list.doItemsLayout()

    def repaint_pictures(self) -> None:
        """A picture has come to the strip of an episode."""
        viewport = self._list.viewport()
        if viewport is not None:
            viewport.update()

    def _on_current(self, current: QtCore.QModelIndex, _: QtCore.QModelIndex) -> None:
        row = current.data(_ROLE) if current.isValid() else None
        self._chosen = row.episode if row is not None else -1
        self._show_buttons()

    def _show_buttons(self) -> None:
        if self._chosen < 0:
            words = "choose an episode to label it anew"
        else:
            words = f"label episode {self._chosen} as"
        if words != self._words.text():
            self._words.setText(words)
        for outcome, button in self._buttons.items():
            stands = self._button_of(self._chosen, outcome) if self._chosen >= 0 else None
            button.setEnabled(stands is not None and stands.order is not None)
            button.setToolTip(stands.reason if stands else "choose an episode first")

    def _press(self, outcome: Outcome | None) -> None:
        if self._chosen >= 0:
            self.relabelled.emit(self._chosen, outcome)

    def _open_menu(self, place: QtCore.QPoint) -> None:
        row = self._list.indexAt(place).data(_ROLE)
        if row is None:
            return
        menu = QtWidgets.QMenu(self)
        menu.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        for outcome in _OUTCOMES:
            stands = self._button_of(row.episode, outcome)
            action = menu.addAction(f"Episode {row.episode}: {stands.text.lower()}")
            assert action is not None
            action.setEnabled(stands.order is not None)
            action.triggered.connect(
                lambda _=False, outcome=outcome, number=row.episode: self.relabelled.emit(
                    number, outcome
                )
            )
        menu.popup(self._list.mapToGlobal(place))
