"""What the controller manager is asked for. Its messages come with ros2_control, which is not here:
a stand-in has the fields of controller_manager_msgs/srv/SwitchController."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar
from unittest.mock import MagicMock

import pytest

from dsrl_core.catalog import Catalog
from dsrl_ros import controllers
from dsrl_ros.controllers import ManagerSwitch, SimulatedSwitch, switches

ROBOT = Catalog().robot("fr3")


@dataclass
class Request:
    STRICT: ClassVar[int] = 2
    activate_controllers: list[str] = field(default_factory=list)
    deactivate_controllers: list[str] = field(default_factory=list)
    strictness: int = 0
    activate_asap: bool = False
    timeout: Any = None


class SwitchController:
    Request = Request


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Any:
    services = ModuleType("controller_manager_msgs.srv")
    services.SwitchController = SwitchController  # type: ignore[attr-defined]
    monkeypatch.setattr(controllers.importlib, "import_module", lambda _: services)
    return MagicMock()


def test_manager_is_asked_first_for_the_controller_of_the_command_path(node: Any) -> None:
    first, second = switches(node, ROBOT)

    assert isinstance(first, ManagerSwitch)
    assert isinstance(second, SimulatedSwitch)
    first.ask(active=False)
    first.ask(active=True)
    asked = [call.args[0] for call in node.create_client.return_value.call_async.call_args_list]
    assert asked[0].deactivate_controllers == ["joint_impedance_controller"]
    assert asked[0].activate_controllers == []
    assert asked[1].activate_controllers == ["joint_impedance_controller"]
    assert asked[1].deactivate_controllers == []
    for request in asked:
        assert request.strictness == Request.STRICT
        assert request.timeout.sec > 0


def test_refusal_has_the_managers_words_where_it_has_any(node: Any) -> None:
    manager = switches(node, ROBOT)[0]
    assert manager.refusal(SimpleNamespace(ok=True, message="")) == ""
    assert manager.refusal(SimpleNamespace(ok=False, message="no such")) == "no such"
    assert manager.refusal(SimpleNamespace(ok=False)) == "its log says why"


def test_without_ros2_control_only_a_simulated_arm_is_switched() -> None:
    (only,) = switches(MagicMock(), ROBOT)
    assert isinstance(only, SimulatedSwitch)
