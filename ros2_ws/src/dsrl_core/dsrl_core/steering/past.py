"""Measurements of the last moments, for a policy that sees several observations in a row."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping

_TOLERANCE = 0.1
"""Of the time between two observations: a measurement so little later is still taken for one of
its moment, as a camera's period trembles."""


class Past:
    """What every input was at moments `period_ns` apart, the last `steps` of them.

    A measurement belongs to a moment if it is the newest not later than that. Where an episode is
    younger than a moment its first measurement stands for it, as in Diffusion Policy and LeRobot.
    """

    def __init__(self, steps: int, period_ns: int, age_max_ns: int) -> None:
        self._steps, self._period_ns, self._age_max_ns = steps, period_ns, age_max_ns
        self._stamps: dict[str, list[int]] = {}
        self._values: dict[str, list[object]] = {}
        self._first_ns: dict[str, int] = {}

    def put(self, name: str, stamp_ns: int, value: object) -> None:
        """Keep a measurement, in whatever order they come."""
        if self._steps == 1 or stamp_ns < self._first_ns.get(name, stamp_ns):
            return
        stamps = self._stamps.setdefault(name, [])
        values = self._values.setdefault(name, [])
        place = bisect_left(stamps, stamp_ns)
        if place < len(stamps) and stamps[place] == stamp_ns:
            values[place] = value
        else:
            stamps.insert(place, stamp_ns)
            values.insert(place, value)
        # The moments are counted from a request, to which this input may be as late as allowed.
        needed_ns = stamps[-1] - self._steps * self._period_ns - self._age_max_ns
        surplus = max(bisect_right(stamps, needed_ns) - 1, 0)
        del stamps[:surplus], values[:surplus]

    def begin(self, first_ns: Mapping[str, int]) -> None:
        """An episode begins with the measurements of these stamps; what was before is forgotten."""
        self._first_ns = dict(first_ns)
        for name, stamps in self._stamps.items():
            before = bisect_left(stamps, self._first_ns.get(name, 0))
            del stamps[:before], self._values[name][:before]

    def at(self, now_ns: int, exact: bool) -> list[dict[str, tuple[int, object]]]:
        """Stamp and value of every input at the moments before `now_ns`, newest moment first.

        An input that is not there is left out; see `missing`.
        """
        return [self._moment(now_ns - k * self._period_ns, exact) for k in range(1, self._steps)]

    def _moment(self, moment_ns: int, exact: bool) -> dict[str, tuple[int, object]]:
        """In a lock-step simulation (`exact`) there is a measurement in every period."""
        late_ns = 0 if exact else round(_TOLERANCE * self._period_ns)
        oldest_ns = moment_ns - (self._period_ns - 1 if exact else self._age_max_ns)
        found = {}
        for name, stamps in self._stamps.items():
            place = max(bisect_right(stamps, moment_ns + late_ns) - 1, 0)
            if stamps and stamps[place] >= oldest_ns:
                found[name] = stamps[place], self._values[name][place]
        return found
