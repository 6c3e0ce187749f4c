"""Small pictures of episodes in a run's folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.data.film_strips import (
    Strip,
    is_run,
    read_strip,
    recorded_strip,
    strip_folder,
    write_strip,
)
from dsrl_core.evaluation.run_data import read_run
from dsrl_core.evaluation.run_report import render_run_report
from dsrl_core.types import Mode
from tests.core.test_run_report import POLICY, episode, folder  # noqa: F401


def strip(count: int) -> Strip:
    """Red on the left, blue on the right, darker by and by."""
    pictures = []
    for index in range(count):
        picture = np.zeros((60, 80, 3), np.uint8)
        picture[:, :40, 0] = picture[:, 40:, 2] = 250 - 20 * index
        pictures.append((1.5 * index, picture))
    return tuple(pictures)


def test_a_strip_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = strip(8)
    write_strip(tmp_path, 12, written)
    found = read_strip(tmp_path, 12)
    assert [seconds for seconds, _ in found] == [seconds for seconds, _ in written]
    for (_, one), (_, other) in zip(written, found, strict=True):
        assert one.shape == other.shape
        assert np.abs(one[:, 5:35].astype(int) - other[:, 5:35]).mean() < 10, "colours too"
    assert read_strip(tmp_path, 13) == ()


def test_a_window_that_has_seen_less_takes_nothing_away(tmp_path: Path) -> None:
    write_strip(tmp_path, 3, strip(6))
    write_strip(tmp_path, 3, strip(2))
    assert len(read_strip(tmp_path, 3)) == 6
    write_strip(tmp_path, 3, strip(8))
    assert len(read_strip(tmp_path, 3)) == 8
    assert [path.name for path in strip_folder(tmp_path, 3).parent.iterdir()] == ["episode_000003"]


def test_what_is_no_picture_is_passed_over(tmp_path: Path) -> None:
    write_strip(tmp_path, 3, strip(3))
    place = strip_folder(tmp_path, 3)
    (place / "000000.10s.webp").write_bytes(b"cut off")
    (place / "holiday.webp").write_bytes((place / "000000.00s.webp").read_bytes())
    assert len(read_strip(tmp_path, 3)) == 3


def test_what_the_policy_saw_makes_a_strip_as_well(folder: Path) -> None:  # noqa: F811
    assert is_run(folder)
    found = recorded_strip(folder, 3, 8)
    assert [seconds for seconds, _ in found] == [0.0, 1.0, 2.0, 3.0]
    assert found[0][1].shape == (8, 20, 3)
    assert recorded_strip(folder, 2, 8) == (), "a policy without cameras"
    assert recorded_strip(folder, 99, 8) == ()


@pytest.mark.parametrize("has_images", [False, True])
def test_a_report_shows_a_failures_strip(folder: Path, has_images: bool) -> None:  # noqa: F811
    number = 3 if has_images else 0
    before = render_run_report([read_run(folder)], {POLICY.name: POLICY}, {})
    write_strip(folder, number, strip(4))
    after = render_run_report([read_run(folder)], {POLICY.name: POLICY}, {})
    more = after.count("data:image/webp") - before.count("data:image/webp")
    assert more == (0 if has_images else 1), "what was recorded goes first"


def test_a_folder_without_episodes_is_no_run(tmp_path: Path) -> None:
    assert not is_run(tmp_path)
    EpisodeStore(tmp_path / "episodes").write(episode(0, Mode.BASE, 0))
    assert is_run(tmp_path)
