"""One recorder per folder: a lock that is gone with its process, and says who holds it."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path
from typing import Final

from dsrl_core.errors import DsrlError

LOCK: Final = ".recorder.lock"


class FolderLock:
    """Held from its making until `release`, or the end of the process."""

    def __init__(self, folder: Path) -> None:
        """
        Raises:
            DsrlError: another process records into this folder; says which. Or it cannot be
                written.
        """
        path = folder / LOCK
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise DsrlError(f"{path} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._file, 0)
            os.write(self._file, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        except BlockingIOError as error:
            holder = path.read_text(errors="replace").strip() or "another process"
            self.release()
            raise DsrlError(
                f"episodes in {folder} are being recorded by {holder}; expected one recorder per "
                "folder: end that one, or give another folder with --out"
            ) from error
        except OSError as error:
            self.release()
            raise DsrlError(f"{path} cannot be written: {error.strerror}") from error

    def release(self) -> None:
        """Let another record here; again has no effect."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
