"""Between two machines: who knows whom, and which policy is served there."""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zmq

from dsrl_core.errors import InvalidFile
from dsrl_core.policies.served_elsewhere import PolicyElsewhere
from dsrl_core.policies.wire import PolicyLost, PolicyServer, PolicyUnavailable, RemotePolicy
from dsrl_core.policies.wire.keys import ClientKeys, ServerKeys, make_keys
from dsrl_core.specs import PolicySpec
from tests.contracts.wire_setup import PATIENT_S, ask, expected, port_of
from tests.core.serving_setup import (
    Looking,
    elsewhere,
    looking_policy,
    policy_server,
    served,
)


@pytest.fixture
def spec(tmp_path: Path) -> PolicySpec:
    return looking_policy(tmp_path)


@pytest.fixture
def endpoint(tmp_path: Path) -> str:
    return f"ipc://{tmp_path / 'policy'}"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    return make_keys(tmp_path / "keys", "robot")


def test_two_machines_know_each_other_by_keys(spec: PolicySpec, folders: tuple[Path, Path]) -> None:
    server_keys, client_keys = ServerKeys.read(folders[0]), ClientKeys.read(folders[1])
    with served(lambda: Looking(spec), policy_server("tcp://0.0.0.0:*", server_keys)) as server:
        file = elsewhere(
            replace(spec, folder=folders[1].parent),
            "remote",
            endpoint=f"tcp://127.0.0.1:{port_of(server)}",
            keys="robot",
            timeout_s=PATIENT_S,
        )
        with closing(PolicyElsewhere(file)) as remote:
            np.testing.assert_array_equal(ask(remote), expected(spec))
        assert client_keys.public in server_keys.clients


def test_a_client_whose_key_is_not_known_is_told_so_and_the_server_logs_it(
    spec: PolicySpec, folders: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys = ServerKeys.read(folders[0])
    stranger = ClientKeys(zmq.curve_keypair()[1], keys.public)
    caplog.set_level(logging.WARNING)
    with served(lambda: Looking(spec), policy_server("tcp://127.0.0.1:*", keys)) as server:
        address = f"tcp://127.0.0.1:{port_of(server)}"
        with (
            closing(RemotePolicy(address, spec, 1.0, stranger)) as remote,
            pytest.raises(PolicyLost, match="does not know this client's key"),
        ):
            remote.digest()
    assert "unknown key" in caplog.text
    assert "robot" in caplog.text


def test_a_server_that_has_another_key_than_expected_is_not_asked(
    spec: PolicySpec, folders: tuple[Path, Path]
) -> None:
    keys, own = ServerKeys.read(folders[0]), ClientKeys.read(folders[1])
    deceived = ClientKeys(own.secret, zmq.curve_keypair()[0])
    with served(lambda: Looking(spec), policy_server("tcp://127.0.0.1:*", keys)) as server:
        address = f"tcp://127.0.0.1:{port_of(server)}"
        for client in (deceived, None):
            with (
                closing(RemotePolicy(address, spec, 1.0, client)) as remote,
                pytest.raises(PolicyLost, match="did not answer within"),
            ):
                remote.digest()


def test_nothing_listens_to_other_machines_without_keys(spec: PolicySpec) -> None:
    for open_to_all in ("tcp://0.0.0.0:5555", "tcp://*:5555", "tcp://192.168.1.2:5555"):
        with pytest.raises(InvalidFile, match="open to other machines"):
            PolicyServer(Looking(spec), open_to_all)
    with pytest.raises(InvalidFile, match="expected ipc://FILE"):
        PolicyServer(Looking(spec), "http://localhost")


def test_keys_that_others_may_read_are_refused(folders: tuple[Path, Path]) -> None:
    (folders[1] / "client.secret").chmod(0o644)
    with pytest.raises(InvalidFile, match="open to others"):
        ClientKeys.read(folders[1])
    (folders[0] / "server.secret").write_text("short")
    with pytest.raises(InvalidFile, match="no key of 40"):
        ServerKeys.read(folders[0])
    with pytest.raises(InvalidFile, match="exists"):
        make_keys(folders[0].parent, "robot")


def test_a_server_of_another_policy_is_refused(spec: PolicySpec, endpoint: str) -> None:
    file = elsewhere(spec, "remote", endpoint=endpoint, timeout_s=PATIENT_S)
    with served(lambda: Looking(spec), policy_server(endpoint)):
        with pytest.raises(PolicyUnavailable, match="meant for model"):
            PolicyElsewhere(replace(file, weights_sha256="0" * 64))
        with pytest.raises(InvalidFile, match=r"takes noises \[4, 5\]"):
            PolicyElsewhere(replace(file, noise_horizon=8))
        with pytest.raises(InvalidFile, match="plays 9 rows"):
            PolicyElsewhere(replace(file, horizon=9, noise_horizon=4))
