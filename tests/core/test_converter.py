"""Checkpoints that are pickles: read once, by a process that can do nothing else."""

from __future__ import annotations

import json
import os
import pickle
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from dsrl_core.errors import DsrlError, InvalidFile
from dsrl_core.policies import load_policy
from dsrl_core.policies.converters import conversion
from dsrl_core.policies.converters.conversion import convert_checkpoint
from dsrl_core.policies.converters.plain_pickle import plain, read_checkpoint
from dsrl_core.policies.networks import NetworkShape
from dsrl_core.policies.unet import UnetNetwork
from dsrl_core.specs import ActionSpec, FieldSpec, PolicySpec

STEPS, OBSERVATION, ACTION, ROWS = 2, 3, 2, 8
SHAPE = NetworkShape(STEPS * OBSERVATION, ROWS, ACTION, width=16, layers=2)
AUTHORS = (
    (r"^time\.0\.", "diffusion_step_encoder.1."),
    (r"^time\.2\.", "diffusion_step_encoder.3."),
    (r"^shrink\.(\d)\.", r"down_modules.\1.2.conv."),
    (r"^grow\.(\d)\.", r"up_modules.\1.2.conv."),
    (r"^down\.(\d)\.(\d)\.", r"down_modules.\1.\2."),
    (r"^middle\.(\d)\.", r"mid_modules.\1."),
    (r"^up\.(\d)\.(\d)\.", r"up_modules.\1.\2."),
    (r"^last\.0\.(\d)\.", r"final_conv.0.block.\1."),
    (r"^last\.1\.", "final_conv.1."),
    (r"enter\.(\d)\.", r"blocks.0.block.\1."),
    (r"leave\.(\d)\.", r"blocks.1.block.\1."),
    (r"film\.", "cond_encoder.1."),
    (r"around\.", "residual_conv."),
)
"""Our names as the authors' code has them."""


def authors_weights(network: UnetNetwork, scale: float, offset: float) -> dict[str, torch.Tensor]:
    """A network's weights as a checkpoint of theirs holds them, and a normaliser."""
    found = {}
    for name, value in network.state_dict().items():
        if name.endswith(("_mean", "_std")):
            continue
        for ours, theirs in AUTHORS:
            name = re.sub(ours, theirs, name)
        found[f"model.{name}"] = value.clone()
    for key, size in (("obs", OBSERVATION), ("action", ACTION)):
        params = f"normalizer.params_dict.{key}"
        found[f"{params}.scale"] = torch.full((size,), scale) + torch.arange(size)
        found[f"{params}.offset"] = torch.full((size,), offset) + torch.arange(size)
    return found


def configuration(**changes: Any) -> dict[str, Any]:
    scheduler = {
        "num_train_timesteps": 100,
        "beta_schedule": "squaredcos_cap_v2",
        "clip_sample": False,
        "prediction_type": "epsilon",
    }
    policy = {
        "_target_": "diffusion_policy.policy.DiffusionUnetLowdimPolicy",
        "horizon": "${horizon}",
        "n_obs_steps": STEPS,
        "n_action_steps": 4,
        "obs_as_global_cond": True,
        "oa_step_convention": True,
        "noise_scheduler": scheduler,
    }
    return {"horizon": ROWS, "training": {"use_ema": True}, "policy": policy | changes}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Callable[..., Path]:
    """Writes a checkpoint as theirs are, its policy's configuration changed by these."""

    def written(**changes: Any) -> Path:
        torch.manual_seed(0)
        weights = authors_weights(UnetNetwork(SHAPE), 2.0, 0.5)
        other = {name: torch.zeros_like(value) for name, value in weights.items()}
        path = tmp_path / "latest.ckpt"
        content = {
            "cfg": configuration(**changes),
            "state_dicts": {"model": other, "ema_model": weights, "optimizer": {"state": {}}},
            "pickles": {"epoch": pickle.dumps(7)},
        }
        torch.save(content, path)
        return path

    return written


def test_a_converted_policy_is_the_network_that_was_trained(
    checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    done = convert_checkpoint(checkpoint(), tmp_path / "out")
    assert {path.name for path in done.folder.iterdir()} == {"policy.json", "weights.safetensors"}
    assert json.loads((done.folder / "policy.json").read_text()) == done.policy
    spec = PolicySpec(
        name="converted",
        description="",
        observation=(FieldSpec("state", OBSERVATION),),
        action=ActionSpec("tool_delta", (FieldSpec("motion", ACTION),), 0.1),
        folder=done.folder,
        **done.policy,
    )
    assert (spec.horizon, spec.noise_shape, spec.observation_steps) == (4, (ROWS, ACTION), STEPS)
    values = np.arange(STEPS * OBSERVATION, dtype=np.float32)[None] / 10
    noises = np.random.default_rng(0).standard_normal((1, ROWS, ACTION), dtype=np.float32)
    policy = load_policy(spec)
    chunk = policy.decode(policy.encode(values), noises)

    # The same by the trained network itself: oldest observation first, their normaliser.
    torch.manual_seed(0)
    trained = UnetNetwork(SHAPE).eval()
    columns, rows = torch.arange(OBSERVATION), torch.arange(ACTION)
    oldest_first = torch.from_numpy(values.reshape(STEPS, OBSERVATION)[::-1].copy())
    seen = (oldest_first * (2.0 + columns) + 0.5 + columns).reshape(1, -1)
    sampler = policy.sampler  # type: ignore[attr-defined]
    x = torch.from_numpy(noises).flatten(1)
    with torch.inference_mode():
        for index, time in enumerate(sampler.times):
            x = sampler.step(index, x, trained(x, torch.tensor([[time]]), seen))
    expected = (x.view(ROWS, ACTION) - 0.5 - rows) / (2.0 + rows)
    np.testing.assert_allclose(chunk[0], expected[STEPS - 1 : STEPS + 3], atol=1e-4)


def test_without_use_ema_the_model_itself_is_taken(
    checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    path = checkpoint()
    content = torch.load(path, weights_only=True)
    content["cfg"]["training"]["use_ema"] = False
    content["state_dicts"]["model"]["normalizer.params_dict.obs.scale"] += 1.0
    content["state_dicts"]["model"]["normalizer.params_dict.action.scale"] += 1.0
    torch.save(content, path)
    done = convert_checkpoint(path, tmp_path / "out")
    assert not load_file(done.folder / "weights.safetensors")["time.0.weight"].any()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"_target_": "a.DiffusionUnetHybridImagePolicy"}, "policies on images"),
        ({"obs_as_global_cond": False}, "obs_as_global_cond"),
        ({"horizon": None}, "policy.horizon is None"),
        ({"noise_scheduler": {"num_train_timesteps": 50}}, "expected 100 steps"),
        ({"noise_scheduler": "none"}, "lacks 'noise_scheduler'"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_policy_that_cannot_be_converted_is_refused_with_the_reason(
    checkpoint: Callable[..., Path], tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidFile, match=told):
        convert_checkpoint(checkpoint(**changes), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 broken"])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.ckpt"
    path.write_bytes(content)
    with pytest.raises(InvalidFile, match="cannot be read"):
        convert_checkpoint(path, tmp_path / "out")


def test_an_existing_folder_is_never_written_into(
    checkpoint: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(InvalidFile, match="exists"):
        convert_checkpoint(checkpoint(), tmp_path)


class Harm:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self._path}",)


@pytest.mark.parametrize("place", ["cfg", "state_dicts"])
def test_a_pickle_that_would_run_something_runs_nothing(
    checkpoint: Callable[..., Path], tmp_path: Path, place: str
) -> None:
    path, harm = checkpoint(), tmp_path / "harm"
    content = torch.load(path, weights_only=True)
    content[place]["x"] = Harm(harm)
    torch.save(content, path)
    with pytest.raises(InvalidFile, match=r"names posix\.system"):
        convert_checkpoint(path, tmp_path / "out")
    assert not harm.exists()
    assert not (tmp_path / "out").exists()


def test_a_process_that_dies_is_told(
    checkpoint: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "dies.py"
    script.write_text("import os, sys\nprint('no memory', file=sys.stderr)\nos._exit(9)\n")
    monkeypatch.setattr("dsrl_core.policies.converters.conversion._SCRIPT", script)
    with pytest.raises(DsrlError, match=r"(?s)status 9.*no memory"):
        convert_checkpoint(checkpoint(), tmp_path / "out")


CONFINED = """
import importlib, os, socket, subprocess, sys
sys.path.insert(0, {folder!r})
confinement = importlib.import_module("confinement")
network = confinement.leave_network()
confinement.limit(1.0, 60, 0.001)
files = confinement.leave_files([sys.prefix, sys.base_prefix], {own!r})
print(network, files)
def tried(what):
    try:
        what()
        print("done")
    except (OSError, MemoryError) as error:
        print(type(error).__name__)
tried(lambda: open({outside!r}, "w"))
tried(lambda: open({secret!r}).read())
tried(lambda: subprocess.run(["/bin/true"]))
tried(lambda: socket.create_connection(("127.0.0.1", {port}), 2.0))
tried(lambda: open({own!r} + "/own", "w").write("x"))
tried(lambda: bytearray(4 << 30))
"""


def test_even_code_that_runs_there_reaches_nothing(tmp_path: Path) -> None:
    own, secret = tmp_path / "own", tmp_path / "secret"
    own.mkdir()
    secret.write_text("key")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        script = CONFINED.format(
            folder=str(conversion._SCRIPT.parent),
            own=str(own),
            outside=str(tmp_path / "outside"),
            secret=str(secret),
            port=listening.getsockname()[1],
        )
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    told, *tries = done.stdout.split("\n")
    if told != "True True":
        pytest.skip(f"this kernel confines nobody (network, files: {told})")
    assert tries[:3] == ["PermissionError"] * 3
    assert tries[3] in ("PermissionError", "OSError", "ConnectionRefusedError", "TimeoutError")
    assert tries[4:6] == ["done", "MemoryError"]
    assert not (tmp_path / "outside").exists()


def test_classes_of_a_configuration_are_records_of_their_values(tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    torch.save({"cfg": {"horizon": 16, "policy": {"rows": "${horizon}"}}}, path)
    assert read_checkpoint(path)["cfg"]["policy"] == {"rows": 16}
    assert plain((1, [2, {"a": "b"}])) == [1, [2, {"a": "b"}]]
