"""How far an episode is: what every adapter counts, and refuses."""

from __future__ import annotations

from dsrl_core.errors import InvalidValue


class EpisodeClock:
    """Counts the actions of an episode and knows whether one is running."""

    def __init__(self, name: str, max_steps: int) -> None:
        self._name, self._max_steps = name, max_steps
        self._steps, self._is_running = 0, False

    def start(self) -> None:
        self._steps, self._is_running = 0, True

    def require_running(self) -> None:
        """
        Raises:
            InvalidValue: nothing was reset yet, or the episode is over.
        """
        if not self._is_running:
            raise InvalidValue(
                f"environment '{self._name}' was asked for a step, but no episode is running; "
                "expected a reset before"
            )

    def tick(self, is_over: bool) -> bool:
        """Count one action that did or did not end the episode; whether its time is up."""
        self._steps += 1
        is_late = self._steps >= self._max_steps
        self._is_running = not (is_over or is_late)
        return is_late
