"""A framework's worker: served as every backend is, started again when it dies, never left over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dsrl_core.errors import DsrlError, InvalidFile
from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.policies.framework_process import RESTARTS_MAX, FrameworkPolicy
from dsrl_core.policies.installing import ENVIRONMENTS_VARIABLE
from dsrl_core.policies.wire import PolicyUnavailable
from dsrl_core.policies.worker_process import Worker, WorkerFailed
from dsrl_core.specs import PolicySpec
from tests.contracts.test_policy_backend import (
    encode,
    test_a_batch_decodes_as_its_parts_do,
    test_a_chunk_has_the_shape_that_the_file_says,
    test_equal_noises_give_equal_chunks,
    test_images_of_another_kind_are_refused,
    test_noises_of_another_shape_are_refused,
    test_noises_that_are_not_finite_are_refused,
    test_other_noises_give_other_chunks,
    test_the_digest_is_a_sha256,
)
from tests.core.fake_worker import CRASHES, DIES, HANGS, REFUSES
from tests.core.steering_setup import small_policy

__all__ = [
    "test_a_batch_decodes_as_its_parts_do",
    "test_a_chunk_has_the_shape_that_the_file_says",
    "test_equal_noises_give_equal_chunks",
    "test_images_of_another_kind_are_refused",
    "test_noises_of_another_shape_are_refused",
    "test_noises_that_are_not_finite_are_refused",
    "test_other_noises_give_other_chunks",
    "test_the_digest_is_a_sha256",
]

ROOT = Path(__file__).parents[2]
WORKER = Worker(
    "fake",
    Path(sys.executable),
    "tests.core.fake_worker",
    (ROOT, ROOT / "ros2_ws" / "src" / "dsrl_core"),
)
PATIENCE_S = 120.0


@pytest.fixture(autouse=True)
def _logs_of_this_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENTS_VARIABLE, str(tmp_path / "environments"))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., FrameworkPolicy]]:
    """Starts the fake worker with these settings, and closes it."""
    policies = []

    def started(**settings: str | float) -> FrameworkPolicy:
        policy = FrameworkPolicy(spec_with(tmp_path, **settings), WORKER)
        policies.append(policy)
        return policy

    yield started
    for policy in policies:
        policy.close()


@pytest.fixture
def backend(start: Callable[..., FrameworkPolicy]) -> PolicyBackend:
    return start()


def spec_with(folder: Path, **settings: str | float) -> PolicySpec:
    return replace(small_policy(folder), settings={"startup_s": PATIENCE_S, **settings})


def noise_that(what: float) -> np.ndarray:
    return np.full((1, 4, 5), what, np.float32)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def answers(policy: FrameworkPolicy) -> bool:
    try:
        policy.decode(encode(policy, slice(0, 1)), noise_that(0.0))
    except PolicyUnavailable:
        return False
    return True


@pytest.mark.parametrize(("what", "how"), [(DIES, "status 3"), (CRASHES, "signal 11")])
def test_a_worker_that_dies_is_told_with_its_last_words_and_started_again(
    start: Callable[..., FrameworkPolicy], what: float, how: str
) -> None:
    policy = start()
    encoded, before = encode(policy, slice(0, 1)), policy.worker_pid
    with pytest.raises(PolicyUnavailable, match=how) as told:
        # The call is left when no answer has come in time; that it is dead is seen then.
        policy.decode(encoded, noise_that(what))
    assert ("as it were" in str(told.value)) == (what == DIES)
    wait_until(lambda: answers(policy))
    assert policy.worker_pid != before
    assert not is_running(before)


def test_while_it_is_started_again_a_call_fails_at_once(
    start: Callable[..., FrameworkPolicy],
) -> None:
    policy = start()
    os.kill(policy.worker_pid, signal.SIGKILL)
    wait_until(lambda: not is_running(policy.worker_pid))
    with pytest.raises(PolicyUnavailable, match="signal 9"):
        policy.digest()
    with pytest.raises(PolicyUnavailable, match="being started again"):
        policy.digest()


def test_a_worker_that_hangs_is_killed_and_started_again(
    start: Callable[..., FrameworkPolicy],
) -> None:
    policy = start(timeout_s=2.0)
    encoded, before = encode(policy, slice(0, 1)), policy.worker_pid
    with pytest.raises(PolicyUnavailable, match="no answer"):
        policy.decode(encoded, noise_that(HANGS))
    wait_until(lambda: answers(policy))
    assert not is_running(before)


def test_a_refusal_is_told_and_ends_no_worker(start: Callable[..., FrameworkPolicy]) -> None:
    policy = start()
    before = policy.worker_pid
    with pytest.raises(PolicyUnavailable, match="not with me"):
        policy.decode(encode(policy, slice(0, 1)), noise_that(REFUSES))
    assert answers(policy)
    assert policy.worker_pid == before


def test_a_worker_that_cannot_start_again_stays_down(
    start: Callable[..., FrameworkPolicy],
) -> None:
    policy = start(does="fails the second time")
    os.kill(policy.worker_pid, signal.SIGKILL)
    wait_until(lambda: not is_running(policy.worker_pid))
    seen: list[str] = []

    def is_down() -> bool:
        with pytest.raises(PolicyUnavailable) as told:
            policy.digest()
        seen.append(str(told.value))
        return "stays down" in seen[-1]

    wait_until(is_down)
    assert "the weights are gone" in seen[-1]
    assert len(list((policy.spec.folder / "environments" / "logs").iterdir())) == 1 + RESTARTS_MAX


def test_a_worker_that_does_not_start_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(WorkerFailed, match=r"(?s)status 1.*of another version") as told:
        FrameworkPolicy(spec_with(tmp_path, does="fails"), WORKER)
    assert str(tmp_path / "environments" / "logs") in str(told.value)


def test_a_worker_that_is_never_ready_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(WorkerFailed, match=r"not ready within 0\.5 s"):
        FrameworkPolicy(spec_with(tmp_path, does="never ready", startup_s=0.5), WORKER)


def test_an_environment_without_its_python_is_told(tmp_path: Path) -> None:
    with pytest.raises(WorkerFailed, match="did not start"):
        FrameworkPolicy(spec_with(tmp_path), replace(WORKER, python=tmp_path / "python"))


def test_a_worker_that_answers_garbage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DsrlError):
        FrameworkPolicy(spec_with(tmp_path, does="garbage", timeout_s=2.0), WORKER)


@pytest.mark.parametrize("value", [0.0, -1.0, "soon"])
def test_a_time_that_is_none_is_refused(tmp_path: Path, value: str | float) -> None:
    with pytest.raises(InvalidFile, match=r"settings\.timeout_s"):
        FrameworkPolicy(spec_with(tmp_path, timeout_s=value), WORKER)


def test_closing_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    policy = FrameworkPolicy(spec_with(tmp_path, does="has a child"), WORKER)
    child, folder = int((tmp_path / "child").read_text()), policy._process._folder
    assert is_running(child)
    assert folder.exists()
    policy.close()
    assert not is_running(policy.worker_pid)
    wait_until(lambda: not is_running(child))
    assert not folder.exists()


def test_a_service_that_is_killed_leaves_no_worker(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "import tests.core.test_framework_process as t\n"
        "policy = t.FrameworkPolicy(t.spec_with(Path(sys.argv[1])), t.WORKER)\n"
        "print(policy.worker_pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as service:
        assert service.stdout is not None
        worker = int(service.stdout.readline())
        assert is_running(worker)
        service.kill()
    wait_until(lambda: not is_running(worker))


def test_a_thread_that_started_a_worker_and_ended_takes_it_not_along(
    start: Callable[..., FrameworkPolicy],
) -> None:
    with ThreadPoolExecutor(1) as pool:
        policy = pool.submit(start).result()
    assert answers(policy)
