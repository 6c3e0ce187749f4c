"""Are the inputs of a decision there and fresh enough? Never a zero-fill, never a stale value."""

from __future__ import annotations

from collections.abc import Sequence

from dsrl_core.errors import UnknownName
from dsrl_core.steering.observation import RobotInputs


class InputGate:
    """Keeps the newest value of each input and tells when a decision may be made of them.

    `inputs`: names, see `observation.needed_inputs`. An input must be younger than `age_max_ns` at
    the request; if it is asked to be `exact`, as new as the request: in a lock-step simulation,
    where the world stands still until the decision has come, and for what closes an episode, which
    is to show what came of the last decision.
    """

    def __init__(self, inputs: Sequence[str], age_max_ns: int) -> None:
        self._inputs = tuple(inputs)
        self._age_max_ns = age_max_ns
        self._values: dict[str, object] = {}
        self._stamps: dict[str, int] = {}

    def put(self, name: str, stamp_ns: int, value: object) -> None:
        """Take a new value; one that is older than the present one is dropped."""
        if name not in self._inputs:
            raise UnknownName("input", name, self._inputs)
        if stamp_ns >= self._stamps.get(name, stamp_ns):
            self._stamps[name], self._values[name] = stamp_ns, value

    def take(self, request_stamp_ns: int, exact: bool) -> tuple[int, RobotInputs] | None:
        """Stamp of the oldest input and all of them, or None while one is missing or too old."""
        if len(self._stamps) < len(self._inputs):
            return None
        stamp_ns = min(self._stamps.values())
        if stamp_ns < self._oldest_accepted_ns(request_stamp_ns, exact):
            return None
        return stamp_ns, RobotInputs(**self._values)  # type: ignore[arg-type]

    @property
    def stamps_ns(self) -> dict[str, int]:
        """Stamp of the present value of every input that was heard."""
        return dict(self._stamps)

    def never_heard(self) -> str:
        """Inputs that have never come, for people; empty: none."""
        return ", ".join(name for name in self._inputs if name not in self._stamps)

    def missing(self, request_stamp_ns: int, exact: bool) -> str:
        """What is waited for, for people."""
        limit_ns = self._oldest_accepted_ns(request_stamp_ns, exact)
        parts = []
        for name in self._inputs:
            if name not in self._stamps:
                parts.append(f"{name} (never heard)")
            elif self._stamps[name] < limit_ns:
                parts.append(f"{name} ({(request_stamp_ns - self._stamps[name]) / 1e9:.3f} s old)")
        return ", ".join(parts)

    def _oldest_accepted_ns(self, request_stamp_ns: int, exact: bool) -> int:
        return request_stamp_ns - (0 if exact else self._age_max_ns)
