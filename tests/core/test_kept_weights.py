"""Versions of the weights stay on disk: a bounded number, the ones that somebody may ask for."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from dsrl_core.errors import DsrlError, UnknownName
from dsrl_core.steering.kept_weights import KeepLimits, KeptWeights


def kept(folder: Path, count: int, size: int = 10) -> KeptWeights:
    weights = KeptWeights(folder)
    for version in range(1, count + 1):
        weights.keep(version, bytes([version]) * size)
    return weights


def test_what_was_kept_is_read_back_by_another_process(tmp_path: Path) -> None:
    kept(tmp_path, 3)
    again = KeptWeights(tmp_path)
    assert again.versions() == [1, 2, 3]
    assert again.read(2) == b"\2" * 10


def test_nothing_is_kept_at_first(tmp_path: Path) -> None:
    assert KeptWeights(tmp_path).versions() == []
    with pytest.raises(UnknownName, match="weights version '3'; available: none"):
        KeptWeights(tmp_path).read(3)


def test_weights_of_the_frozen_policy_are_no_bytes(tmp_path: Path) -> None:
    KeptWeights(tmp_path).keep(4, b"")
    assert KeptWeights(tmp_path).read(4) == b""


def test_half_a_file_is_no_version(tmp_path: Path) -> None:
    weights = kept(tmp_path, 1)
    (weights.folder / "v000002.part").write_bytes(b"half")
    assert weights.versions() == [1]


def test_those_that_stay_are_spread_and_the_newest_is_among_them(tmp_path: Path) -> None:
    weights = KeptWeights(tmp_path)
    for version in range(1, 41):
        weights.keep(version, b"x")
        weights.thin(KeepLimits(versions=8), evaluated=(), needed=())
    stay = weights.versions()
    assert len(stay) == 8
    assert stay[-1] == 40
    assert stay[0] <= 10
    assert max(after - before for before, after in pairwise(stay)) <= 12


def test_evaluated_ones_stay_longest_and_compared_ones_always(tmp_path: Path) -> None:
    weights = kept(tmp_path, 20)
    weights.thin(KeepLimits(versions=4), evaluated={5, 10, 15}, needed={11})
    assert {11, 20} < set(weights.versions())
    assert set(weights.versions()) - {11, 20} < {5, 10, 15}
    assert len(weights.versions()) == 4


def test_disk_is_bounded_too(tmp_path: Path) -> None:
    weights = kept(tmp_path, 10, size=300_000)
    assert len(weights.thin(KeepLimits(megabytes=1.0), (), ())) == 7
    assert len(weights.versions()) == 3


def test_what_is_needed_stays_even_beyond_the_limits(tmp_path: Path) -> None:
    weights = kept(tmp_path, 5)
    weights.thin(KeepLimits(versions=1), (), needed={1, 2, 3})
    assert weights.versions() == [1, 2, 3, 5]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("a file")
    with pytest.raises(DsrlError, match="could not be written"):
        KeptWeights(tmp_path).keep(1, b"x")
