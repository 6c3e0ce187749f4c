"""Between two processes of ours: what is asked, what is answered, what is refused."""

from __future__ import annotations

import socket
import stat
import threading
import time
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import zmq

from dsrl_core.errors import InvalidFile
from dsrl_core.policies.backend import Encoded
from dsrl_core.policies.wire import PolicyLost, PolicyServer, RemotePolicy
from dsrl_core.policies.wire.messages import PROTOCOL, Message, pack, unpack
from dsrl_core.policies.wire.stream import HELLO, connected, prefix_of
from dsrl_core.specs import PolicySpec
from tests.contracts.wire_setup import (
    NOISES,
    PATIENT_S,
    WAYS,
    ask,
    expected,
    raw,
    served_by,
)
from tests.core.serving_setup import (
    Looking,
    Watched,
    looking_policy,
    policy_server,
    served,
)
from tests.core.vision_setup import random_views


@pytest.fixture
def spec(tmp_path: Path) -> PolicySpec:
    return looking_policy(tmp_path)


@pytest.fixture
def policy(spec: PolicySpec) -> Watched:
    return Watched(Looking(spec))


@pytest.fixture
def endpoint(tmp_path: Path) -> str:
    return f"ipc://{tmp_path / 'policy'}"


@pytest.mark.parametrize("images", ["raw", "png"])
def test_what_the_policy_sees_and_gives_goes_over_as_it_is(
    spec: PolicySpec, policy: Watched, endpoint: str, images: Any
) -> None:
    with (
        served(lambda: policy, policy_server(endpoint)),
        closing(RemotePolicy(endpoint, spec, PATIENT_S, images=images)) as remote,
    ):
        np.testing.assert_array_equal(ask(remote), expected(spec))


def test_an_observation_goes_over_once(spec: PolicySpec, policy: Watched, endpoint: str) -> None:
    with (
        served(lambda: policy, policy_server(endpoint)),
        closing(RemotePolicy(endpoint, spec, PATIENT_S)) as remote,
    ):
        values, images = random_views(spec, 1)
        encoded = remote.encode(values, images)
        for _ in range(3):
            np.testing.assert_array_equal(remote.decode(encoded, NOISES), expected(spec))
    assert policy.encoded == [1, 1], "the warm-up's and this one"


def test_a_server_that_was_started_again_gets_the_observation_again(
    spec: PolicySpec, endpoint: str
) -> None:
    values, images = random_views(spec, 1)
    with closing(RemotePolicy(endpoint, spec, PATIENT_S)) as remote:
        encoded = remote.encode(values, images)
        for _ in range(2):
            with served(lambda: Looking(spec), policy_server(endpoint)):
                np.testing.assert_array_equal(remote.decode(encoded, NOISES), expected(spec))


def test_robots_that_ask_while_the_policy_thinks_are_answered_in_one_batch(
    spec: PolicySpec, policy: Watched, endpoint: str
) -> None:
    with ExitStack() as stack:
        stack.enter_context(served(lambda: policy, policy_server(endpoint)))
        remotes = [
            stack.enter_context(closing(RemotePolicy(endpoint, spec, PATIENT_S))) for _ in range(4)
        ]
        for remote in remotes:
            assert remote.digest()
        is_thinking, go_on = threading.Event(), threading.Event()

        def think(_: Any) -> None:
            is_thinking.set()
            assert go_on.wait(PATIENT_S)

        policy.before_decoding = think
        found: list[np.ndarray] = []
        threads = [
            threading.Thread(target=lambda r=remote: found.append(ask(r))) for remote in remotes
        ]
        threads[0].start()
        assert is_thinking.wait(PATIENT_S)
        for thread in threads[1:]:
            thread.start()
        time.sleep(0.5)  # until the others have asked; were they later, there'd be more batches
        go_on.set()
        for thread in threads:
            thread.join()
    assert sum(policy.decoded[1:]) == 4 * len(NOISES)
    assert len(policy.decoded[1:]) < 4
    for chunks in found:
        np.testing.assert_allclose(chunks, expected(spec), rtol=1e-6)


def question(spec: PolicySpec, **values: Any) -> dict[str, Any]:
    return {"protocol": PROTOCOL, "model": spec.weights_sha256} | values


@pytest.mark.parametrize("way", WAYS)
def test_bad_requests_are_answered_with_the_reason_and_good_ones_after_them(
    spec: PolicySpec, policy: Watched, tmp_path: Path, way: str
) -> None:
    values, images = random_views(spec, 1)
    assert images is not None
    whole = {"observations": values, "images": images, "noises": NOISES}
    good = question(spec, key=b"k")
    header = msgpack.packb(good | {"arrays": [["noises", "float64", [1, 4, 5]]]})
    cases: list[tuple[list[Any], str]] = [
        ([b"\x00garbage"], "a message|map|not a msgpack"),
        ([header, b"\0" * 160], "dtype 'float64'; expected float32"),
        (pack(Message(question(spec, protocol=1), whole)), "protocol 1"),
        (pack(Message(question(spec, model="0" * 64), whole)), "meant for model"),
        (pack(Message(question(spec, key="text"), whole)), "'key' is bytes"),
        (pack(Message(good, whole | {"noises": np.zeros((1, 8, 5), np.float32)})), "(n, 4, 5)"),
        (pack(Message(good, whole | {"noises": NOISES * np.nan})), "finite"),
        (pack(Message(good, whole | {"images": images[:, :, :8]})), "takes images"),
        (pack(Message(good, {"observations": values, "noises": NOISES})), "takes images"),
        (pack(Message(question(spec, key=b"other"), {"noises": NOISES})), "not known here"),
        (pack(Message(good, whole | {"images": images.astype(np.float32)})), "uint8"),
        (pack(Message(good | {"compressed": [5, 3]}, whole)), "compressed"),
    ]
    with served_by(way, policy, tmp_path) as served, closing(raw(*served)) as client:
        for number, (parts, why) in enumerate(cases):
            reply = unpack(client.ask(number, parts, time.monotonic() + PATIENT_S))
            message = reply.values["error"]["message"]
            assert any(part in message for part in why.split("|")), message
        reply = unpack(client.ask(99, pack(Message(good, whole)), time.monotonic() + PATIENT_S))
        np.testing.assert_array_equal(reply.arrays["chunks"], expected(spec))


def test_float64_and_views_of_other_arrays_are_converted_by_the_client(
    spec: PolicySpec, endpoint: str
) -> None:
    noises: Any = np.asfortranarray(NOISES.astype(np.float64))
    noises.flags.writeable = False
    values, images = random_views(spec, 1)
    with (
        served(lambda: Looking(spec), policy_server(endpoint)),
        closing(RemotePolicy(endpoint, spec, PATIENT_S)) as remote,
    ):
        found = remote.decode(remote.encode(values, images), noises)
    np.testing.assert_array_equal(found, expected(spec))


@pytest.mark.parametrize("way", WAYS)
def test_an_oversized_message_costs_its_sender_the_connection_and_nobody_else(
    spec: PolicySpec, tmp_path: Path, way: str
) -> None:
    with (
        served_by(way, Looking(spec), tmp_path) as (server, keys),
        closing(RemotePolicy(server.endpoint, spec, PATIENT_S, keys)) as remote,
    ):
        if keys is None:
            with closing(raw(server, keys)) as client, pytest.raises(PolicyLost, match="lost"):
                client.ask(1, [bytes(65 * 1024 * 1024)], time.monotonic() + PATIENT_S)
        else:
            with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
                dealer.setsockopt(zmq.LINGER, 0)
                dealer.curve_secretkey, dealer.curve_publickey = keys.secret, keys.public
                dealer.curve_serverkey = keys.server
                dealer.connect(server.endpoint)
                dealer.send_multipart([b"12345678", bytes(65 * 1024 * 1024)])
                assert not dealer.poll(1000)
        np.testing.assert_array_equal(ask(remote), expected(spec))


@pytest.mark.parametrize("way", WAYS)
def test_clients_that_say_nothing_or_byte_by_byte_hold_nobody_up_and_are_let_go(
    spec: PolicySpec, tmp_path: Path, way: str
) -> None:
    with (
        served_by(way, Looking(spec), tmp_path, handshake_s=1.0) as (server, keys),
        ExitStack() as stack,
    ):
        silent, slow = (stack.enter_context(connected(server.endpoint, 1.0)) for _ in range(2))
        slow.sendall(HELLO[:1] if keys is None else b"\xff")
        remote = RemotePolicy(server.endpoint, spec, PATIENT_S, keys)
        stack.callback(remote.close)
        np.testing.assert_array_equal(ask(remote), expected(spec))
        for client in (silent, slow):
            client.settimeout(PATIENT_S)
            with suppress(ConnectionError):
                while client.recv(1024):
                    pass
        np.testing.assert_array_equal(ask(remote), expected(spec))


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        HELLO[:-1] + b"\xff",
        HELLO + b"\xff" * 64,
        HELLO + prefix_of(1, [bytes(64 * 1024 + 1)]),
        HELLO + prefix_of(1, []),
    ],
)
def test_who_speaks_something_else_is_let_go_at_once(
    spec: PolicySpec, tmp_path: Path, said: bytes
) -> None:
    with (
        served_by("ipc", Looking(spec), tmp_path) as (server, _),
        connected(server.endpoint, PATIENT_S) as client,
        closing(RemotePolicy(server.endpoint, spec, PATIENT_S)) as remote,
    ):
        client.sendall(said)
        with suppress(ConnectionError):
            assert client.recv(len(HELLO)) == HELLO
            assert client.recv(1) == b""
        np.testing.assert_array_equal(ask(remote), expected(spec))


def test_who_takes_no_answer_holds_nobody_up(spec: PolicySpec, tmp_path: Path) -> None:
    wide = replace(spec, horizon=4, features_size=1_000_000)

    class Wide(Looking):
        def encode(self, observations: Any, images: Any = None) -> Encoded:
            return Encoded(np.zeros((len(observations), 1_000_000), np.float32))

    values, images = random_views(spec, 1)
    assert images is not None
    asked = question(wide, key=b"k", features=True)
    parts = pack(Message(asked, {"observations": values, "images": images}))
    with (
        served_by("ipc", Wide(wide), tmp_path) as (server, _),
        connected(server.endpoint, PATIENT_S) as deaf,
        closing(RemotePolicy(server.endpoint, wide, PATIENT_S)) as remote,
    ):
        deaf.sendall(HELLO)
        for number in range(2):
            deaf.sendall(b"".join([prefix_of(number, parts), *parts]))
        assert remote.encode(values, images).features.shape == (1, 1_000_000)


def test_a_socket_is_its_users_alone_and_goes_with_its_server(
    spec: PolicySpec, tmp_path: Path
) -> None:
    file = tmp_path / "policy"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(file))
    left.close()
    with served_by("ipc", Looking(spec), tmp_path):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        with pytest.raises(InvalidFile, match="another server is there"):
            PolicyServer(Looking(spec), f"ipc://{file}")
        assert file.exists()
    assert not file.exists()
    file.write_text("not ours")
    with pytest.raises(InvalidFile, match="nobody can be served"):
        PolicyServer(Looking(spec), f"ipc://{file}")
    assert file.read_text() == "not ours"
