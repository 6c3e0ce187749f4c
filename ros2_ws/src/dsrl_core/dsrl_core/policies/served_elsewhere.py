"""A policy that a `PolicyServer` of ours serves on another machine.

In `settings`: `endpoint` (tcp://host:port); `keys`, the folder that `./dsrl policy keys` made for
this robot, relative to the policy's; `timeout_s` for one answer; `connect_s` to wait for the server
at the start; `images` (raw, jpeg or png).
"""

from __future__ import annotations

import time
from typing import Final

from dsrl_core.policies.wire.client import RemotePolicy, endpoint_of
from dsrl_core.policies.wire.errors import PolicyLost
from dsrl_core.policies.wire.metadata import check_metadata
from dsrl_core.policies.worker_process import seconds
from dsrl_core.specs import PolicySpec

_TIMEOUT_S: Final = 2.0
_CONNECT_S: Final = 30.0


class PolicyElsewhere(RemotePolicy):
    """`PolicyBackend` of a server that is not ours to start; calls come from one thread."""

    def __init__(self, spec: PolicySpec) -> None:
        """
        Raises:
            PolicyUnavailable: the server is not there in time, or does not let us in.
            InvalidFile: it serves another policy than the file describes; a setting or key is
                wrong.
        """
        self.endpoint = endpoint_of(spec)
        """Where it is served: whoever has the keys can ask there directly."""
        super().__init__(self.endpoint, spec, seconds(spec, "timeout_s", _TIMEOUT_S))
        until_s = time.monotonic() + seconds(spec, "connect_s", _CONNECT_S)
        try:
            while True:
                try:
                    told = self.metadata()
                    break
                except PolicyLost:
                    if time.monotonic() > until_s:
                        raise
            check_metadata(spec, told, self.endpoint, spec.horizon)
        except BaseException:
            self.close()
            raise
