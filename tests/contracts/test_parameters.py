"""Every node's parameters: declared once, refused by name, type and range, and told to rclpy."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
import rclpy
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter

from dsrl_core.errors import InvalidValue, UnknownName
from dsrl_ros.declaring import check_values, declarations, declare
from dsrl_ros.graph import KINDS, NodeKind
from dsrl_ros.parameters import FrankaSimParameters

NODES = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@NODES
def test_every_parameter_tells_what_it_is(kind: NodeKind) -> None:
    for name, declared in declarations(kind.parameters).items():
        assert declared.description.endswith((".", "after.", "within.")), name
        assert (declared.minimum is None) == (declared.maximum is None), name


@NODES
def test_defaults_are_within_their_ranges(kind: NodeKind) -> None:
    defaults = dataclasses.asdict(kind.parameters())
    assert check_values(kind.name, kind.parameters, defaults) == kind.parameters()


@NODES
def test_numbers_beyond_their_range_are_refused_with_it(kind: NodeKind) -> None:
    for name, declared in declarations(kind.parameters).items():
        if declared.maximum is None:
            continue
        default = getattr(kind.parameters(), name)
        for value in (declared.minimum - 1, declared.maximum + 1, float("nan")):
            wanted = value if isinstance(default, float) or value != value else int(value)
            with pytest.raises(InvalidValue, match=f"{kind.name}.{name}"):
                check_values(kind.name, kind.parameters, {name: wanted})


def test_unknown_parameter_lists_what_is_available() -> None:
    with pytest.raises(UnknownName, match=r"'repeats'; available: .*repeat_s"):
        check_values("franka_sim", FrankaSimParameters, {"repeats": 1})


@pytest.mark.parametrize(
    ("name", "value"), [("lock_step", "yes"), ("camera_width", 320.5), ("camera_width", True)]
)
def test_wrong_type_says_what_was_expected(name: str, value: object) -> None:
    with pytest.raises(InvalidValue, match=f"franka_sim.{name} is .*, expected (bool|int)"):
        check_values("franka_sim", FrankaSimParameters, {name: value})


def test_whole_number_is_taken_for_a_real_one() -> None:
    assert check_values("franka_sim", FrankaSimParameters, {"repeat_s": 1}).repeat_s == 1.0


@pytest.fixture
def context() -> Iterator[Context]:
    context = Context()
    rclpy.init(context=context)
    yield context
    context.try_shutdown()


def make_node(context: Context, **overrides: object) -> Node:
    return Node(
        "franka_sim",
        context=context,
        parameter_overrides=[Parameter(name, value=value) for name, value in overrides.items()],
        automatically_declare_parameters_from_overrides=True,
    )


def test_node_has_its_parameters_with_ranges_and_they_are_read_only(context: Context) -> None:
    node = make_node(context, repeat_s=0.5)

    values = declare(node, FrankaSimParameters)

    assert values.repeat_s == node.get_parameter("repeat_s").value == 0.5
    descriptor = node.describe_parameter("repeat_s")
    assert descriptor.read_only
    assert descriptor.floating_point_range[0].to_value == 60.0
    assert "wall clock" in descriptor.description
    assert node.describe_parameter("camera_width").integer_range[0].from_value == 16
    result = node.set_parameters([Parameter("repeat_s", value=1.0)])[0]
    assert not result.successful
    node.destroy_node()


def test_node_refuses_a_parameter_that_it_does_not_have(context: Context) -> None:
    node = make_node(context, repat_s=0.5)
    with pytest.raises(UnknownName, match="parameter of franka_sim 'repat_s'"):
        declare(node, FrankaSimParameters)
    node.destroy_node()
