"""Serves the frozen policy to the noise actor, and tells where and which one it is."""

from __future__ import annotations

import torch
from rclpy.executors import Executor

from dsrl_core.policies import load_policy
from dsrl_core.policies.wire import PolicyServer
from dsrl_core.status import PolicyInfo
from dsrl_ros import topics
from dsrl_ros.conversions.learning import policy_to_message
from dsrl_ros.node import DsrlNode, spin
from dsrl_ros.parameters import PolicyServerParameters
from dsrl_ros.paths import catalog, domain, policy_endpoint


class PolicyServerNode(DsrlNode[PolicyServerParameters]):
    """Adapter of `dsrl_core.policies`."""

    def __init__(self) -> None:
        super().__init__("policy_server", PolicyServerParameters)
        torch.set_num_threads(1)
        known = catalog()
        task = known.task(self.parameters.task)
        backend = load_policy(known.policy_of(task, self.parameters.policy))
        endpoint = policy_endpoint(domain(), self.get_namespace())
        self._server = PolicyServer(backend, endpoint)
        self._info = topics.POLICY_INFO.publisher(self)
        spec = backend.spec
        info = PolicyInfo(
            spec.name, backend.digest(), spec.noise_shape, spec.chunk_shape, endpoint, self.now_ns()
        )
        self._info.publish(policy_to_message(info))

    def turn(self, executor: Executor) -> None:
        """Answer requests as they come; ROS gets its turn between them."""
        self._server.serve_once(timeout_s=0.1)
        executor.spin_once(timeout_sec=0.0)

    def close(self) -> None:
        self._server.close()


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable."""
    spin(PolicyServerNode, args)


if __name__ == "__main__":
    main()
