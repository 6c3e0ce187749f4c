"""How a policy is asked from another process or machine: one contract, three ways.

`PolicyServer` and `RemotePolicy` are the fast path between processes of ours; `websocket_server`
and `policies.openpi` speak openpi's protocol.
"""

from dsrl_core.policies.wire.client import RemotePolicy
from dsrl_core.policies.wire.errors import MalformedMessage, PolicyLost, PolicyUnavailable
from dsrl_core.policies.wire.server import PolicyServer

__all__ = ["MalformedMessage", "PolicyLost", "PolicyServer", "PolicyUnavailable", "RemotePolicy"]
