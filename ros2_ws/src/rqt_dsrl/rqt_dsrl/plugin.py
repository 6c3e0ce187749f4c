"""The window as a plugin of rqt: it lends rqt's node, and keeps what a person chose."""

from __future__ import annotations

import getpass
from typing import Any

from rqt_gui_py.plugin import Plugin

from rqt_dsrl.ros_graph import RosGraph
from rqt_dsrl.widget import OperatorWidget


class OperatorPlugin(Plugin):
    """`rqt --standalone rqt_dsrl`, or Plugins > Robot Tools > DSRL Operator.

    `--args NAMESPACE` names the graph's namespace.
    """

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self.setObjectName("DsrlOperator")
        given = [argument for argument in context.argv() if not argument.startswith("-")]
        self._graph = RosGraph(context.node, getpass.getuser(), given[0] if given else "")
        self._widget = OperatorWidget(self._graph)
        if context.serial_number() > 1:
            title = f"{self._widget.windowTitle()} ({context.serial_number()})"
            self._widget.setWindowTitle(title)
        context.add_widget(self._widget)

    def shutdown_plugin(self) -> None:
        self._widget.stop()
        self._graph.close()

    def save_settings(self, plugin_settings: Any, instance_settings: Any) -> None:
        for name, value in self._widget.settings().items():
            instance_settings.set_value(name, value)

    def restore_settings(self, plugin_settings: Any, instance_settings: Any) -> None:
        kept = {name: instance_settings.value(name) for name in self._widget.settings()}
        self._widget.restore({name: str(value) for name, value in kept.items() if value})
