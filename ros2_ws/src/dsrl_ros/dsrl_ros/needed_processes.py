"""The processes that an episode needs, as the one that begins episodes sees them come and go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from dsrl_core.health import processes_health
from dsrl_ros import topics
from dsrl_ros.conversions.learning import health_to_message
from dsrl_ros.node import DsrlNode

_LIVE_BY: Final = {
    "chunk_player": topics.CHUNK_REQUEST,
    "noise_actor": topics.ACTION_CHUNK,
    "policy_server": topics.POLICY_INFO,
    "rollout_recorder": topics.EPISODE_RECORDED,
}
"""A topic of each, by which it is known to live."""


class NeededProcesses:
    """Which of them are away: were there, and are gone."""

    def __init__(
        self,
        node: DsrlNode[Any],
        callbacks: Mapping[str, Callable[[Any], None]],
        on_change: Callable[[str], None],
    ) -> None:
        """`callbacks`: who hears the topics' messages, by process; `on_change`: who is told which
        process came or went."""
        self._node, self._diagnostics = node, topics.DIAGNOSTICS.publisher(node)
        self._away: dict[str, None] = {}
        self._on_change = on_change
        for name, topic in _LIVE_BY.items():
            lost, back = partial(self._lost, name), partial(self._back, name)
            if name in callbacks:
                topic.subscribe(node, callbacks[name], lost, back)
            else:
                topic.subscribe(node, lambda _: None, lost, back, raw=True)

    def tell(self) -> None:
        """On `/diagnostics`: who is away."""
        node = self._node
        health = processes_health(self.away, tuple(_LIVE_BY), node.get_namespace().strip("/"))
        self._diagnostics.publish(health_to_message(health, node.now_ns()))

    @property
    def away(self) -> tuple[str, ...]:
        return tuple(self._away)

    def _lost(self, name: str) -> None:
        self._away[name] = None
        self._on_change(name)

    def _back(self, name: str) -> None:
        if name in self._away:
            del self._away[name]
            self._on_change(name)
