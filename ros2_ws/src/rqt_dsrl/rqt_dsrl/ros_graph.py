"""The graph as the window needs it, on a ROS node."""

from __future__ import annotations

from rclpy.node import Node

from dsrl_ros.camera_feed import CameraFeed
from dsrl_ros.operator_link import OperatorLink


class RosGraph(OperatorLink):
    """`rqt_dsrl.graph.Graph` on a node that somebody else serves."""

    def __init__(self, node: Node, author: str, namespace: str = "") -> None:
        """
        Raises:
            InvalidValue: it is no namespace.
        """
        super().__init__(node, author, namespace)
        self.camera = CameraFeed(node)

    def close(self) -> None:
        self.camera.close()
        super().close()
