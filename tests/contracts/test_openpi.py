"""openpi's own server, unmodified: with our launch script, and without."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dsrl_core.errors import InvalidFile
from dsrl_core.policies.wire import PolicyUnavailable
from dsrl_core.specs import FieldSpec, PolicySpec
from dsrl_core.specs.policy import CameraSpec
from tests.contracts.wire_setup import remote_of
from tests.core.serving_setup import looking_policy
from tests.core.vision_setup import random_views

ROOT = Path(__file__).parents[2]


@contextmanager
def openpi_server(*arguments: str) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.contracts.fake_openpi", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield f"ws://127.0.0.1:{int(server.stdout.readline())}"
        server.kill()


@pytest.fixture(scope="module")
def pi0(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PolicySpec, str]]:
    """A policy's file with names of openpi's, and its server with our launch script."""
    folder = tmp_path_factory.mktemp("pi0")
    base = looking_policy(folder)
    spec = replace(
        base,
        observation=(FieldSpec("joints", 3), FieldSpec("gripper_width", 1, model_scale=0.04)),
        cameras=(CameraSpec("scene", 18, 14),),
        keys={"joints": "state", "gripper_width": "state", "scene": "image"},
        prompt="pick",
        noise_horizon=6,
        weights_sha256="ab" * 32,
    )
    arguments = ("--config", "fake", "--dir", str(folder), "--port", "0")
    with openpi_server(*arguments, "--model-id", spec.weights_sha256) as url:
        yield spec, url


PI0_NOISES = np.random.default_rng(1).standard_normal((3, 6, 5), dtype=np.float32)


def test_an_unmodified_openpi_takes_our_noise(pi0: tuple[PolicySpec, str]) -> None:
    spec, url = pi0
    values, images = random_views(spec, 2)
    assert images is not None
    with closing(remote_of(spec, url)) as remote:
        for row in range(2):
            only = slice(row, row + 1)
            chunks = remote.decode(remote.encode(values[only], images[only]), PI0_NOISES)
            state = values[row, :3].sum() + values[row, 3] / 0.04
            total = state + images[row].mean() + len("pick")
            np.testing.assert_allclose(chunks, PI0_NOISES[:, :4] + total, rtol=1e-4)


def test_a_failure_of_openpis_policy_is_told_and_the_next_question_answered(
    pi0: tuple[PolicySpec, str],
) -> None:
    spec, url = pi0
    values = random_views(spec, 1)
    with closing(remote_of(replace(spec, prompt="fail"), url)) as remote:
        for _ in range(2):
            with pytest.raises(PolicyUnavailable, match="CUDA out of memory"):
                remote.decode(remote.encode(*values), PI0_NOISES)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"noise_horizon": 8}, r"takes noises \[6, 5\], the policy's file says \[8, 5\]"),
        ({"weights_sha256": "cd" * 32}, "serves model 'abab"),
        ({"horizon": 7}, "plays 7 rows"),
        ({"features_size": 8}, "gives 0 features"),
    ],
)
def test_an_openpi_of_another_policy_is_refused(
    pi0: tuple[PolicySpec, str], changes: dict[str, Any], why: str
) -> None:
    spec, url = pi0
    with pytest.raises(InvalidFile, match=why):
        remote_of(replace(spec, **changes), url)


def test_a_stock_openpi_which_would_drop_the_noise_is_refused(
    pi0: tuple[PolicySpec, str],
) -> None:
    with openpi_server("stock") as url, pytest.raises(InvalidFile, match=r"serve_openpi\.py"):
        remote_of(pi0[0], url)
