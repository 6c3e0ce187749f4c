"""How a parameter is declared: once, as a field with its unit, range and description.

From it come the rclpy descriptor, the check before anything starts (`check_values`) and the check
inside the node (`declare`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

from dsrl_core.errors import InvalidValue, UnknownName

_Parameters = TypeVar("_Parameters")
_KEY = "parameter"
OF_ROS = frozenset({"use_sim_time", "start_type_description_service"})
"""Parameters that rclpy itself declares."""


@dataclass(frozen=True)
class Declaration:
    """What is told about a parameter."""

    description: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()

    def text(self) -> str:
        """Description, unit and choices in one line."""
        unit = f" [{self.unit}]" if self.unit else ""
        choices = f" One of: {', '.join(self.choices)}." if self.choices else ""
        return f"{self.description}{unit}{choices}"


def parameter(default: Any, description: str, **declaration: Any) -> Any:
    """A field of a parameter class; see `Declaration` for the keywords."""
    return dataclasses.field(
        default=default, metadata={_KEY: Declaration(description, **declaration)}
    )


def declarations(cls: type) -> dict[str, Declaration]:
    """Name to declaration of a parameter class."""
    return {field.name: field.metadata[_KEY] for field in dataclasses.fields(cls)}


def check_values(node: str, cls: type[_Parameters], values: Mapping[str, Any]) -> _Parameters:
    """The parameters of a node with these values, the rest at their defaults.

    Raises:
        UnknownName: the node has no such parameter.
        InvalidValue: a value of the wrong type or out of range.
    """
    known, types = declarations(cls), get_type_hints(cls)
    checked = {}
    for name, value in values.items():
        if name not in known:
            raise UnknownName(f"parameter of {node}", name, known)
        checked[name] = _check(f"{node}.{name}", types[name], known[name], value)
    return cls(**checked)


def _check(place: str, expected: Any, declared: Declaration, value: Any) -> Any:
    if expected is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not expected:
        raise InvalidValue(
            f"parameter {place} is {value!r} ({type(value).__name__}), expected "
            f"{expected.__name__}: {declared.text()}"
        )
    if declared.choices and value not in declared.choices:
        raise InvalidValue(
            f"parameter {place} is {value!r}; available: {', '.join(declared.choices)}"
        )
    low, high = declared.minimum, declared.maximum
    number: Any = value
    if (low is not None and not number >= low) or (high is not None and not number <= high):
        unit = f" [{declared.unit}]" if declared.unit else ""
        raise InvalidValue(
            f"parameter {place} is {value}, expected {low} to {high}{unit}: {declared.description}"
        )
    return value


def declare(node: Any, cls: type[_Parameters]) -> _Parameters:
    """Declare a node's parameters with rclpy and read them; they are read-only afterwards.

    `node` was made with `automatically_declare_parameters_from_overrides`, so that a misspelt one
    is seen.
    """
    given = {
        name: value.value
        for name, value in node.get_parameters_by_prefix("").items()
        if name not in OF_ROS and not name.startswith("qos_overrides.")
    }
    values = check_values(node.get_name(), cls, given)
    for name in given:
        node.undeclare_parameter(name)
    for name, declared in declarations(cls).items():
        value = getattr(values, name)
        node.declare_parameter(name, value, _descriptor(declared, value), ignore_override=True)
    return values


def _descriptor(declared: Declaration, value: Any) -> Any:
    from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

    descriptor = ParameterDescriptor(description=declared.text(), read_only=True)
    low, high = declared.minimum, declared.maximum
    if low is not None and high is not None:
        if isinstance(value, float):
            descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
        else:
            descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high))]
    return descriptor
