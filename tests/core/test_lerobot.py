"""LeRobot's own policies behind our contract; skipped where its environment is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from dsrl_core.errors import InvalidFile
from dsrl_core.policies import load_policy
from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.policies.framework_process import LeRobotProcess
from dsrl_core.policies.worker_process import WorkerFailed
from dsrl_core.specs import CameraSpec, PolicySpec
from tests.contracts import test_policy_backend as contract
from tests.core.lerobot_setup import lerobot_environment, played_by_lerobot, save_diffusion
from tests.core.vision_setup import random_views

NOISES = np.random.default_rng(0).standard_normal((6, 8, 5), dtype=np.float32)


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> PolicySpec:
    lerobot_environment()
    return save_diffusion(tmp_path_factory.mktemp("lerobot"))


@pytest.fixture(scope="module")
def backend(spec: PolicySpec) -> Iterator[PolicyBackend]:
    policy = load_policy(spec)
    yield policy
    policy.close()


@pytest.fixture(autouse=True)
def _noises_of_its_horizon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract, "NOISES", NOISES)


@pytest.mark.parametrize(
    "name",
    [
        "test_equal_noises_give_equal_chunks",
        "test_other_noises_give_other_chunks",
        "test_a_chunk_has_the_shape_that_the_file_says",
        "test_a_batch_decodes_as_its_parts_do",
        "test_images_of_another_kind_are_refused",
        "test_the_digest_is_a_sha256",
    ],
)
def test_it_keeps_to_the_contract_of_every_backend(backend: PolicyBackend, name: str) -> None:
    getattr(contract, name)(backend)


def test_its_chunks_are_those_of_lerobot_to_the_last_bit(
    spec: PolicySpec, backend: PolicyBackend
) -> None:
    values, images = random_views(spec, 3)
    assert images is not None
    expected = played_by_lerobot(spec, "diffusion", values, images, NOISES[:3])
    for row in range(3):
        here = slice(row, row + 1)
        chunk = backend.decode(backend.encode(values[here], images[here]), NOISES[here])
        np.testing.assert_array_equal(chunk[0], expected[row])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"noise_horizon": 16}, "noise_horizon.*16.*8"),
        ({"settings": {}}, "settings.first_action: the file says 0, the checkpoint .* says 1"),
        ({"cameras": (CameraSpec("side", 64, 48), CameraSpec("wrist", 64, 48))}, "camera side"),
        ({"weights": "."}, "no config.json"),
    ],
    ids=["noise", "first action", "cameras", "folder"],
)
def test_a_file_that_misdescribes_its_checkpoint_is_refused(
    spec: PolicySpec, changes: dict[str, object], told: str
) -> None:
    with pytest.raises(WorkerFailed, match=f"(?s){told}"):
        LeRobotProcess(replace(spec, **changes))  # type: ignore[arg-type]


def test_the_weights_that_a_file_pins_are_the_only_ones_that_start(spec: PolicySpec) -> None:
    with pytest.raises(InvalidFile, match="not the ones that were checked in"):
        load_policy(replace(spec, weights_sha256="0" * 64))
