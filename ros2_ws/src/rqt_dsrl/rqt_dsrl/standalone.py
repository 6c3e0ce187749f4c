"""The window by itself, without rqt: `./dsrl operator`."""

from __future__ import annotations

import getpass
import signal

from dsrl_ros.namespaces import where
from dsrl_ros.paths import domain
from dsrl_ros.served_node import served_node
from rqt_dsrl.qt import QtCore, QtWidgets
from rqt_dsrl.ros_graph import RosGraph
from rqt_dsrl.screen import check_screen
from rqt_dsrl.widget import OperatorWidget

_KEPT = ("camera", "author", "mode", "count", "size")


def show(namespace: str = "", author: str = "") -> int:
    """Open the window and wait until it is closed; the exit status.

    Raises:
        DsrlError: it is no namespace, or no window can be opened here.
    """
    check_screen()
    application = QtWidgets.QApplication(["dsrl operator"])
    application.setStyle("Fusion")
    # Qt does not look at Python's signals by itself: Ctrl+C closes the window.
    signal.signal(signal.SIGINT, lambda *_: application.quit())
    signal.signal(signal.SIGTERM, lambda *_: application.quit())
    with served_node("dsrl_operator", namespace) as node:
        graph = RosGraph(node, author or getpass.getuser())
        widget = OperatorWidget(graph)
        widget.setWindowTitle(f"DSRL Operator, {where(domain(), namespace)}")
        settings = QtCore.QSettings("dsrl_ros", "operator")
        _restore(widget, settings, author)
        widget.show()
        widget.setFocus()
        # Its name has changed in Qt 6.
        run = getattr(application, "exec", None) or application.exec_
        status = int(run())
        _save(widget, settings)
        widget.stop()
        graph.close()
    return status


def main() -> None:
    """Entry point of the executable."""
    raise SystemExit(show())


def _restore(widget: OperatorWidget, settings: QtCore.QSettings, author: str) -> None:
    kept = {name: str(settings.value(name) or "") for name in _KEPT}
    if author:
        kept.pop("author")
    widget.restore(kept)
    width, _, height = kept["size"].partition("x")
    size = (int(width), int(height)) if width.isdigit() and height.isdigit() else (1280, 720)
    widget.resize(*size)


def _save(widget: OperatorWidget, settings: QtCore.QSettings) -> None:
    for name, value in widget.settings().items():
        settings.setValue(name, value)
    settings.setValue("size", f"{widget.width()}x{widget.height()}")
