"""The graph as actions of ROS's own launch: for machines with ROS, where that is installed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from launch import LaunchContext
from launch.actions import OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from dsrl_ros.graph import GraphOptions, describe
from dsrl_ros.paths import prepare_output


def graph(options: Callable[[Callable[[str], str]], GraphOptions]) -> OpaqueFunction:
    """All nodes of the graph; `options` makes its options of the launch arguments' values."""

    def nodes(context: LaunchContext) -> list[Any]:
        chosen = options(lambda name: LaunchConfiguration(name).perform(context))
        chosen = replace(chosen, out=chosen.out.absolute())
        described = describe(chosen)
        prepare_output(chosen.out)
        return [
            Node(
                package=node.kind.package,
                executable=node.name,
                name=node.name,
                parameters=[dict(node.parameters)],
                respawn=node.restart,
                output="both",
            )
            for node in described.nodes
        ]

    return OpaqueFunction(function=nodes)
