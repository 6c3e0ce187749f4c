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

_ENCLAVES: Final = "/dsrl"
"""Above those of all nodes."""


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


def robot_names(given: str) -> tuple[str, ...]:
    """The robots of a graph that has several, as its nodes' parameters name them: with ':' between
    them; each is a namespace below the graph's own.

    Raises:
        InvalidValue: one is no name, or comes twice.
    """
    names = tuple(part.strip("/") for part in given.split(":") if part)
    for name in names:
        full_namespace(name)
        if "/" in name or not name:
            raise InvalidValue(f"robot '{name}', expected a name without slashes in it")
    if len(set(names)) < len(names):
        raise InvalidValue(f"robots {', '.join(names)}: expected names that differ")
    return names


def enclave_of(namespace: str, name: str) -> str:
    """Path of a node's enclave in a keystore; nodes are started with it, be there security or not.

    `namespace`: full, or empty.
    """
    return f"{_ENCLAVES}{namespace}/{name}"


def digest(namespace: str) -> str:
    """For names of locks and sockets, which may not be long; empty without a namespace."""
    full = full_namespace(namespace)
    return f".{sha256(full.encode()).hexdigest()[:16]}" if full else ""


def where(domain: int, namespace: str) -> str:
    """Domain and namespace, for people."""
    return f"ROS domain {domain}" + (f" in namespace {namespace}" if namespace.strip("/") else "")
