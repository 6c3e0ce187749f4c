"""The window in every state at two sizes: pictures to look at, and what can be asserted of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.rqt.scenes import SCENES, FakeGraph, running


def filmed(graph: FakeGraph, widget: Any) -> None:
    """Let the window see a few episodes with the camera on, the last one up to now."""
    from dataclasses import replace

    wanted = graph.now
    for episode in (9, 10, 11, 12):
        for tenth in range(0, 130, 6):
            heard = running()
            assert heard.status is not None
            status = replace(heard.status, episode=episode)
            now_ns = status.started_ns + tenth * 10**8
            graph.now = replace(heard, status=status, now_ns=now_ns)
            graph.camera.number += 1
            widget.refresh()
    graph.now = wanted
    widget.refresh()


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (1000, 600)], ids=str)
@pytest.mark.parametrize("scene", SCENES)
def test_nothing_overlaps_and_every_word_fits(
    application: Any, scene: str, size: tuple[int, int], artefacts: Path
) -> None:
    from rqt_dsrl.qt import QtCore, QtWidgets
    from rqt_dsrl.widget import OperatorWidget

    graph = FakeGraph(SCENES[scene]())
    widget = OperatorWidget(graph)
    widget.resize(*size)
    widget.show()
    if scene not in ("nothing", "idle"):
        filmed(graph, widget)
    for _ in range(3):
        application.processEvents()
    picture = widget.grab()
    path = artefacts / f"{scene}_{size[0]}x{size[1]}.png"
    assert picture.save(str(path))
    assert (widget.width(), widget.height()) == size, "the window is not larger than asked for"
    shown = [
        child
        for child in widget.findChildren(QtWidgets.QWidget)
        if child.isVisible() and not child.findChildren(QtWidgets.QWidget)
    ]
    places = [(c, QtCore.QRect(c.mapTo(widget, QtCore.QPoint(0, 0)), c.size())) for c in shown]
    for index, (one, place) in enumerate(places):
        assert widget.rect().contains(place), f"{one.objectName() or one} leaves the window"
        for other, there in places[index + 1 :]:
            if one.parent() is not other and other.parent() is not one:
                assert not place.intersects(there), f"{one.objectName()} over {other.objectName()}"
    for label in widget.findChildren(QtWidgets.QLabel):
        if label.isVisible() and label.wordWrap():
            assert label.heightForWidth(label.width()) <= label.height() + 1, label.text()
    widget.stop()
    widget.close()
