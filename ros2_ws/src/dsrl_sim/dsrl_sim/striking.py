"""Faults that strike a running graph at random moments, and what is seen of it meanwhile."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from franka_msgs.msg import FrankaRobotState

from dsrl_core.data.ledger import LEDGER
from dsrl_core.learning.run_record import CHECKPOINTS
from dsrl_core.status import Phase
from dsrl_ros import topics
from dsrl_ros.session import GraphSession

FLIPPED_BIT: Final = "SIGKILL, bit of a checkpoint"
CUT_LINE: Final = "SIGKILL, half a line in the ledger"
FULL_DISK: Final = "full disk"
_PAUSE_S: Final = (0.1, 3.0)
"""Between two faults."""
_ONE_BY_ONE: Final = 0.8
"""Share of faults after which the next one waits until an episode was finished, for so long:"""
_PATIENCE_S: Final = 60.0
_FROZEN_S: Final = (0.3, 3.0)
_FULL_S: Final = (2.0, 6.0)
_SMALL_DISK_BYTES: Final = 10**9
_WATCHED_S: Final = 5.0
"""What is not held by then was not to be held."""
_LOOK_S: Final = 0.005
_STILL_RAD_S: Final = 0.02
_STILL_FOR_S: Final = 0.5


@dataclass(frozen=True)
class Strike:
    """A fault, how long it took until an episode was over whose end lay behind it, and in real time
    until the arm was held, if it was, and by which rule of safety."""

    kind: str
    node: str
    resumed_s: float
    held_s: float | None = None
    held_by: str = ""


class Faults(threading.Thread):
    """Strikes a running session until it is told to end."""

    def __init__(
        self,
        session: GraphSession,
        out: Path,
        draw: np.random.Generator,
        left: int,
        realtime: bool,
    ) -> None:
        """`left`: how many faults. In real time they strike while the arm works, and it is watched
        when it is held."""
        super().__init__(daemon=True)
        self._arm = _Arm(session) if realtime else None
        self._session, self._out, self._draw, self._left = session, out, draw, left
        self._nodes = [node.name for node in session.graph.nodes]
        self._ending, self._worked = threading.Event(), threading.Event()
        self._open: list[tuple[float, Strike]] = []
        """With the moment of each."""
        self.done: list[Strike] = []

    @property
    def are_spent(self) -> bool:
        return self._left <= 0

    def end(self) -> None:
        """No further fault; those that nothing came after are told with an infinite time."""
        self._ending.set()
        self._worked.set()
        if self.ident is not None:
            self.join()
        self._close(float("inf"))

    def episode_over(self) -> None:
        """An episode was recorded and labelled: what was struck works again."""
        self._worked.set()
        self._close(time.monotonic())

    def _close(self, now_s: float) -> None:
        recovered, self._open = self._open, []
        self.done += [replace(one, resumed_s=now_s - at_s) for at_s, one in recovered]

    def run(self) -> None:
        while self._left > 0 and not self._ending.wait(self._draw.uniform(*_PAUSE_S)):
            node = str(self._draw.choice(self._nodes))
            if node == "franka_sim" and self._draw.random() < 0.8:
                continue  # the graph ends with it
            if self._arm is not None and not self._arm.is_busy:
                continue
            self._worked.clear()
            self._strike(node)
            if self._draw.random() < _ONE_BY_ONE:
                self._worked.wait(_PATIENCE_S)

    def _strike(self, node: str) -> None:
        process = self._session.process_id(node)
        if process is None:
            return
        self._left -= 1
        kind, at_s = self._kind_for(node), time.monotonic()
        self._open.append((at_s, Strike(kind, "" if kind == FULL_DISK else node, float("nan"))))
        if kind == FULL_DISK:
            self._fill_disk()
            return
        try:
            if kind == "SIGSTOP":
                os.kill(process, signal.SIGSTOP)
                self._watch(node, at_s, float(self._draw.uniform(*_FROZEN_S)))
                os.kill(process, signal.SIGCONT)
                return
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            return  # it died of something else meanwhile
        if kind == FLIPPED_BIT:
            self._flip_bit()
        elif kind == CUT_LINE:
            with (self._out / LEDGER).open("ab") as file:
                file.write(b'{"episode": 3, "outcome": "suc')
        self._watch(node, at_s, 0.0)

    def _watch(self, node: str, at_s: float, least_s: float) -> None:
        """For so long at least, and in real time until the arm is held or its episode is over."""
        if self._arm is not None:
            held_s, rule = self._arm.held_after(node, at_s, self._ending)
            self._open = [
                (when_s, replace(one, held_s=held_s, held_by=rule) if when_s == at_s else one)
                for when_s, one in self._open
            ]
        self._ending.wait(max(0.0, at_s + least_s - time.monotonic()))

    def _kind_for(self, node: str) -> str:
        chance = self._draw.random()
        if chance < 0.6:
            return "SIGKILL"
        if chance < 0.8:
            return "SIGSTOP"
        if node == "learner":
            return FLIPPED_BIT
        if node == "episode_manager":
            return CUT_LINE
        return FULL_DISK if self._can_fill_disk and chance > 0.9 else "SIGKILL"

    @property
    def _can_fill_disk(self) -> bool:
        """Whether the run lies on a small disk of its own, which may be filled."""
        return shutil.disk_usage(self._out).total < _SMALL_DISK_BYTES

    def _fill_disk(self) -> None:
        ballast = self._out / "ballast"
        try:
            with ballast.open("wb") as file, suppress(OSError):
                while True:
                    file.write(bytes(2**20))
            self._ending.wait(self._draw.uniform(*_FULL_S))
        finally:
            ballast.unlink()

    def _flip_bit(self) -> None:
        """Of a file that learning goes on from, of which its owner must notice it."""
        memories = sorted((self._out / CHECKPOINTS).glob("*.safetensors"))
        if memories:
            path = memories[int(self._draw.integers(len(memories)))]
            try:
                with path.open("r+b") as file:
                    file.seek(-int(self._draw.integers(1, 64)), os.SEEK_END)
                    byte = file.read(1)
                    file.seek(-1, os.SEEK_CUR)
                    file.write(bytes([byte[0] ^ 1]))
            except OSError:
                pass  # its owner has taken it away


class _Arm:
    """Whether the arm is held or at rest, as the graph's client hears it."""

    def __init__(self, session: GraphSession) -> None:
        self._client = session.client
        self._moved_s = 0.0
        topics.ROBOT_STATE.subscribe(session.client.node, self._on_state)

    @property
    def is_busy(self) -> bool:
        """Whether an episode runs and the arm is free."""
        status = self._client.status
        return status is not None and status.phase is Phase.RUNNING and not self._hold

    def held_after(
        self, node: str, at_s: float, ending: threading.Event
    ) -> tuple[float | None, str]:
        """How long after that moment [s] it was held, and by which rule; None: it was not before
        its episode's end. Without a chunk player nobody tells that: then it is when it moved for
        the last time."""
        while time.monotonic() - at_s < _WATCHED_S and not ending.wait(_LOOK_S):
            if rule := self._hold:
                return time.monotonic() - at_s, rule
            if node == "chunk_player" and time.monotonic() - at_s > _STILL_FOR_S:
                moved_s = max(self._moved_s, at_s)
                if time.monotonic() - moved_s > _STILL_FOR_S:
                    return moved_s - at_s, ""
            elif not self.is_busy:
                break
        return None, ""

    @property
    def _hold(self) -> str:
        return "" if self._client.safety is None else self._client.safety.hold

    def _on_state(self, message: FrankaRobotState) -> None:
        speeds = np.abs(message.measured_joint_state.velocity)
        if speeds.max(initial=0.0) > _STILL_RAD_S:
            self._moved_s = time.monotonic()
