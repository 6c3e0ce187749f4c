"""A policy's folder is made from what somebody has: whole and measured, or not at all."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from dsrl_core.catalog import Catalog
from dsrl_core.errors import DsrlError, InvalidFile
from dsrl_core.policies import load_policy, weights_sha256
from dsrl_core.policies.adding import Added, Wanted, add_policy
from dsrl_core.policies.probes import Sample
from dsrl_core.specs import PolicySpec
from tests.core.exported_setup import SAVE, Network, noise, observation
from tests.core.steering_setup import CATALOG

LIKE = CATALOG.policy("franka_pick_flow")
KEYS = {part.name: "observation" for part in LIKE.observation}


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    folder = tmp_path / "policies"
    folder.mkdir()
    return folder


def exported(folder: Path, backend: str) -> Path:
    suffix, save = SAVE[backend]
    path = folder / f"model{suffix}"
    save(Network(), path, observation(), noise())
    return path


def add(
    policies: Path,
    source: Path | str,
    like: PolicySpec | None = LIKE,
    link: bool = False,
    **settings: Any,
) -> Added:
    wanted = Wanted(str(source), "mine", like, settings, link)
    return add_policy(policies, wanted, Sample.random)


@pytest.mark.parametrize("backend", list(SAVE))
def test_an_exported_policy_is_added_measured_and_pinned(
    tmp_path: Path, policies: Path, backend: str
) -> None:
    source = exported(tmp_path, backend)
    added = add(policies, source, keys=KEYS)
    assert added.folder == policies / "mine"
    spec = Catalog(policies=policies).policy("mine")
    assert spec.backend == backend
    assert spec.weights_sha256 == weights_sha256(source)
    assert spec.noise_shape == (4, 5)
    assert load_policy(spec).digest()
    assert "latency" in (added.folder / "CARD.md").read_text()


def test_our_own_weights_are_known_by_their_tensors(policies: Path) -> None:
    added = add(policies, LIKE.weights_path)
    spec = Catalog(policies=policies).policy("mine")
    assert (spec.backend, spec.weights_sha256) == (LIKE.backend, LIKE.weights_sha256)
    assert spec.architecture == LIKE.architecture
    assert "native" in added.recognised.kind


def test_linked_weights_stay_where_they_are(tmp_path: Path, policies: Path) -> None:
    source = exported(tmp_path, "onnx")
    added = add(policies, source, link=True, keys=KEYS)
    weights = Catalog(policies=policies).policy("mine").weights_path
    assert weights.is_symlink()
    assert weights.resolve() == source
    assert added.probes


def test_what_nobody_can_know_is_asked_for(tmp_path: Path, policies: Path) -> None:
    with pytest.raises(InvalidFile, match="this has to be told, by --like POLICY or --set"):
        add(policies, exported(tmp_path, "onnx"), like=None)
    assert list(policies.iterdir()) == []


@pytest.mark.parametrize("name", ["weights.safetensors", "model.onnx", "policy.pt2", "checkpoint"])
def test_a_pickle_is_refused_whatever_its_name_is(
    tmp_path: Path, policies: Path, name: str
) -> None:
    source = tmp_path / name
    source.write_bytes(pickle.dumps({"weights": [1.0]}))
    with pytest.raises(InvalidFile, match=f"{name} is a pickle"):
        add(policies, source)
    assert list(policies.iterdir()) == []


def test_a_policy_that_does_not_fit_leaves_nothing_behind(tmp_path: Path, policies: Path) -> None:
    with pytest.raises(DsrlError, match="takes observation"):
        add(policies, exported(tmp_path, "onnx"), keys={name: "state" for name in KEYS})
    assert list(policies.iterdir()) == []


def test_a_name_that_is_taken_is_not_overwritten(tmp_path: Path, policies: Path) -> None:
    source = exported(tmp_path, "onnx")
    add(policies, source, keys=KEYS)
    before = weights_sha256(policies / "mine")
    with pytest.raises(InvalidFile, match="mine exists"):
        add(policies, source, keys=KEYS)
    assert weights_sha256(policies / "mine") == before


@pytest.mark.parametrize("name", ["../mine", "a/b", "", ".hidden"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, policies: Path, name: str) -> None:
    wanted = Wanted(str(exported(tmp_path, "onnx")), name, LIKE, {"keys": KEYS}, False)
    with pytest.raises(DsrlError):
        add_policy(policies, wanted, Sample.random)
    assert list(policies.iterdir()) == []


def test_a_file_that_is_not_there_is_told(policies: Path, tmp_path: Path) -> None:
    with pytest.raises(DsrlError, match=r"nothing\.onnx"):
        add(policies, tmp_path / "nothing.onnx")
