"""Policies that were exported: they give what their makers' code gives, or are refused."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dsrl_core.errors import InvalidFile, InvalidValue
from dsrl_core.policies import load_policy, weights_sha256
from dsrl_core.policies.exported_archive import check_exported
from dsrl_core.specs import PolicySpec
from tests.core.exported_setup import (
    SAVE,
    Network,
    Seeing,
    noise,
    observation,
    save_onnx,
    seeing_exported_policy,
    small_exported_policy,
    two_part_policy,
)
from tests.core.vision_setup import random_views

NOISES = np.random.default_rng(0).standard_normal((3, 4, 5), dtype=np.float32)
backends = pytest.mark.parametrize("backend", list(SAVE))


def changed(spec: PolicySpec, **values: Any) -> PolicySpec:
    return replace(spec, **values)


@backends
def test_it_gives_what_the_network_gives(tmp_path: Path, backend: str) -> None:
    policy = load_policy(small_exported_policy(backend, tmp_path))
    values, _ = random_views(policy.spec, 3)
    with torch.no_grad():
        expected = Network()(torch.from_numpy(values), torch.from_numpy(NOISES)).numpy()
    found = policy.decode(policy.encode(values), NOISES)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@backends
def test_it_sees_images_as_its_makers_meant_them(tmp_path: Path, backend: str) -> None:
    policy = load_policy(seeing_exported_policy(backend, tmp_path))
    values, images = random_views(policy.spec, 3)
    assert images is not None
    pixels = torch.from_numpy(images[:, 0]).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        expected = Seeing()(torch.from_numpy(values), pixels, torch.from_numpy(NOISES)).numpy()
    found = policy.decode(policy.encode(values, images), NOISES)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@backends
def test_an_encoder_runs_once_for_many_noises(tmp_path: Path, backend: str) -> None:
    policy = load_policy(two_part_policy(backend, tmp_path))
    values, _ = random_views(policy.spec, 1)
    encoded = policy.encode(values)
    np.testing.assert_allclose(
        encoded.features, np.concatenate([values, values**2], axis=1), atol=1e-6
    )
    together = policy.decode(encoded, NOISES)
    alone = np.concatenate([policy.decode(encoded, row[None]) for row in NOISES])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_a_model_of_one_row_at_a_time_serves_batches(tmp_path: Path) -> None:
    spec = small_exported_policy("onnx", tmp_path)
    save_onnx(Network(), spec.weights_path, observation(2), noise(2), batch=False)
    policy = load_policy(replace(spec, weights_sha256=weights_sha256(spec.weights_path)))
    values, _ = random_views(spec, 1)
    with torch.no_grad():
        rows = torch.from_numpy(np.repeat(values, 3, axis=0))
        expected = Network()(rows, torch.from_numpy(NOISES)).numpy()
    np.testing.assert_allclose(policy.decode(policy.encode(values), NOISES), expected, atol=1e-6)


@backends
def test_a_policy_file_of_another_horizon_is_refused(tmp_path: Path, backend: str) -> None:
    spec = small_exported_policy(backend, tmp_path)
    with pytest.raises(InvalidFile, match=r"policy"):
        load_policy(changed(spec, horizon=8))


@backends
def test_a_file_of_another_kind_is_refused(tmp_path: Path, backend: str) -> None:
    spec = small_exported_policy(backend, tmp_path)
    spec.weights_path.write_bytes(b"nothing that anybody exported")
    digest = weights_sha256(spec.weights_path)
    with pytest.raises(InvalidFile, match=spec.weights_path.name):
        load_policy(changed(spec, weights_sha256=digest))


def test_inputs_that_the_graph_does_not_know_are_named_with_those_that_it_knows(
    tmp_path: Path,
) -> None:
    spec = small_exported_policy("onnx", tmp_path)
    with pytest.raises(InvalidFile, match=r"takes observation \[9\] tensor\(float\), noise"):
        load_policy(changed(spec, keys={}))
    with pytest.raises(InvalidFile, match="gives observation, w"):
        load_policy(changed(spec, settings={"noise_key": "w"}))
    fewer = changed(spec, observation=spec.observation[:-1], keys=dict(list(spec.keys.items())[:4]))
    with pytest.raises(InvalidFile, match=r"observation \[9\].*gives \(8,\)"):
        load_policy(fewer)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"image_layout": "whc"}, "available: hwc, chw"),
        ({"image_values": "float"}, "available: uint8, unit"),
        ({"batch": 0}, "settings.batch is 0"),
    ],
)
def test_settings_that_there_are_not_are_refused(
    tmp_path: Path, settings: dict[str, Any], words: str
) -> None:
    spec = small_exported_policy("torchscript", tmp_path)
    with pytest.raises(InvalidFile, match=words):
        load_policy(changed(spec, settings=settings))


def test_a_folder_with_one_part_missing_is_refused(tmp_path: Path) -> None:
    spec = two_part_policy("onnx", tmp_path)
    (spec.weights_path / "decode.onnx").unlink()
    digest = weights_sha256(spec.weights_path)
    with pytest.raises(InvalidFile, match=r"lacks decode\.onnx"):
        load_policy(changed(spec, weights_sha256=digest))


@backends
@pytest.mark.parametrize(
    "noises",
    [
        NOISES.astype(np.float64),
        np.asfortranarray(NOISES),
        np.repeat(NOISES, 2, axis=0)[::2],
        np.frombuffer(NOISES.tobytes(), np.float32).reshape(NOISES.shape),
    ],
    ids=["float64", "fortran", "strided", "read-only"],
)
def test_noises_in_any_form_of_memory_give_the_same(
    tmp_path: Path, backend: str, noises: np.ndarray
) -> None:
    policy = load_policy(small_exported_policy(backend, tmp_path))
    encoded = policy.encode(random_views(policy.spec, 1)[0])
    np.testing.assert_array_equal(policy.decode(encoded, noises), policy.decode(encoded, NOISES))


@backends
def test_a_model_that_gives_no_numbers_is_refused_at_the_decision(
    tmp_path: Path, backend: str
) -> None:
    policy = load_policy(small_exported_policy(backend, tmp_path))
    values = np.full((1, 9), 1.0, np.float32)
    with pytest.raises(InvalidValue, match="finite"):
        policy.decode(policy.encode(values), np.full((1, 4, 5), np.nan, np.float32))


# What a .pt2 file may not do.


class Evil:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return exec, ("import pathlib; pathlib.Path('/tmp/dsrl_evil').touch()",)


def program(tmp_path: Path) -> dict[str, bytes]:
    spec = small_exported_policy("torch_export", tmp_path)
    with zipfile.ZipFile(spec.weights_path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def place_of(files: dict[str, bytes], end: str) -> str:
    return next(name for name in files if name.endswith(end))


def test_what_torch_export_writes_is_taken(tmp_path: Path) -> None:
    check_exported(packed(program(tmp_path)), tmp_path)


def test_pickled_sample_inputs_are_not_loaded(tmp_path: Path) -> None:
    files = program(tmp_path)
    files[place_of(files, "sample_inputs/model.pt")] = pickle.dumps(Evil())
    with pytest.raises(InvalidFile, match="more than tensors"):
        check_exported(packed(files), tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"use_pickle": false', '"use_pickle": true', "pickled objects"),
        ("torch.ops.aten.tanh.default", "torch.os.system", "calls 'torch.os.system'"),
        ("torch.ops.aten.tanh.default", "_operator.call", "calls '_operator.call'"),
        ("Symbol(", "__import__(", "where a size is expected"),
        ("L['noise'].size()[0]", "exec('x')", "speak of more than sizes"),
    ],
)
def test_a_program_that_names_more_than_operations_on_tensors_is_refused(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    files = program(tmp_path)
    found = [name for name, content in files.items() if old.encode() in content]
    assert found, old
    for name in found:
        files[name] = files[name].replace(old.encode(), new.encode())
        json.loads(files[name])
    with pytest.raises(InvalidFile, match=words):
        check_exported(packed(files), tmp_path)


def test_an_archive_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="save it again"):
        check_exported(packed({"data.pkl": pickle.dumps(Evil())}), tmp_path)
