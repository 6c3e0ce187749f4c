"""Namespaces of graphs: several may run on one ROS domain, each in one of its own."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from rclpy.exceptions import InvalidNamespaceException
from rclpy.validate_namespace import validate_namespace

from dsrl_core.errors import InvalidValue

OWN_CLOCK: Final = ("/clock", "clock")
"""Remapping of simulated time, which ROS has on an absolute name: that of a graph in a namespace is
nobody else's."""


def full_namespace(given: str) -> str:
    """As ROS writes it, with a slash before it; empty: none.

    Raises:
        InvalidValue: it is none.
    """
    name = given.strip("/")
    if not name:
        return ""
    try:
        validate_namespace(f"/{name}")
    except InvalidNamespaceException as error:
        raise InvalidValue(
            f"namespace is '{given}', expected letters, digits and _ between slashes, none of the "
            f"parts beginning with a digit: {error}"
        ) from error
    return f"/{name}"


def digest(namespace: str) -> str:
    """For names of locks and sockets, which may not be long; empty without a namespace."""
    full = full_namespace(namespace)
    return f".{sha256(full.encode()).hexdigest()[:16]}" if full else ""


def where(domain: int, namespace: str) -> str:
    """Domain and namespace, for people."""
    return f"ROS domain {domain}" + (f" in namespace {namespace}" if namespace.strip("/") else "")
