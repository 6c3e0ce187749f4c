"""Film strips outlast the window, where the run is on its machine; elsewhere it says why not."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.data.film_strips import strip_folder
from dsrl_core.operator.heard import Heard
from dsrl_core.status import Phase, RecordedEpisode
from dsrl_core.types import Mode
from rqt_dsrl.films import Films
from tests.core.test_run_report import episode
from tests.rqt.scenes import running, scenery

WAIT_S = 30.0


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder, of which episode 3 has pictures."""
    store = EpisodeStore(tmp_path / "run" / "episodes")
    store.write(episode(2, Mode.TRAIN, 3))
    store.write(episode(3, Mode.TRAIN, 3, images=True))
    return tmp_path / "run"


def heard(run: Path, number: int = 12, host: str = "", **values: object) -> Heard:
    """An episode of a run in this folder plays; those before are on disk."""
    found = running()
    assert found.status is not None
    host = host or socket.gethostname()
    status = replace(found.status, episode=number, host=host, folder=str(run), **values)  # type: ignore[arg-type]
    recorded = {i: RecordedEpisode(i, "", 3, 12, 3, "ended", Mode.TRAIN) for i in range(number)}
    return replace(found, status=status, recorded=recorded)


def until(films: Films, now: Heard, condition: Callable[[], object]) -> None:
    until_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < until_s
        films.see(now)
        time.sleep(0.01)


def filmed(films: Films, run: Path, number: int) -> None:
    films.see(heard(run, number))
    for second in range(5):
        films.add(number, float(second), scenery(second))


def test_strips_are_back_when_the_window_is_opened_anew(run: Path) -> None:
    films = Films()
    filmed(films, run, 11)
    films.see(heard(run, 12))
    filmed(films, run, 12)
    films.close()
    again = Films()
    now = heard(run, 13)
    again.see(now)
    assert again.of(11) == (), "the disk does not hold the window up"
    until(again, now, lambda: again.of(11) and again.of(12))
    assert [seconds for seconds, _ in again.of(11)] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert again.of(12)[0][1].shape == (120, 160, 3)
    again.close()


def test_a_strip_is_kept_as_soon_as_its_episode_is_over(run: Path) -> None:
    films = Films()
    filmed(films, run, 12)
    over = heard(run, 13)
    until(films, over, lambda: strip_folder(run, 12).is_dir())
    assert len(films.of(12)) == 5
    films.close()


def test_an_episode_that_no_window_saw_shows_what_the_policy_saw(run: Path) -> None:
    films = Films()
    now = heard(run)
    films.see(now)
    until(films, now, lambda: films.of(3))
    assert len(films.of(3)) == 4
    assert films.of(2) == (), "it has no cameras"
    films.close()


def test_a_run_on_another_machine_is_told_of_and_its_new_episodes_are_shown(run: Path) -> None:
    films = Films()
    now = heard(run, host="the-cell")
    films.see(now)
    assert "another machine, the-cell" in films.problem
    films.add(12, 0.0, scenery(0))
    assert len(films.of(12)) == 1
    assert films.of(3) == ()
    films.close()
    assert not strip_folder(run, 12).exists()


def test_a_folder_that_cannot_be_seen_is_told_of_and_nothing_is_written_there(
    tmp_path: Path,
) -> None:
    films = Films()
    films.see(heard(tmp_path / "elsewhere"))
    assert "cannot be seen from here" in films.problem
    films.see(heard(tmp_path))
    assert "cannot be seen from here" in films.problem, "no run is in it"
    filmed(films, tmp_path, 12)
    films.close()
    assert not list(tmp_path.iterdir())


def test_another_run_shows_none_of_the_old_ones_pictures(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(run, other)
    films = Films()
    filmed(films, run, 3)
    until(films, heard(other), lambda: len(films.of(3)) == 4)
    assert films.of(3)[0][1].shape != scenery(0).shape
    films.close()
    assert len(list(strip_folder(run, 3).iterdir())) == 5, "the old run's are kept there"
    assert not strip_folder(other, 3).exists()


def test_a_full_disk_is_told_and_the_window_goes_on(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rqt_dsrl.films.write_strip", fails)
    films = Films()
    filmed(films, run, 12)
    now = heard(run, 13, phase=Phase.RESETTING)
    until(films, now, lambda: films.problem)
    assert "No space left" in films.problem
    assert len(films.of(12)) == 5
    films.close()
