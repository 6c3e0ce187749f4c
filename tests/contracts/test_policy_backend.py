"""What every policy backend keeps to, in process and over the wire."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from dsrl_core.errors import InvalidValue
from dsrl_core.policies import BACKENDS, load_policy
from dsrl_core.policies.backend import Encoded, PolicyBackend
from dsrl_core.policies.wire import PolicyServer, PolicyUnavailable, RemotePolicy
from tests.core.exported_setup import SAVE, small_exported_policy
from tests.core.lerobot_setup import small_lerobot_policy
from tests.core.native_setup import small
from tests.core.serving_setup import (
    end_servers,
    served,
    small_openpi_policy,
    small_remote_policy,
)
from tests.core.steering_setup import small_policy
from tests.core.vision_setup import random_views, small_vision_policy

NOISES = np.random.default_rng(0).standard_normal((6, 4, 5), dtype=np.float32)


SMALL = {
    "flow_mlp": small_policy,
    "flow_unet": small("flow_unet"),
    "ddim_mlp": small("ddim_mlp"),
    "ddim_unet": small("ddim_unet", sees=True),
    "flow_vision": small_vision_policy,
    "lerobot": small_lerobot_policy,
    "openpi": small_openpi_policy,
    "remote": small_remote_policy,
} | {name: partial(small_exported_policy, name) for name in SAVE}


def test_every_backend_has_a_small_policy_here() -> None:
    assert SMALL.keys() == BACKENDS.keys()


@pytest.fixture(params=[(name, remote) for name in SMALL for remote in (False, True)], ids=str)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PolicyBackend]:
    name, is_remote = request.param
    with ExitStack() as stack:
        stack.callback(end_servers)
        policy = load_policy(SMALL[name](tmp_path))
        stack.callback(policy.close)
        if not is_remote:
            yield policy
            return
        endpoint = f"ipc://{tmp_path / 'policy'}"
        stack.enter_context(served(lambda: policy, lambda served: PolicyServer(served, endpoint)))
        remote = RemotePolicy(endpoint, policy.spec, timeout_s=10.0)
        stack.callback(remote.close)
        yield remote


def encode(backend: PolicyBackend, rows: slice = slice(0, 6)) -> Encoded:
    """Some of six random views."""
    values, images = random_views(backend.spec, 6)
    return backend.encode(values[rows], None if images is None else images[rows])


def test_equal_noises_give_equal_chunks(backend: PolicyBackend) -> None:
    encoded = encode(backend, slice(0, 1))
    np.testing.assert_array_equal(backend.decode(encoded, NOISES), backend.decode(encoded, NOISES))


def test_other_noises_give_other_chunks(backend: PolicyBackend) -> None:
    encoded = encode(backend, slice(0, 1))
    assert np.abs(backend.decode(encoded, NOISES) - backend.decode(encoded, -NOISES)).max() > 1e-3


def test_a_chunk_has_the_shape_that_the_file_says(backend: PolicyBackend) -> None:
    chunks = backend.decode(encode(backend), NOISES)
    assert chunks.shape == (6, *backend.spec.chunk_shape)
    assert chunks.dtype == np.float32


def test_a_batch_decodes_as_its_parts_do(backend: PolicyBackend) -> None:
    together = backend.decode(encode(backend), NOISES)
    for row in range(6):
        alone = backend.decode(encode(backend, slice(row, row + 1)), NOISES[row : row + 1])
        np.testing.assert_allclose(together[row], alone[0], atol=backend.spec.tolerance)


def test_noises_of_another_shape_are_refused(backend: PolicyBackend) -> None:
    with pytest.raises((InvalidValue, PolicyUnavailable), match=r"\(n, 4, 5\)"):
        backend.decode(encode(backend, slice(0, 1)), np.zeros((2, 8, 5), np.float32))


def test_noises_that_are_not_finite_are_refused(backend: PolicyBackend) -> None:
    with pytest.raises((InvalidValue, PolicyUnavailable), match="finite"):
        backend.decode(encode(backend, slice(0, 1)), np.full((1, 4, 5), np.inf, np.float32))


def test_features_that_somebody_is_to_see_are_there_after_encoding(backend: PolicyBackend) -> None:
    size = backend.spec.features_size
    if size:
        assert encode(backend).features.shape == (6, size)


def test_images_of_another_kind_are_refused(backend: PolicyBackend) -> None:
    values, images = random_views(backend.spec, 1)
    wrong = np.zeros((1, 2, 8, 8, 3), np.uint8) if images is None else images.astype(np.float32)
    with pytest.raises(InvalidValue, match="takes images"):
        backend.encode(values, wrong)  # type: ignore[arg-type]


def test_the_digest_is_a_sha256(backend: PolicyBackend) -> None:
    assert len(bytes.fromhex(backend.digest())) == 32


def test_a_server_that_does_not_answer_is_reported(tmp_path: Path) -> None:
    spec = small_policy(tmp_path)
    remote = RemotePolicy(f"ipc://{tmp_path / 'nobody'}", spec, timeout_s=0.05)
    with pytest.raises(PolicyUnavailable, match="did not answer"):
        remote.digest()
    remote.close()


def test_a_server_that_has_ended_leaves_no_file_behind(
    tmp_path: Path,
) -> None:
    policy, endpoint = load_policy(small_vision_policy(tmp_path)), f"ipc://{tmp_path / 'policy'}"
    for _ in range(2):
        server = PolicyServer(policy, endpoint)
        assert (tmp_path / "policy").is_socket()
        server.close()
        assert not (tmp_path / "policy").exists()
