"""The camera's picture, the choice of its topic, and the film of an episode."""

from __future__ import annotations

import time
from typing import Final

from dsrl_core.types import UInt8Array
from rqt_dsrl.graph import Camera
from rqt_dsrl.pictures import CameraView, FilmView, Frames
from rqt_dsrl.qt import QtCore, QtWidgets

_NONE: Final = "no camera"
_LATE_S: Final = 2.0
"""A picture is told to be old after."""
_LOOK_S: Final = 2.0
"""Between two looks for topics."""


class CameraPanel(QtWidgets.QWidget):
    """Until a person chooses, it shows the first camera that there is."""

    def __init__(self, camera: Camera) -> None:
        super().__init__()
        self._camera = camera
        self._view, self._film = CameraView(), FilmView()
        self._choice = QtWidgets.QComboBox()
        self._choice.setObjectName("camera_topic")
        self._choice.setFocusPolicy(QtCore.Qt.FocusPolicy.ClickFocus)
        self._choice.addItem(_NONE)
        self._choice.activated.connect(self._on_choice)
        self._is_chosen = False
        self._looked_s = 0.0
        self._number = 0
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._choice)
        column.addWidget(self._view, 1)
        column.addWidget(self._film)

    def select(self, topic: str) -> None:
        """Show this topic, whether or not it is there already; empty: none."""
        self._is_chosen = True
        self._listen(topic)

    def refresh(self) -> tuple[int, UInt8Array | None]:
        """Show the newest picture; its number, and the picture (height, width, 3)."""
        self._look_for_topics()
        found = self._camera.picture()
        if found is not None and found[0] != self._number:
            self._number = found[0]
            self._view.show_picture(found[1])
        self._view.say(self._problem(found is not None))
        return found or (0, None)

    def show_film(self, title: str, frames: Frames, problem: str) -> None:
        self._film.show_film(title, frames, problem)

    def set_scale(self, scale: float) -> None:
        self._view.set_scale(scale)
        self._film.set_scale(scale)

    def _problem(self, has_picture: bool) -> str:
        """Why there is no new picture; empty: there is."""
        camera = self._camera
        if not camera.topic:
            return "No camera: no image topic is chosen, or none is published."
        if camera.problem:
            return camera.problem
        if not has_picture:
            return f"No picture has come on {camera.topic}."
        if camera.age_s > _LATE_S:
            return f"No new picture for {camera.age_s:.0f} s."
        return ""

    def _look_for_topics(self) -> None:
        if time.monotonic() - self._looked_s < _LOOK_S:
            return
        self._looked_s = time.monotonic()
        topics = self._camera.topics()
        if not self._is_chosen and not self._camera.topic and topics:
            self._listen(topics[0])
        items = [_NONE, *sorted({*topics, *filter(None, [self._camera.topic])})]
        if items != [self._choice.itemText(i) for i in range(self._choice.count())]:
            self._choice.clear()
            self._choice.addItems(items)
        self._choice.setCurrentText(self._camera.topic or _NONE)

    def _on_choice(self, index: int) -> None:
        text = self._choice.itemText(index)
        self.select("" if text == _NONE else text)

    def _listen(self, topic: str) -> None:
        self._camera.select(topic)
        self._number, self._looked_s = 0, 0.0
        self._view.clear()
