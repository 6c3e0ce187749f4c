"""What a person asks of the episode manager beside labels on a topic: plain services, for any tool.

| service | type | does |
|---|---|---|
| `episode_manager/pause` | SetBool | true: no further episode begins; false: the run goes on |
| `episode_manager/label` | LabelEpisode | says how an episode went, and what became of the word |
| `episode_manager/{success,failure,discard,undo}` | Trigger | the same of the present episode |
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from std_srvs.srv import SetBool, Trigger

from dsrl_core.episode_labels import chosen_episode, conflict
from dsrl_core.episode_manager import EpisodeManager
from dsrl_core.episode_run import Ledger
from dsrl_core.errors import DsrlError
from dsrl_core.types import Label, Outcome
from dsrl_interfaces.srv import LabelEpisode
from dsrl_ros import topics
from dsrl_ros.conversions.basics import time_from_message
from dsrl_ros.node import DsrlNode

_AUTHOR: Final = "service"
BUTTONS: Final = (Outcome.SUCCESS, Outcome.FAILURE, Outcome.DISCARD, Outcome.UNDO)
"""Each has a service of its own, without any argument."""


class OperatorServices:
    """`say` writes a label and tells the graph of it; `after` follows up on what has changed."""

    def __init__(
        self,
        node: DsrlNode[Any],
        manager: EpisodeManager,
        ledger: Ledger,
        say: Callable[[Label], Label],
        after: Callable[[], None],
    ) -> None:
        self._node, self._manager, self._ledger = node, manager, ledger
        self._say, self._after = say, after
        node.create_service(SetBool, topics.PAUSE_SERVICE, self._on_pause)
        node.create_service(LabelEpisode, topics.LABEL_SERVICE, self._on_label)
        for outcome in BUTTONS:
            node.create_service(
                Trigger, topics.button_service(outcome), partial(self._on_button, outcome)
            )

    def _on_pause(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        if request.data:
            self._manager.pause()
            response.message = "no further episode begins"
        else:
            self._manager.go_on(self._node.now_ns())
            response.message = "the run goes on"
        self._after()
        response.success = True
        return response

    def _on_label(
        self, request: LabelEpisode.Request, response: LabelEpisode.Response
    ) -> LabelEpisode.Response:
        try:
            if request.outcome not in tuple(Outcome):
                raise DsrlError(
                    f"unknown outcome '{request.outcome}'; available: {', '.join(Outcome)}"
                )
            written = self._write(
                Outcome(request.outcome),
                request.author or _AUTHOR,
                None if request.episode < 0 else int(request.episode),
                request.reward if request.reward >= 0 else None,
                note=request.note,
                supersedes=request.supersedes,
                moment_ns=time_from_message(request.moment),
            )
        except DsrlError as error:
            response.message = str(error)
        else:
            response.accepted, response.entry = True, written.entry
            response.episode, response.supersedes = written.episode, written.supersedes
            response.message = conflict(self._ledger, written)
        return response

    def _on_button(
        self, outcome: Outcome, _: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        try:
            written = self._write(outcome, _AUTHOR)
        except DsrlError as error:
            response.message = str(error)
        else:
            response.success = True
            response.message = (
                conflict(self._ledger, written) or f"episode {written.episode}: {outcome}"
            )
        return response

    def _write(
        self,
        outcome: Outcome,
        author: str,
        episode: int | None = None,
        reward: float | None = None,
        **more: Any,
    ) -> Label:
        """
        Raises:
            DsrlError: the label is refused.
        """
        if episode is None:
            episode = chosen_episode(self._ledger, self._manager.status, outcome)
        if reward is None:
            reward = 1.0 if outcome is Outcome.SUCCESS else 0.0
        return self._say(Label(episode, outcome, reward, author, self._node.now_ns(), **more))
