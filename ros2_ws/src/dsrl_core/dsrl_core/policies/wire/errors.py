"""What can go wrong between a policy's server and its client."""

from __future__ import annotations

from dsrl_core.errors import DsrlError


class PolicyUnavailable(DsrlError):
    """The policy server did not answer in time, or answered with an error."""


class PolicyLost(PolicyUnavailable):
    """It did not answer at all: it is slow, hangs, is gone, or does not let this client in."""


class MalformedMessage(DsrlError):
    """Bytes that are no message of ours, or one of arrays that do not fit their data."""
