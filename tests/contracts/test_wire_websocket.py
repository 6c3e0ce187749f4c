"""Our server that speaks openpi's protocol, asked by our client and by any."""

from __future__ import annotations

import http.client
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from dsrl_core.errors import InvalidFile
from dsrl_core.policies.wire import PolicyUnavailable, openpi_messages
from dsrl_core.policies.wire.images import compress
from dsrl_core.policies.wire.websocket_frames import frame_of
from dsrl_core.policies.wire.websocket_server import WebsocketServer
from dsrl_core.specs import PolicySpec
from tests.contracts.wire_setup import NOISES, PATIENT_S, ask, expected, remote_of
from tests.core.serving_setup import Looking, Watched, looking_policy, served
from tests.core.vision_setup import random_views


@pytest.fixture
def spec(tmp_path: Path) -> PolicySpec:
    return looking_policy(tmp_path)


@contextmanager
def server_of(policy: Any, **options: Any) -> Iterator[str]:
    """Its address."""
    with served(lambda: policy, lambda p: WebsocketServer(p, port=0, **options)) as server:
        yield f"ws://127.0.0.1:{server.port}"  # type: ignore[attr-defined]


def obs_of(spec: PolicySpec, **changes: Any) -> dict[str, Any]:
    """As any client of openpi would send it; float64 included."""
    values, images = random_views(spec, 1)
    assert images is not None
    obs: dict[str, Any] = {}
    start = 0
    for part in spec.observation:
        obs[part.name] = values[0, start : start + part.size].astype(np.float64)
        start += part.size
    obs |= {camera.name: images[0, place] for place, camera in enumerate(spec.cameras)}
    return {k: v for k, v in (obs | {"noise": NOISES[0]} | changes).items() if v is not None}


def reply_to(client: ClientConnection, obs: Any) -> dict[str, Any]:
    client.send(obs if isinstance(obs, bytes | str) else openpi_messages.pack(obs))
    data = client.recv(timeout=PATIENT_S)
    assert isinstance(data, bytes)
    return openpi_messages.unpack(data)


@contextmanager
def connected(url: str, **options: Any) -> Iterator[ClientConnection]:
    with connect(url, compression=None, proxy=None, **options) as client:
        metadata = client.recv(timeout=PATIENT_S)
        assert isinstance(metadata, bytes)
        assert openpi_messages.unpack(metadata)["noise_shape"] == [4, 5]
        yield client


@pytest.mark.parametrize("images", ["raw", "png"])
def test_our_client_and_our_server_give_what_the_policy_gives(
    spec: PolicySpec, images: str
) -> None:
    policy = Watched(Looking(spec))
    with server_of(policy) as url, closing(remote_of(spec, url, images=images)) as remote:
        np.testing.assert_array_equal(ask(remote), expected(spec))
        encoded = remote.encode(*random_views(spec, 1))
        for _ in range(3):
            np.testing.assert_array_equal(remote.decode(encoded, NOISES), expected(spec))
        assert policy.encoded == [1, 1, 1], "warm-up, and each observation once"
        assert remote.digest() == spec.weights_sha256


def test_a_client_of_openpi_is_answered_as_by_openpi(spec: PolicySpec) -> None:
    with server_of(Looking(spec)) as url, connected(url) as client:
        for obs in (obs_of(spec, request_id=7), obs_of(spec)):
            reply = reply_to(client, obs)
            np.testing.assert_array_equal(reply["actions"], expected(spec)[0])
            assert reply["policy_timing"]["infer_ms"] >= 0.0
            assert reply["server_timing"]["infer_ms"] >= 0.0
            assert reply.get("request_id") == obs.get("request_id")
        assert reply["server_timing"]["prev_total_ms"] > 0.0
        drawn = [reply_to(client, obs_of(spec, noise=None))["actions"] for _ in range(2)]
        assert (drawn[0] != drawn[1]).any(), "without a noise one is drawn"


def test_bad_requests_are_answered_with_the_reason_and_the_connection_stays(
    spec: PolicySpec,
) -> None:
    images = random_views(spec, 1)[1]
    assert images is not None
    field = spec.observation[0].name
    cases: list[tuple[Any, str]] = [
        ("a text", "a text; expected"),
        (b"\xc1garbage", "not a msgpack message"),
        (openpi_messages.pack([1]), "no map"),
        (obs_of(spec, **{field: None}), f"lacks {field}; expected"),
        (obs_of(spec, scene=None), "lacks scene"),
        (obs_of(spec, **{field: np.zeros(9)}), "has shape (9,)"),
        (obs_of(spec, **{field: "text"}), "expected an array of numbers"),
        (obs_of(spec, **{field: np.full(3, np.nan)}), "not finite"),
        (obs_of(spec, scene=images[0, 0, :8]), "expected uint8 (14, 18, 3)"),
        (obs_of(spec, scene=images[0, 0].astype(np.float32)), "expected uint8"),
        (obs_of(spec, scene={"png": b"garbage"}), "neither JPEG nor PNG"),
        (obs_of(spec, scene={"png": compress(images[0, 0, :8].copy(), "png")}), "compressed image"),
        (obs_of(spec, noise=np.zeros((8, 5))), "(n, 4, 5)"),
        (obs_of(spec, noise=np.full((4, 5), np.nan)), "finite"),
        (obs_of(spec, observation_key="text"), "is bytes"),
        ({"observation_key": b"unknown", "noise": NOISES[0]}, "not known here"),
    ]
    with server_of(Looking(spec)) as url, connected(url) as client:
        for obs, why in cases:
            error = reply_to(client, obs)["error"]
            assert why in error["message"], error
        np.testing.assert_array_equal(reply_to(client, obs_of(spec))["actions"], expected(spec)[0])


def test_an_oversized_message_costs_its_sender_the_connection_and_nobody_else(
    spec: PolicySpec,
) -> None:
    with server_of(Looking(spec)) as url, connected(url) as client, connected(url) as other:
        with pytest.raises(ConnectionClosed, match=r"1009|no close frame"):
            reply_to(client, bytes(65 * 1024 * 1024))
        np.testing.assert_array_equal(reply_to(other, obs_of(spec))["actions"], expected(spec)[0])


def test_clients_that_say_nothing_or_byte_by_byte_hold_nobody_up_and_are_let_go(
    spec: PolicySpec,
) -> None:
    with server_of(Looking(spec), patience_s=0.5) as url, ExitStack() as stack:
        port = int(url.rpartition(":")[2])
        silent, slow, broken = (
            stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(3)
        )
        slow.sendall(b"G")
        broken.sendall(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert broken.recv(12) == b"HTTP/1.1 101"
        broken.sendall(b"\x82\xff\x00\x00\x00\x00\x00\x10\x00\x00half a message")
        remote = stack.enter_context(closing(remote_of(spec, url)))
        np.testing.assert_array_equal(ask(remote), expected(spec))
        for client in (silent, slow, broken):
            client.settimeout(PATIENT_S)
            while client.recv(4096):
                pass


def test_messages_come_in_one_frame_or_several_or_byte_by_byte_and_several_at_once(
    spec: PolicySpec,
) -> None:
    """Larger ones than a frame that is read in one go too."""
    field = {"more": np.zeros(100_000, np.uint8)}, {"more": np.zeros(1_200_000, np.uint8)}
    with server_of(Looking(spec)) as url, connected(url) as client:
        for more in ({}, *field):
            packed = openpi_messages.pack(obs_of(spec) | more)
            thirds = [packed[: len(packed) // 3], packed[len(packed) // 3 :]]
            for sent in (packed, thirds):
                client.send(sent)
                client.ping()
                data = client.recv(timeout=PATIENT_S)
                assert isinstance(data, bytes)
                actions = openpi_messages.unpack(data)["actions"]
                np.testing.assert_array_equal(actions, expected(spec)[0])
        client.send(openpi_messages.pack(obs_of(spec, request_id=1) | field[0]))
        client.send(openpi_messages.pack(obs_of(spec, request_id=2)))
        client.send(openpi_messages.pack(obs_of(spec, request_id=3) | field[0]))
        for number in (1, 2, 3):
            data = client.recv(timeout=PATIENT_S)
            assert isinstance(data, bytes)
            assert openpi_messages.unpack(data)["request_id"] == number
        frame = frame_of(openpi_messages.pack(obs_of(spec) | field[0]))
        assert frame is not None
        client.socket.sendall(frame[0][:2])
        time.sleep(0.05)
        client.socket.sendall(frame[0][2:] + frame[1][:9])
        time.sleep(0.05)
        client.socket.sendall(frame[1][9:])
        assert isinstance(client.recv(timeout=PATIENT_S), bytes)


def test_health_is_told_while_the_policy_thinks(spec: PolicySpec) -> None:
    policy, go_on, is_thinking = Watched(Looking(spec)), threading.Event(), threading.Event()
    with server_of(policy) as url, connected(url) as client:

        def think(_: Any) -> None:
            is_thinking.set()
            assert go_on.wait(PATIENT_S)

        policy.before_decoding = think
        client.send(openpi_messages.pack(obs_of(spec)))
        assert is_thinking.wait(PATIENT_S)
        asking = http.client.HTTPConnection(url.removeprefix("ws://"), timeout=PATIENT_S)
        with closing(asking):
            asking.request("GET", "/healthz")
            assert asking.getresponse().read() == b"OK\n"
        go_on.set()
        assert isinstance(client.recv(timeout=PATIENT_S), bytes)


def test_who_has_no_token_is_refused(
    spec: PolicySpec, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token = "0123456789abcdef0123"
    file = tmp_path / "token"
    file.touch(0o600)
    file.write_text(token + "\n")
    caplog.set_level(logging.WARNING)
    with server_of(Looking(spec), token=token) as url:
        with closing(remote_of(spec, url, token_file="token")) as remote:
            np.testing.assert_array_equal(ask(remote), expected(spec))
        with connected(url, additional_headers={"Authorization": f"Api-Key {token}"}):
            pass
        for header in (None, {"Authorization": "Bearer wrong"}, {"Authorization": token}):
            with pytest.raises(InvalidStatus, match="401"):
                connect(url, proxy=None, additional_headers=header).__enter__()
        with pytest.raises(PolicyUnavailable, match=r"401.*expected Authorization"):
            remote_of(spec, url, connect_s=0.2)
    assert "was refused" in caplog.text
    file.chmod(0o644)
    with pytest.raises(InvalidFile, match="open to others"):
        remote_of(spec, url, token_file="token")


def test_nothing_listens_to_other_machines_without_a_token(spec: PolicySpec) -> None:
    with pytest.raises(InvalidFile, match="open to other machines"):
        WebsocketServer(Looking(spec), host="0.0.0.0")


def test_a_server_that_was_away_is_found_again(spec: PolicySpec) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    values = random_views(spec, 1)

    def serve(policy: Any) -> WebsocketServer:
        return WebsocketServer(policy, port=port)

    with served(lambda: Looking(spec), serve):
        remote = remote_of(spec, f"ws://127.0.0.1:{port}")
        encoded = remote.encode(*values)
        np.testing.assert_array_equal(remote.decode(encoded, NOISES), expected(spec))
    with closing(remote):
        with pytest.raises(PolicyUnavailable):
            remote.decode(encoded, NOISES)
        with served(lambda: Looking(spec), serve):
            until = time.monotonic() + PATIENT_S
            while True:
                try:
                    found = remote.decode(encoded, NOISES)
                    break
                except PolicyUnavailable:
                    assert time.monotonic() < until
                    time.sleep(0.05)
            np.testing.assert_array_equal(found, expected(spec))
