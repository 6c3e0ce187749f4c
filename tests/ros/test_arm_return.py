"""Who was asked to bring the arm to its start may be killed, and takes the question with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import rclpy
from rclpy.action import ActionServer, CancelResponse
from rclpy.context import Context
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future

from dsrl_interfaces.action import ReturnToStart
from dsrl_ros import topics
from dsrl_ros.arm_return import ArmReturn
from dsrl_ros.machine import DomainLock
from dsrl_ros.paths import domain

PATIENCE_S = 15.0
SILENT_S, ANSWER_S = 0.3, 1.5
JOINTS = np.zeros(7)


class Player:
    """Stands in for the chunk player: what it does with each goal is told by name."""

    def __init__(self, node: Node, *does: str) -> None:
        self._does = list(does)
        self.asked, self.cancelled = 0, 0
        self._forgotten: list[Future] = []
        self._server = ActionServer(
            node, ReturnToStart, topics.RETURN_ACTION, self._execute, cancel_callback=self._cancel
        )

    def close(self) -> None:
        for future in self._forgotten:
            future.set_result(None)
        self._server.destroy()

    def _cancel(self, _: Any) -> CancelResponse:
        self.cancelled += 1
        return CancelResponse.ACCEPT

    async def _execute(self, handle: Any) -> ReturnToStart.Result:
        does = self._does[min(self.asked, len(self._does) - 1)]
        self.asked += 1
        if does == "forgets":
            self._forgotten.append(Future())
            await self._forgotten[-1]
        if does == "fails":
            handle.abort()
            return ReturnToStart.Result(success=False, message="a joint stands away")
        handle.succeed()
        return ReturnToStart.Result(success=True)


class Asking:
    """An `ArmReturn`, what it told, and time that goes on."""

    def __init__(self) -> None:
        self._lock = DomainLock(domain())
        self._context = Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self.node = Node("asking", context=self._context)
        self._executor = EventsExecutor(context=self._context)
        self._executor.add_node(self.node)
        self.told: list[str] = []
        self.arm = ArmReturn(self.node, self.told.append, SILENT_S, ANSWER_S)
        self._players: list[Player] = []

    def player(self, *does: str) -> Player:
        self._players.append(Player(self.node, *does))
        return self._players[-1]

    def until(self, condition: Callable[[], bool]) -> None:
        until_s = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < until_s
            self._executor.spin_once(timeout_sec=0.02)
            self.arm.poll()

    def close(self) -> None:
        for player in self._players:
            player.close()
        self._executor.remove_node(self.node)
        self._executor.shutdown()
        self.node.destroy_node()
        self._context.try_shutdown()
        self._lock.release()


@pytest.fixture
def asking() -> Iterator[Asking]:
    made = Asking()
    yield made
    made.close()


def test_a_player_that_forgets_is_asked_again(asking: Asking) -> None:
    player = asking.player("forgets", "forgets", "moves")
    asking.arm.begin(JOINTS)
    asking.until(lambda: bool(asking.told))
    assert asking.told == [""]
    assert player.asked >= 3


def test_a_player_that_never_tells_is_given_up(asking: Asking) -> None:
    asking.player("forgets")
    asking.arm.begin(JOINTS)
    asking.until(lambda: bool(asking.told))
    assert asking.told == ["the chunk player does not answer"]
    assert not asking.arm.is_under_way


def test_without_any_player_it_is_told(asking: Asking) -> None:
    asking.arm.begin(JOINTS)
    asking.until(lambda: bool(asking.told))
    assert asking.told == ["the chunk player does not answer"]


def test_a_failure_is_told_and_not_tried_again(asking: Asking) -> None:
    player = asking.player("fails")
    asking.arm.begin(JOINTS)
    asking.until(lambda: bool(asking.told))
    assert asking.told == ["a joint stands away"]
    assert player.asked == 1


def test_what_is_dropped_is_cancelled_and_tells_nothing(asking: Asking) -> None:
    player = asking.player("forgets", "moves")
    asking.arm.begin(JOINTS)
    asking.until(lambda: player.asked == 1)
    asking.arm.drop()
    asking.until(lambda: player.cancelled == 1)
    asking.arm.begin(JOINTS)
    asking.until(lambda: bool(asking.told))
    assert asking.told == [""]
