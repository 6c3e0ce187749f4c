"""The film strips that the window shows: those taken while it is open, and those of before.

They are kept in the run's own folder, where the run is on this machine; a window that is opened
anew reads them there, or makes them of what the policy saw. The disk is a thread's business.
"""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from dsrl_core.data.film_strips import Strip, is_run, read_strip, recorded_strip, write_strip
from dsrl_core.operator.heard import Heard
from dsrl_core.types import UInt8Array
from rqt_dsrl.film_strips import FRAMES_MAX, FilmStrips, small

_CLOSE_S: Final = 5.0


class Films:
    """Strips by episode. All but `_work` is called by the window alone."""

    def __init__(self, host: str = "") -> None:
        """`host`: name of this machine; empty: as it is called."""
        self._host = host or socket.gethostname()
        self._taken = FilmStrips()
        self._place = ("", "")
        self._run: Path | None = None
        self._recorded: frozenset[int] = frozenset()
        self._asked: set[int] = set()
        self._filmed: int | None = None
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._read: queue.SimpleQueue[tuple[Path, int, Strip]] = queue.SimpleQueue()
        self._refusal = ""
        self.problem = ""
        """Why pictures of before are not shown, or will not outlast the window; empty: they are."""
        self._thread = threading.Thread(target=self._work, name="film_strips", daemon=True)
        self._thread.start()

    def see(self, heard: Heard) -> bool:
        """Follow the graph, which may be another run now; whether a strip has come."""
        status = heard.status
        if status is not None and (status.host, status.folder) != self._place:
            self._go_to(status.host, status.folder)
        self._recorded = frozenset(heard.recorded)
        is_past = status is not None and status.episode != self._filmed
        if is_past or self._filmed in self._recorded:
            self._keep()
        return self._take_in()

    def add(self, episode: int, elapsed_s: float, image: UInt8Array) -> bool:
        """Take a picture (height, width, 3) of the running episode; whether it was taken."""
        self._filmed = episode
        return self._taken.add(episode, elapsed_s, image)

    def of(self, episode: int) -> Strip:
        """Seconds into the episode and small picture; what is on disk comes a little later."""
        strip = self._taken.of(episode)
        run = self._run
        if strip or run is None:
            return strip
        if episode in self._recorded and episode not in self._asked:
            self._asked.add(episode)
            self._jobs.put(lambda: self._fetch(run, episode))
        return strip

    def close(self) -> None:
        """Keep what was taken; called once."""
        self._keep()
        self._jobs.put(None)
        self._thread.join(_CLOSE_S)

    # Inside.

    def _go_to(self, host: str, folder: str) -> None:
        self._keep()
        if self._place != ("", ""):
            # Another run's episodes have the same numbers.
            self._taken = FilmStrips()
        self._place, self._run, self._refusal = (host, folder), None, ""
        self._asked = set()
        if not folder:
            self.problem = ""
        elif host != self._host:
            self.problem = (
                f"the run is on another machine, {host}: of episodes before this window was "
                "opened there are no pictures here"
            )
        elif not is_run(Path(folder)):
            self.problem = f"the run's folder {folder} cannot be seen from here (a container?)"
        else:
            self._run, self.problem = Path(folder), ""

    def _keep(self) -> None:
        """Of the episode that was filmed last."""
        episode, run = self._filmed, self._run
        self._filmed = None
        if episode is None or run is None:
            return
        strip = self._taken.of(episode)
        if strip:
            self._jobs.put(lambda: self._write(run, episode, strip))

    def _take_in(self) -> bool:
        """What the thread has read."""
        self.problem = self._refusal or self.problem
        has_come = False
        while not self._read.empty():
            run, episode, strip = self._read.get()
            if run == self._run and not self._taken.of(episode):
                self._taken.put(episode, strip)
                has_come = True
        return has_come

    # In the thread.

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _write(self, run: Path, episode: int, strip: Strip) -> None:
        try:
            write_strip(run, episode, strip)
        except OSError as error:
            self._refusal = f"film strips cannot be kept: {error}"

    def _fetch(self, run: Path, episode: int) -> None:
        strip = read_strip(run, episode)
        if not strip:
            seen = recorded_strip(run, episode, FRAMES_MAX)
            strip = tuple((seconds, small(image)) for seconds, image in seen)
        if strip:
            self._read.put((run, episode, strip))
