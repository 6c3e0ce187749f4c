"""The layout for Foxglove names only topics, fields and services that the graph has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dsrl_ros import topics

PATH = Path(__file__).resolve().parents[2] / "ros2_ws/src/rqt_dsrl/config/foxglove_layout.json"
LAYOUT: dict[str, Any] = json.loads(PATH.read_text())
PANELS: dict[str, dict[str, Any]] = LAYOUT["configById"]
TOPICS = {
    f"/{topic.name}": topic.message_type
    for topic in vars(topics).values()
    if isinstance(topic, topics.Topic)
}
SERVICES = {
    f"/{name}": fields
    for name, fields in {
        topics.START_SERVICE: {},
        topics.PAUSE_SERVICE: {"data"},
        topics.HOLD_SERVICE: {},
        topics.RESUME_SERVICE: {},
        **{topics.button_service(word): {} for word in ("success", "failure", "discard", "undo")},
    }.items()
}


def leaves(node: Any) -> Iterator[str]:
    """Panels of a mosaic."""
    if isinstance(node, str):
        yield node
    else:
        yield from leaves(node["first"])
        yield from leaves(node["second"])


def test_every_panel_has_a_place_and_every_place_a_panel() -> None:
    assert sorted(leaves(LAYOUT["layout"])) == sorted(PANELS)


@pytest.mark.parametrize("panel", [name for name in PANELS if name.startswith("CallService!")])
def test_buttons_call_services_of_the_graph(panel: str) -> None:
    button = PANELS[panel]
    assert button["serviceName"] in SERVICES
    assert set(json.loads(button["requestPayload"])) == set(SERVICES[button["serviceName"]])


def test_all_services_of_the_operator_have_a_button() -> None:
    assert {p["serviceName"] for n, p in PANELS.items() if "CallService" in n} == set(SERVICES)


def paths() -> list[str]:
    found = [p["topicPath"] for p in PANELS.values() if "topicPath" in p]
    return found + [line["value"] for p in PANELS.values() for line in p.get("paths", ())]


@pytest.mark.parametrize("path", paths())
def test_what_is_shown_exists_and_does_not_tell_a_hidden_mode(path: str) -> None:
    name = max((name for name in TOPICS if path.startswith(name)), key=len)
    fields = [part for part in path.removeprefix(name).split(".") if part]
    known = TOPICS[name].get_fields_and_field_types()
    assert set(fields) <= set(known), known
    if "mode" in known:
        assert fields, "the whole message would show the mode"
        assert not {"mode", "minimum_weights_version"} & set(fields)
