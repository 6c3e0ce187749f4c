"""Small policies of LeRobot's own making, for tests where its environment is installed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from dsrl_core.policies import weights_sha256
from dsrl_core.policies.installing import Environment, NotInstalled, environment_of_framework
from dsrl_core.policies.worker_process import variables_for
from dsrl_core.specs import ActionSpec, CameraSpec, FieldSpec, PolicySpec
from dsrl_core.types import Float32Array, UInt8Array

_SCRIPT = Path(__file__).with_name("lerobot_small.py")


def small_lerobot_policy(folder: Path) -> NoReturn:
    """In the place of a small policy for the tests of every backend."""
    pytest.skip("tests/core/test_lerobot.py runs these tests, with one worker for all of them")


def lerobot_environment() -> Environment:
    """The environment; the test is skipped where it is not installed."""
    try:
        return environment_of_framework("lerobot")
    except NotInstalled as error:
        pytest.skip(str(error))


def save_diffusion(folder: Path) -> PolicySpec:
    """A diffusion policy on two cameras and a history of two, saved by LeRobot itself."""
    _in_lerobot("save", "diffusion", str(folder / "checkpoint"))
    return PolicySpec(
        name="small_lerobot",
        description="random weights",
        backend="lerobot",
        weights="checkpoint",
        weights_sha256=weights_sha256(folder / "checkpoint"),
        observation=(FieldSpec("joints", 7), FieldSpec("fingers", 2)),
        action=ActionSpec("tool_delta", (FieldSpec("motion", 4), FieldSpec("width", 1)), 0.1),
        horizon=4,
        noise_dim=5,
        noise_horizon=8,
        denoising_steps=5,
        observation_steps=2,
        keys={
            "joints": "observation.state",
            "fingers": "observation.state",
            "side": "observation.images.a",
            "wrist": "observation.images.b",
        },
        settings={"first_action": 1},
        cameras=(CameraSpec("side", 32, 32), CameraSpec("wrist", 32, 32)),
        tolerance=1e-4,
        folder=folder,
    )


def played_by_lerobot(
    spec: PolicySpec,
    kind: str,
    observations: Float32Array,
    images: UInt8Array,
    noises: Float32Array,
) -> Float32Array:
    """The chunks that LeRobot itself gives, one noise per observation."""
    given, chunks = spec.folder / "given.npz", spec.folder / "chunks.npy"
    np.savez(given, observations=observations, images=images, noises=noises)
    steps = str(spec.denoising_steps)
    _in_lerobot("play", kind, str(spec.weights_path), steps, str(given), str(chunks))
    return np.asarray(np.load(chunks), np.float32)


def _in_lerobot(*arguments: str) -> None:
    worker = lerobot_environment().worker
    # One thread, as the worker has by default: sums in another order differ in their last bits.
    variables = variables_for(worker) | {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    command = [str(worker.python), str(_SCRIPT), *arguments]
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
