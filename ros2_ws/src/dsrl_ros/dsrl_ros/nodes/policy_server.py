"""Serves the frozen policy to the noise actor, and tells where and which one it is."""

from __future__ import annotations

from contextlib import closing

import torch
from rclpy.executors import Executor

from dsrl_core.errors import DsrlError
from dsrl_core.policies import PolicyBackend, load_policy
from dsrl_core.policies.probes import require_steerable
from dsrl_core.policies.served_elsewhere import PolicyElsewhere
from dsrl_core.policies.serving_thread import Server, ServingThread
from dsrl_core.policies.wire import PolicyServer
from dsrl_core.specs import PolicySpec
from dsrl_core.status import PolicyInfo
from dsrl_ros import topics
from dsrl_ros.conversions.learning import policy_to_message
from dsrl_ros.namespaces import robot_names
from dsrl_ros.node import DsrlNode, spin
from dsrl_ros.parameters import PolicyServerParameters
from dsrl_ros.paths import catalog, domain, policy_endpoint


class PolicyServerNode(DsrlNode[PolicyServerParameters]):
    """Adapter of `dsrl_core.policies`; a thread of its own answers, this one is ROS's."""

    def __init__(self) -> None:
        super().__init__("policy_server", PolicyServerParameters)
        known = catalog()
        spec = known.policy_of(known.task(self.parameters.task), self.parameters.policy)
        self._serving: ServingThread | None = None
        if spec.backend == "remote":
            # Noise actors ask there themselves: a way round over this process would only take time.
            with closing(PolicyElsewhere(spec)) as served:
                require_steerable(served)
                endpoint, digest = served.endpoint, served.digest()
        else:
            endpoint = policy_endpoint(domain(), self.get_namespace())
            digests: list[str] = []

            def serve(backend: PolicyBackend) -> Server:
                digests.append(backend.digest())
                return PolicyServer(backend, endpoint)

            self._serving = ServingThread(lambda: _loaded(spec), serve)
            digest = digests[0]
        robots = robot_names(self.parameters.robots)
        self._info = [
            topics.of_robot(topics.POLICY_INFO, robot).publisher(self) for robot in ("", *robots)
        ]
        info = PolicyInfo(
            spec.name, digest, spec.noise_shape, spec.chunk_shape, endpoint, self.now_ns()
        )
        for publisher in self._info:
            publisher.publish(policy_to_message(info))

    def turn(self, executor: Executor) -> None:
        if self._serving is not None:
            self._serving.check()
        super().turn(executor)

    def close(self) -> None:
        if self._serving is not None:
            self._serving.close()


def _loaded(spec: PolicySpec) -> PolicyBackend:
    """In the thread in which the policy runs: torch's threads are set for each."""
    torch.set_num_threads(1)
    backend = load_policy(spec)
    try:
        require_steerable(backend)
    except DsrlError:
        backend.close()
        raise
    return backend


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable."""
    spin(PolicyServerNode, args)


if __name__ == "__main__":
    main()
