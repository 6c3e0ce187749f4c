"""Whether nodes are there: for the health checks of containers. Exit status 0 or 1.

python -m dsrl_ros.health_check policy_server learner
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Collection
from typing import Final

import rclpy
from rclpy.node import Node
from rclpy.utilities import remove_ros_args

LOOK_S: Final = 5.0
"""Discovery takes so long at most where a machine is busy."""


def missing(node: Node, wanted: Collection[str], limit_s: float) -> set[str]:
    """Which of these nodes, in the namespace of `node`, are not seen within the time."""
    until_s = time.monotonic() + limit_s
    while True:
        seen = {
            name
            for name, namespace in node.get_node_names_and_namespaces()
            if namespace == node.get_namespace()
        }
        absent = set(wanted) - seen
        if not absent or time.monotonic() > until_s:
            return absent
        time.sleep(0.1)


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable."""
    parser = argparse.ArgumentParser(prog="health_check", description=__doc__)
    parser.add_argument("nodes", nargs="+", help="that must be there")
    parser.add_argument("--within", type=float, default=LOOK_S, help="[s]")
    given = parser.parse_args(remove_ros_args(args if args is not None else sys.argv)[1:])
    rclpy.init(args=args)
    node = Node("health_check", enable_rosout=False, start_parameter_services=False)
    try:
        absent = missing(node, given.nodes, given.within)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    if absent:
        sys.stderr.write(f"not there: {', '.join(sorted(absent))}\n")
        sys.exit(1)
    sys.stdout.write("all there\n")


if __name__ == "__main__":
    main()
