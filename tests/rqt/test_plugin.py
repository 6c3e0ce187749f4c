"""The plugin as rqt loads it: found by its files, on rqt's node, with settings that are kept."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from dsrl_ros.served_node import served_node
from tests.ros.conftest import domain  # noqa: F401

PACKAGE = Path(__file__).resolve().parents[2] / "ros2_ws/src/rqt_dsrl"


class Settings:
    """qt_gui's settings: texts by name; what was never set is None."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def set_value(self, name: str, value: str) -> None:
        self.values[name] = value

    def value(self, name: str) -> str | None:
        return self.values.get(name)


class Context:
    """What rqt hands to a plugin."""

    def __init__(self, node: Any, arguments: tuple[str, ...] = ()) -> None:
        self.node, self._arguments = node, list(arguments)
        self.widgets: list[Any] = []

    def argv(self) -> list[str]:
        return self._arguments

    def serial_number(self) -> int:
        return 2

    def add_widget(self, widget: Any) -> None:
        self.widgets.append(widget)


@pytest.fixture
def plugin_class(application: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """With rqt's base class, which has no wheel: all of it that a plugin uses is a QObject."""
    from rqt_dsrl.qt import QtCore

    class Plugin(QtCore.QObject):
        def __init__(self, context: Any) -> None:
            super().__init__()

    base = ModuleType("rqt_gui_py.plugin")
    base.Plugin = Plugin  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rqt_gui_py", ModuleType("rqt_gui_py"))
    monkeypatch.setitem(sys.modules, "rqt_gui_py.plugin", base)
    monkeypatch.delitem(sys.modules, "rqt_dsrl.plugin", raising=False)
    described = ElementTree.parse(PACKAGE / "plugin.xml").getroot().find("class")
    assert described is not None
    module, _, name = described.attrib["type"].rpartition(".")
    return getattr(import_module(module), name)


def test_rqt_finds_the_plugin_by_the_packages_export() -> None:
    export = ElementTree.parse(PACKAGE / "package.xml").getroot().find("export/rqt_gui")
    assert export is not None
    assert export.attrib["plugin"] == "${prefix}/plugin.xml"
    described = ElementTree.parse(PACKAGE / "plugin.xml").getroot().find("class")
    assert described is not None
    assert described.attrib["base_class_type"] == "rqt_gui_py::Plugin"


def test_settings_are_kept_from_one_plugin_to_the_next(plugin_class: Any) -> None:
    settings = Settings()
    with served_node("rqt") as node:
        first, second = Context(node), Context(node)
        plugin = plugin_class(first)
        plugin.restore_settings(None, Settings())
        first.widgets[0].restore({"author": "ben", "mode": "eval", "count": "5", "camera": "/c"})
        plugin.save_settings(None, settings)
        plugin.shutdown_plugin()
        again = plugin_class(second)
        again.restore_settings(None, settings)
        assert second.widgets[0].settings() == settings.values
        assert settings.values["author"] == "ben"
        again.shutdown_plugin()


def test_a_plugin_that_is_closed_leaves_rqts_node_as_it_was(plugin_class: Any) -> None:
    def held(node: Any) -> SimpleNamespace:
        return SimpleNamespace(
            subscriptions=len(list(node.subscriptions)), clients=len(list(node.clients))
        )

    with served_node("rqt") as node:
        before = held(node)
        context = Context(node, ("cell",))
        plugin = plugin_class(context)
        assert held(node) != before
        assert any(one.topic_name == "/cell/episode" for one in node.subscriptions)
        plugin.shutdown_plugin()
        assert held(node) == before
