"""A node that a thread of its own serves, as rqt does it with its node."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import rclpy
from rclpy.context import Context
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from dsrl_ros.machine import stay_on_this_machine
from dsrl_ros.namespaces import full_namespace

_TURN_S: Final = 0.1


@contextmanager
def served_node(name: str, namespace: str = "") -> Iterator[Node]:
    """`with served_node(name) as node`: its callbacks come from another thread.

    Raises:
        InvalidValue: it is no namespace.
    """
    full = full_namespace(namespace)
    context = Context()
    stay_on_this_machine()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    node = Node(name, context=context, namespace=full or None)
    executor = EventsExecutor(context=context)
    executor.add_node(node)
    ending = threading.Event()

    def serve() -> None:
        while not ending.is_set():
            executor.spin_once(timeout_sec=_TURN_S)

    thread = threading.Thread(target=serve, name=f"serves {name}", daemon=True)
    thread.start()
    try:
        yield node
    finally:
        ending.set()
        thread.join()
        node.destroy_node()
        rclpy.try_shutdown(context=context)
