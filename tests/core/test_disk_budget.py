"""The end of the disk is told well before it, and at it no further episode begins."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from dsrl_core.data.folder_lock import FolderLock
from dsrl_core.disk_budget import WARN_EPISODES, DiskBudget, DiskState, disk_health
from dsrl_core.episode_run import Run
from dsrl_core.errors import DsrlError
from dsrl_core.health import Level
from dsrl_core.status import Phase, Waits
from dsrl_core.types import Mode, Outcome
from tests.core.episode_manager_setup import START_NS, final, label, manager_at, recorded

MB = 10**6


def add(folder: Path, number: int, size: int) -> None:
    (folder / f"episode_{number:06d}").mkdir()
    (folder / f"episode_{number:06d}" / "bag.mcap").write_bytes(b"\0" * size)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A disk with 100 MB free."""
    found = SimpleNamespace(f_bavail=100 * MB, f_frsize=1, f_flag=0)
    monkeypatch.setattr(os, "statvfs", lambda _: found)
    return found


def test_episodes_left_go_by_the_present_size(tmp_path: Path, disk: SimpleNamespace) -> None:
    budget = DiskBudget(tmp_path, 0, 20 * MB)
    assert math.isnan(budget.look().episodes_left)
    assert not budget.look().refusal
    add(tmp_path, 0, 3 * MB)
    add(tmp_path, 1, 1 * MB)
    state = budget.look()
    assert (state.used_bytes, state.per_episode_bytes) == (4 * MB, 2 * MB)
    assert state.episodes_left == 40
    assert "about 40 more episodes of 2.0 MB" in state.warning
    assert disk_health(state, "fr3").level is Level.WARN
    disk.f_bavail *= 10
    assert not budget.look().warning
    assert disk_health(budget.look(), "fr3").level is Level.OK


def test_the_run_s_own_limit_counts_too(tmp_path: Path, disk: SimpleNamespace) -> None:
    budget = DiskBudget(tmp_path, 5 * MB, 0)
    add(tmp_path, 0, 2 * MB)
    assert budget.look().episodes_left == 1
    add(tmp_path, 1, 2 * MB)
    state = budget.look()
    assert "0.00 GB of episodes are on disk and 1 MB are left for more; make room" in state.refusal
    assert disk_health(state, "fr3").level is Level.ERROR


def test_the_warning_comes_well_before_the_end() -> None:
    assert DiskState(0, WARN_EPISODES * MB, MB).warning
    assert not DiskState(0, WARN_EPISODES * MB, MB).refusal
    assert not DiskState(0, (WARN_EPISODES + 1) * MB, MB).warning


def test_a_disk_that_is_read_only_or_gone_is_told(tmp_path: Path, disk: SimpleNamespace) -> None:
    disk.f_flag = os.ST_RDONLY
    assert "cannot be written: it is read-only" in DiskBudget(tmp_path, 0, 0).look().refusal
    gone = DiskBudget(tmp_path / "gone", 0, 0).look()
    assert "gone cannot be read: No such file" in gone.refusal


def test_the_running_episode_is_finished_and_no_further_one_begins_until_there_is_room() -> None:
    manager = manager_at(Phase.RUNNING)
    manager.disk("no room")
    assert manager.status.phase is Phase.RUNNING
    manager.requested(final(0))
    manager.label(label(0, Outcome.SUCCESS))
    manager.recorded(recorded(0))
    manager.world_ready(1, START_NS)
    status = manager.status
    assert (status.phase, status.waits_for) == (Phase.READY, Waits.RECORDER)
    assert status.message == "no room"
    manager.disk("", 2 * START_NS)
    assert manager.status.phase is Phase.RUNNING
    assert manager.status.started_ns == 2 * START_NS
    assert not manager.status.message


def test_without_room_a_run_is_refused() -> None:
    manager = manager_at(Phase.RUNNING)
    manager.stop()
    manager.recorded(recorded(0, "invalid"))
    manager.disk("no room")
    with pytest.raises(DsrlError, match="no room"):
        manager.run(Run(Mode.BASE, 1, 1, 0))
    manager.disk("")
    assert manager.run(Run(Mode.BASE, 1, 1, 0)) == 1


def test_two_recorders_on_one_folder_are_refused_with_who_holds_it(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from dsrl_core.data.folder_lock import FolderLock\n"
        "lock = FolderLock(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(DsrlError, match=rf"being recorded by process {other.pid} on .*--out"):
            FolderLock(tmp_path)
        other.kill()
    lock = FolderLock(tmp_path)  # it is gone with its process
    lock.release()
    lock.release()
    FolderLock(tmp_path).release()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DsrlError, match="cannot be written"):
        FolderLock(tmp_path / "file")
