"""What every policy backend keeps to, in process and over the wire."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dsrl_core.errors import InvalidValue
from dsrl_core.policies import BACKENDS, load_policy
from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.policies.wire import PolicyServer, PolicyUnavailable, RemotePolicy
from tests.core.steering_setup import small_policy

NOISES = np.random.default_rng(0).standard_normal((6, 4, 5), dtype=np.float32)
OBSERVATIONS = np.random.default_rng(1).standard_normal((6, 9), dtype=np.float32)


@pytest.fixture(params=[*BACKENDS, "remote"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PolicyBackend]:
    policy = load_policy(small_policy(tmp_path))
    if request.param != "remote":
        yield policy
        return
    endpoint = f"ipc://{tmp_path / 'policy'}"
    server, stop = PolicyServer(policy, endpoint), threading.Event()

    def serve() -> None:
        while not stop.is_set():
            server.serve_once(0.01)

    thread = threading.Thread(target=serve)
    thread.start()
    remote = RemotePolicy(endpoint, policy.spec, timeout_s=10.0)
    yield remote
    remote.close()
    stop.set()
    thread.join()
    server.close()


def test_equal_noises_give_equal_chunks(backend: PolicyBackend) -> None:
    encoded = backend.encode(OBSERVATIONS[:1])
    np.testing.assert_array_equal(backend.decode(encoded, NOISES), backend.decode(encoded, NOISES))


def test_other_noises_give_other_chunks(backend: PolicyBackend) -> None:
    encoded = backend.encode(OBSERVATIONS[:1])
    assert np.abs(backend.decode(encoded, NOISES) - backend.decode(encoded, -NOISES)).max() > 1e-3


def test_a_chunk_has_the_shape_that_the_file_says(backend: PolicyBackend) -> None:
    chunks = backend.decode(backend.encode(OBSERVATIONS), NOISES)
    assert chunks.shape == (6, *backend.spec.chunk_shape)
    assert chunks.dtype == np.float32


def test_a_batch_decodes_as_its_parts_do(backend: PolicyBackend) -> None:
    together = backend.decode(backend.encode(OBSERVATIONS), NOISES)
    for row in range(6):
        alone = backend.decode(backend.encode(OBSERVATIONS[row : row + 1]), NOISES[row : row + 1])
        np.testing.assert_allclose(together[row], alone[0], atol=backend.spec.tolerance)


def test_noises_of_another_shape_are_refused(backend: PolicyBackend) -> None:
    with pytest.raises((InvalidValue, PolicyUnavailable), match=r"\(n, 4, 5\)"):
        backend.decode(backend.encode(OBSERVATIONS[:1]), np.zeros((2, 8, 5), np.float32))


def test_noises_that_are_not_finite_are_refused(backend: PolicyBackend) -> None:
    with pytest.raises((InvalidValue, PolicyUnavailable), match="finite"):
        backend.decode(backend.encode(OBSERVATIONS[:1]), np.full((1, 4, 5), np.inf, np.float32))


def test_the_digest_is_a_sha256(backend: PolicyBackend) -> None:
    assert len(bytes.fromhex(backend.digest())) == 32


def test_a_server_that_does_not_answer_is_reported(tmp_path: Path) -> None:
    spec = small_policy(tmp_path)
    remote = RemotePolicy(f"ipc://{tmp_path / 'nobody'}", spec, timeout_s=0.05)
    with pytest.raises(PolicyUnavailable, match="did not answer"):
        remote.digest()
    remote.close()
