"""A learner that is ended at any moment goes on as if it had not been."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.data.ledger import LEDGER, LabelLedger
from dsrl_core.errors import DsrlError
from dsrl_core.learning.checkpoints import Checkpoints
from dsrl_core.learning.feed import Attempt
from dsrl_core.learning.guard import GuardConfig
from dsrl_core.learning.learner import LearnedTask
from dsrl_core.learning.live_run import LiveRun, LiveSettings
from dsrl_core.learning.remembering import Memory
from dsrl_core.learning.resuming import ResumePoints
from dsrl_core.learning.run_record import CHECKPOINTS, read_versions
from dsrl_core.policies import load_policy
from dsrl_core.types import Label, Mode, Outcome
from tests.core.steering_setup import small_policy, small_task
from tests.core.training_run_setup import STEERING, episode_of, label_of

GUARD = GuardConfig(freeze_every=3, rest_episodes=4)


class Cell:
    """A run's folder, and the learner's processes on it, one after the other."""

    def __init__(self, folder: Path, **steering: Any) -> None:
        self.out = folder / "run"
        self.steering = STEERING | steering
        self.policy = load_policy(small_policy(folder))
        self.store, self.ledger = EpisodeStore(self.out / EPISODES), LabelLedger(self.out / LEDGER)
        self.episodes = 0
        self.live = self.started()

    def started(self, resume: bool = True) -> LiveRun:
        task = small_task()
        task = replace(task, steering=replace(task.steering, **self.steering))
        learned = LearnedTask(task, self.policy)
        return LiveRun(self.out, learned, LiveSettings(0, GUARD, resume=resume))

    def restart(self, resume: bool = True) -> None:
        self.live = self.started(resume)

    def record(self, success: bool, mode: Mode = Mode.TRAIN) -> None:
        present = self.live.run.present
        episode = episode_of(self.episodes, mode, present.number if present else 0)
        self.store.write(episode)
        self.live.intake.recorded("", episode.number, Attempt.of(episode))
        self.say(label_of(self.episodes, success))
        self.episodes += 1

    def say(self, label: Label) -> None:
        self.ledger.append(label)

    def work(self, updates: int | None = None) -> None:
        """Take what is new and learn from it, at most so many updates."""
        self.live.take()
        while self.live.run.is_busy and updates != 0:
            self.live.run.work()
            updates = None if updates is None else updates - 1

    @property
    def versions(self) -> dict[int, str]:
        return read_versions(self.out)

    def points(self) -> list[Path]:
        return sorted((self.out / CHECKPOINTS).glob("resume_*.safetensors"))


def script(cell: Cell) -> list[Callable[[], None]]:
    """A session with all that changes what is learned: corrections, measurements, a fall."""
    outcomes = [i % 3 > 0 for i in range(4)] + [True] * 12 + [False] * 14
    steps = [lambda won=won: cell.record(won) for won in outcomes]  # type: ignore[misc]
    steps[4:4] = [
        lambda: cell.record(True, Mode.EVAL),
        lambda: cell.say(label_of(1, success=False)),
        lambda: cell.say(Label(2, Outcome.UNDO, 0.0, "test", 0)),
    ]
    steps.insert(12, lambda: cell.say(Label(3, Outcome.DISCARD, 0.0, "test", 0)))
    return steps


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    cell = Cell(tmp_path_factory.mktemp("whole"))
    for step in script(cell):
        step()
        cell.work()
    assert cell.live.run.guard.status().restored_from > 0, "the guard must have acted"
    return cell.versions


@pytest.mark.parametrize("seed", range(3))
def test_ended_at_any_moments_it_comes_to_the_very_same_weights(
    tmp_path: Path, uninterrupted: dict[int, str], seed: int
) -> None:
    draw = np.random.default_rng(seed)
    cell = Cell(tmp_path)
    for step in script(cell):
        step()
        if draw.random() < 0.2:
            cell.work(int(draw.integers(4)))
            if draw.random() < 0.7:
                cell.live.remember()
                cell.work(1)  # lost again: it happened after the memory was written
            cell.restart()
        cell.work()
    assert cell.versions == uninterrupted


def test_nothing_is_learned_again(tmp_path: Path) -> None:
    cell = Cell(tmp_path)
    for _ in range(5):
        cell.record(success=True)
        cell.work()
    before = cell.live.run.learner
    cell.live.remember()
    cell.restart()
    after = cell.live.run.learner
    assert not cell.live.run.is_busy
    assert (after.updates, after.episodes) == (before.updates, before.episodes)
    assert after.weights() == before.weights()
    assert cell.live.resumed_at == before.weights_version


def test_what_was_said_while_it_was_dead_is_learned_once(tmp_path: Path) -> None:
    cell = Cell(tmp_path)
    for _ in range(4):
        cell.record(success=True)
        cell.work()
    cell.live.remember()
    cell.record(success=False)
    cell.say(label_of(0, success=False))
    cell.restart()
    cell.work()
    resumed = cell.live.run.learner
    cell.restart(resume=False)
    cell.work()
    anew = cell.live.run.learner
    assert (resumed.episodes, resumed.updates) == (anew.episodes, anew.updates) == (5, anew.updates)
    assert resumed.weights() == anew.weights()


def test_only_the_newest_memories_stay_and_one_that_has_not_changed_is_not_written_again(
    tmp_path: Path,
) -> None:
    cell = Cell(tmp_path)
    for _ in range(5):
        cell.record(success=True)
        cell.work()
        cell.live.remember()
    points = cell.points()
    assert len(points) == 2
    written = points[-1].stat().st_mtime_ns
    cell.live.remember()
    assert points[-1].stat().st_mtime_ns == written


def remembered(folder: Path) -> Cell:
    """Two memories, the second of more episodes."""
    cell = Cell(folder)
    for _ in range(2):
        for _ in range(3):
            cell.record(success=True)
            cell.work()
        cell.live.remember()
    return cell


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-50] ^= 1
    path.write_bytes(data)


def of_the_future(path: Path) -> None:
    save_file(load_file(path), path, {"format": "2"})


DAMAGES = {
    "is not what was written": flip,
    "cannot be read": cut,
    "is of format 2; this program reads 1": of_the_future,
}


@pytest.mark.parametrize("told", DAMAGES)
def test_a_damaged_memory_is_set_aside_and_the_one_before_it_taken(
    tmp_path: Path, told: str
) -> None:
    cell = remembered(tmp_path)
    expected = cell.versions
    older, newer = cell.points()
    DAMAGES[told](newer)
    cell.restart()
    assert any(told in problem for problem in cell.live.problems)
    assert newer.with_name(newer.name + ".refused").exists()
    assert older in cell.points()
    assert cell.live.resumed_at > 0
    cell.work()
    assert cell.versions == expected


def test_a_missing_checkpoint_of_the_guard_is_told_and_all_is_learned_again(tmp_path: Path) -> None:
    cell = remembered(tmp_path)
    expected = cell.versions
    for path in (cell.out / CHECKPOINTS).glob("v*.safetensors"):
        path.unlink()
    cell.restart()
    assert cell.live.resumed_at == 0
    assert len(cell.live.problems) == 2
    cell.work()
    assert cell.versions == expected


def test_other_networks_are_refused_by_name(tmp_path: Path) -> None:
    cell = remembered(tmp_path)
    small = cell.steering["settings"]
    cell.steering = cell.steering | {"settings": small | {"learning_rate": 0.5}}
    cell.restart()
    assert cell.live.resumed_at == 0
    assert any("learning_rate was" in problem for problem in cell.live.problems)


def test_a_ledger_that_lost_entries_is_told(tmp_path: Path) -> None:
    cell = remembered(tmp_path)
    ledger = cell.out / LEDGER
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join(lines[:2]))
    cell.restart()
    assert cell.live.resumed_at == 0
    assert "the ledger has 2 entries" in " ".join(cell.live.problems)


def test_an_episode_that_was_changed_is_told(tmp_path: Path) -> None:
    cell = remembered(tmp_path)
    for path in cell.store.path_of(1).iterdir():
        path.unlink()
    cell.store.path_of(1).rmdir()
    cell.restart()
    assert cell.live.resumed_at == 0
    assert "other episodes or labels" in " ".join(cell.live.problems)


def test_a_full_disk_is_told_and_the_older_memory_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = remembered(tmp_path)
    points = cell.points()
    cell.record(success=True)
    cell.work()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dsrl_core.learning.resuming.save_file", full)
    with pytest.raises(Exception, match="No space left"):
        cell.live.remember()
    assert cell.points() == points


def test_a_memory_holds_no_program(tmp_path: Path) -> None:
    path = remembered(tmp_path).points()[-1]
    header = json.loads(path.read_bytes()[8 : 8 + int.from_bytes(path.read_bytes()[:8], "little")])
    json.loads(header["__metadata__"]["facts"])


def test_a_disk_that_cannot_be_written_is_told_by_the_path(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    checkpoints, points = Checkpoints(folder), ResumePoints(folder, {})
    folder.rmdir()
    folder.write_text("a file where the folder should be")
    counters = {"learner": {"counters": {"updates": 1}}, "run": {"entries": 1}}
    with pytest.raises(DsrlError, match=r"could not be written to .*checkpoints"):
        points.keep(Memory({}, counters))
    with pytest.raises(DsrlError, match=r"checkpoint .* could not be written"):
        checkpoints.keep(1, {})
    checkpoints.drop_all_but(set())
