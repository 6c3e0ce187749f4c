"""Between two processes of ours: what is asked, what is answered, what is refused."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import zmq

from dsrl_core.policies.wire import PolicyServer, RemotePolicy
from dsrl_core.policies.wire.messages import PROTOCOL, Message, pack, unpack
from dsrl_core.specs import PolicySpec
from tests.contracts.wire_setup import NOISES, PATIENT_S, ask, expected, port_of
from tests.core.serving_setup import (
    Looking,
    Watched,
    looking_policy,
    served,
    zmq_server,
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


@contextmanager
def raw(endpoint: str) -> Iterator[zmq.Socket[bytes]]:
    with zmq.Context() as context, context.socket(zmq.DEALER) as client:
        client.setsockopt(zmq.LINGER, 0)
        client.connect(endpoint)
        yield client


def reply_to(client: zmq.Socket[bytes], *parts: Any) -> Message:
    client.send_multipart([b"12345678", *parts])
    assert client.poll(1000 * PATIENT_S)
    number, *reply = client.recv_multipart()
    assert number == b"12345678"
    return unpack(reply)


@pytest.mark.parametrize("images", ["raw", "png"])
def test_what_the_policy_sees_and_gives_goes_over_as_it_is(
    spec: PolicySpec, policy: Watched, endpoint: str, images: Any
) -> None:
    with (
        served(lambda: policy, zmq_server(endpoint)),
        closing(RemotePolicy(endpoint, spec, PATIENT_S, images=images)) as remote,
    ):
        np.testing.assert_array_equal(ask(remote), expected(spec))


def test_an_observation_goes_over_once(spec: PolicySpec, policy: Watched, endpoint: str) -> None:
    with (
        served(lambda: policy, zmq_server(endpoint)),
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
            with served(lambda: Looking(spec), zmq_server(endpoint)):
                np.testing.assert_array_equal(remote.decode(encoded, NOISES), expected(spec))


def test_robots_that_ask_while_the_policy_thinks_are_answered_in_one_batch(
    spec: PolicySpec, policy: Watched, endpoint: str
) -> None:
    with ExitStack() as stack:
        stack.enter_context(served(lambda: policy, zmq_server(endpoint)))
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


def test_bad_requests_are_answered_with_the_reason_and_good_ones_after_them(
    spec: PolicySpec, policy: Watched, endpoint: str
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
    with served(lambda: policy, zmq_server(endpoint)), raw(endpoint) as client:
        for parts, why in cases:
            error = reply_to(client, *parts).values["error"]
            assert any(part in error["message"] for part in why.split("|")), error
        chunks = reply_to(client, *pack(Message(good, whole))).arrays["chunks"]
        np.testing.assert_array_equal(chunks, expected(spec))


def test_float64_and_views_of_other_arrays_are_converted_by_the_client(
    spec: PolicySpec, endpoint: str
) -> None:
    noises: Any = np.asfortranarray(NOISES.astype(np.float64))
    noises.flags.writeable = False
    values, images = random_views(spec, 1)
    with (
        served(lambda: Looking(spec), zmq_server(endpoint)),
        closing(RemotePolicy(endpoint, spec, PATIENT_S)) as remote,
    ):
        found = remote.decode(remote.encode(values, images), noises)
    np.testing.assert_array_equal(found, expected(spec))


def test_an_oversized_frame_costs_its_sender_the_connection_and_nobody_else(
    spec: PolicySpec, endpoint: str
) -> None:
    with (
        served(lambda: Looking(spec), zmq_server(endpoint)),
        raw(endpoint) as client,
        closing(RemotePolicy(endpoint, spec, PATIENT_S)) as remote,
    ):
        client.send_multipart([b"12345678", bytes(65 * 1024 * 1024)])
        assert not client.poll(1000)
        np.testing.assert_array_equal(ask(remote), expected(spec))


def test_clients_that_say_nothing_or_byte_by_byte_hold_nobody_up_and_are_let_go(
    spec: PolicySpec,
) -> None:
    def serve(policy: Any) -> PolicyServer:
        return PolicyServer(policy, "tcp://127.0.0.1:*", handshake_s=1.0)

    with served(lambda: Looking(spec), serve) as server, ExitStack() as stack:
        silent, slow = (
            stack.enter_context(socket.create_connection(("127.0.0.1", port_of(server))))
            for _ in range(2)
        )
        slow.sendall(b"\xff")
        remote = stack.enter_context(
            closing(RemotePolicy(server.endpoint, spec, PATIENT_S))  # type: ignore[attr-defined]
        )
        np.testing.assert_array_equal(ask(remote), expected(spec))
        for client in (silent, slow):
            client.settimeout(PATIENT_S)
            with suppress(ConnectionError):
                while client.recv(1024):
                    pass
