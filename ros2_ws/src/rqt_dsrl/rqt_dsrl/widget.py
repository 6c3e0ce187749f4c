"""The operator's window: what the arm does, and the buttons. It knows no ROS."""

from __future__ import annotations

from typing import Final

from dsrl_core.operator.heard import Heard
from dsrl_core.operator.orders import (
    Action,
    Answer,
    Asked,
    Button,
    Order,
    begin,
    follow_up,
    mark,
    regrade,
    relabel,
)
from dsrl_core.operator.view import OperatorView, view_of
from dsrl_core.status import Phase
from dsrl_core.types import Outcome
from rqt_dsrl import look
from rqt_dsrl.banner import Banner
from rqt_dsrl.buttons import ButtonBar
from rqt_dsrl.camera_panel import CameraPanel
from rqt_dsrl.episode_list import EpisodeList
from rqt_dsrl.films import Films
from rqt_dsrl.graph import Graph
from rqt_dsrl.name_field import NameField
from rqt_dsrl.pictures import Frames
from rqt_dsrl.qt import QShortcut, QtCore, QtGui, QtWidgets
from rqt_dsrl.run_choice import RunChoice
from rqt_dsrl.status_panel import StatusPanel, tell, wrapping_label
from rqt_dsrl.strip import Strip

_REFRESH_MS: Final = 100
_ALARMS_MAX: Final = 3
"""Lines of alarms and conflicts; all are in the tool tip."""
_MARK_KEY: Final = "M"


class OperatorWidget(QtWidgets.QWidget):
    """Shows a graph ten times a second, and asks it for what is pressed."""

    def __init__(self, graph: Graph, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("operator")
        self.setWindowTitle("DSRL Operator")
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_StyledBackground)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(900, 520)
        self.setPalette(look.palette())
        self._graph = graph
        self._scale = 0.0
        self._heard = Heard()
        self._view: OperatorView | None = None
        self._question: Order | None = None
        self._films = Films()
        self._picture = 0
        self._banner = Banner()
        self._camera = CameraPanel(graph.camera)
        self._alarms = wrapping_label()
        self._alarms.setObjectName("alarms")
        self._status = StatusPanel()
        self._episodes = EpisodeList(self._films.of, self._relabel_button)
        self._strip = Strip(self)
        self._buttons = ButtonBar(self)
        self._author = NameField(graph.author)
        self._author.setObjectName("author")
        self._run = RunChoice(graph.run_wanted, self._author)
        self._lay_out()
        self._episodes.relabelled.connect(self._on_relabel)
        self._strip.answered.connect(self._on_answered)
        self._buttons.pressed.connect(self.press)
        self._mark_key = QShortcut(QtGui.QKeySequence(_MARK_KEY), self)
        self._mark_key.setContext(QtCore.Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self._mark_key.setAutoRepeat(False)
        self._mark_key.activated.connect(self._on_mark)
        application = QtWidgets.QApplication.instance()
        assert isinstance(application, QtWidgets.QApplication)
        application.focusChanged.connect(self._on_focus)
        self._timer = QtCore.QTimer(self)
        self._timer.timeout.connect(self.refresh)
        self._timer.start(_REFRESH_MS)
        self.refresh()

    # What is kept from one day to the next.

    def settings(self) -> dict[str, str]:
        """What a person chose, by name."""
        return {
            "camera": self._graph.camera.topic,
            "author": self._graph.author,
            **self._run.settings(),
        }

    def restore(self, settings: dict[str, str]) -> None:
        """Choose as before; what is not known is left as it is."""
        if settings.get("camera"):
            self._camera.select(settings["camera"])
        if settings.get("author"):
            self._author.setText(settings["author"])
            self._on_author()
        self._run.restore(settings)

    @property
    def shown(self) -> Heard:
        """What is shown at this moment, of which a press speaks."""
        return self._heard

    def frames_of(self, episode: int) -> Frames:
        """The small pictures that were taken of an episode."""
        return self._films.of(episode)

    def stop(self) -> None:
        """Show nothing more; called once, before the graph is closed."""
        self._timer.stop()
        self._films.close()

    # What a person does.

    def press(self, action: Action) -> None:
        """A button or its key."""
        assert self._view is not None
        self._press(self._view.buttons[action])

    def _on_mark(self) -> None:
        self._press(mark(self._heard))

    def _press(self, button: Button) -> None:
        if button.order is None:
            self._strip.say(button.reason, is_refusal=True)
            return
        order = button.order
        if order.asked is Asked.RUN:
            self._graph.run_wanted = self._run.wanted()
            order = begin(self._graph.run_wanted)
        self._ask_for(order)

    def _on_relabel(self, episode: int, outcome: Outcome | None) -> None:
        button = self._relabel_button(episode, outcome)
        if button.order is not None:
            self._ask_for(button.order)

    def _ask_for(self, order: Order) -> None:
        if order.question:
            self._question = order
            self._strip.ask(order)
            return
        self._drop_question()
        self._send(order)

    def _send(self, order: Order) -> None:
        self._strip.say("…", is_refusal=False)
        self._graph.send(order)
        self.refresh()

    def _on_answered(self, chosen: Order | None) -> None:
        self._drop_question()
        if chosen is not None:
            self._send(chosen)

    def _drop_question(self) -> None:
        if self._question is not None:
            self._question = None
            self._strip.ask(None)

    def _on_author(self) -> None:
        self._graph.author = self._author.text().strip() or self._graph.author
        # Letters are keys again.
        self.setFocus()

    def _relabel_button(self, episode: int, outcome: Outcome | None) -> Button:
        if outcome is None:
            return regrade(self._heard, episode)
        return relabel(self._heard, episode, outcome)

    # What is shown.

    def refresh(self) -> None:
        """Show what was heard."""
        self._heard = self._graph.heard()
        view = self._view = view_of(self._heard)
        for answer in self._graph.answers():
            self._tell(answer)
        if self._films.see(self._heard):
            self._episodes.repaint_pictures()
        self._take_picture()
        self._banner.show_view(view)
        self._show_alarms(view)
        self._status.show_view(view)
        self._buttons.show_buttons(view.buttons)
        self._episodes.show_rows(view.episodes)
        self._show_film(view)
        status = self._heard.status
        self._run.show_idle(status is None or status.phase is Phase.IDLE)

    def _tell(self, answer: Answer) -> None:
        if (order := follow_up(answer)) is not None:
            self._ask_for(order)
        elif self._question is not None:
            return
        elif answer.accepted:
            self._strip.say(answer.text or "done", is_refusal=False)
        else:
            self._strip.say(f"refused: {answer.text}", is_refusal=True)

    def _take_picture(self) -> None:
        number, image = self._camera.refresh()
        status, view = self._heard.status, self._view
        if image is None or number == self._picture or status is None or view is None:
            return
        self._picture = number
        if view.timer is not None and self._films.add(status.episode, view.timer.elapsed_s, image):
            self._episodes.repaint_pictures()

    def _show_alarms(self, view: OperatorView) -> None:
        told = [*view.alarms, *(f"conflict: {text}" for text in view.conflicts)]
        if len(told) > _ALARMS_MAX:
            told[_ALARMS_MAX - 1 :] = [f"and {len(told) - _ALARMS_MAX + 1} more: point here"]
        tell(self._alarms, "\n".join(told))
        self._alarms.setToolTip("\n".join((*view.alarms, *view.conflicts)))

    def _show_film(self, view: OperatorView) -> None:
        chosen = self._episodes.selected
        rows = {row.episode: row for row in view.episodes}
        row = rows.get(chosen) or (view.episodes[0] if view.episodes else None)
        if row is None:
            self._camera.show_film("no episode yet", (), "")
            return
        frames = self._films.of(row.episode)
        self._camera.show_film(f"episode {row.name}: {row.words}", frames, self._films.problem)

    def resizeEvent(self, event: QtGui.QResizeEvent | None) -> None:
        super().resizeEvent(event)
        scale = look.scale_of(self.size())
        if scale != self._scale:
            self._scale = scale
            self.setStyleSheet(look.style_sheet(scale))
            for part in (
                self._banner,
                self._camera,
                self._status,
                self._episodes,
                self._strip,
                self._buttons,
            ):
                part.set_scale(scale)

    def _on_focus(self, _: QtWidgets.QWidget | None, now: QtWidgets.QWidget | None) -> None:
        self._strip.show_focus(now is not None and (now is self or self.isAncestorOf(now)))

    def _lay_out(self) -> None:
        self._run.finished.connect(self.setFocus)
        self._author.setToolTip("whose name your labels bear")
        self._author.setMaximumWidth(180)
        self._author.editingFinished.connect(self._on_author)
        right = QtWidgets.QVBoxLayout()
        right.addWidget(_card(self._episodes), 1)
        right.addWidget(self._run)
        body = QtWidgets.QHBoxLayout()
        body.setSpacing(8)
        body.addWidget(_card(self._camera), 46)
        body.addWidget(_card(self._status), 27)
        body.addLayout(right, 38)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(6)
        column.addWidget(self._banner)
        column.addWidget(self._alarms)
        column.addLayout(body, 1)
        column.addWidget(self._strip)
        column.addWidget(self._buttons)


def _card(content: QtWidgets.QWidget) -> QtWidgets.QFrame:
    card = QtWidgets.QFrame()
    card.setProperty("card", True)
    layout = QtWidgets.QVBoxLayout(card)
    layout.setContentsMargins(1, 1, 1, 1)
    layout.addWidget(content)
    return card
