"""Messages: what is packed comes back; nothing else than a message is ever taken for one."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsrl_core.policies.wire import MalformedMessage, openpi_messages
from dsrl_core.policies.wire.images import compress, decompress
from dsrl_core.policies.wire.messages import (
    HEADER_SIZE_MAX_BYTES,
    MESSAGE_SIZE_MAX_BYTES,
    Message,
    pack,
    unpack,
)

ARRAYS = {
    "noises": np.arange(12, dtype=np.float32).reshape(1, 4, 3),
    "images": np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3),
}
PARTS = [bytes(part) for part in pack(Message({"key": b"k"}, ARRAYS))]
OPENPI = openpi_messages.pack({"state": ARRAYS["noises"], "image": ARRAYS["images"], "prompt": "p"})


def test_a_message_comes_back_as_it_was() -> None:
    message = unpack(PARTS)
    assert message.values == {"key": b"k"}
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(message.arrays[name], array)


def test_arrays_that_are_not_contiguous_or_read_only_go_over_as_they_are() -> None:
    across = np.arange(12, dtype=np.float32).reshape(3, 4).T
    across.flags.writeable = False
    parts = pack(Message({}, {"noises": across}))
    np.testing.assert_array_equal(unpack(parts).arrays["noises"], across)
    reply = openpi_messages.unpack(openpi_messages.pack({"noise": across}))
    np.testing.assert_array_equal(reply["noise"], across)


def test_arrays_are_not_copied() -> None:
    parts = pack(Message({}, ARRAYS))
    assert np.shares_memory(np.frombuffer(parts[1], np.float32), ARRAYS["noises"])
    assert np.shares_memory(unpack(parts).arrays["images"], ARRAYS["images"])


def header(*arrays: Any, **values: Any) -> bytes:
    return bytes(msgpack.packb({"arrays": list(arrays), **values}))


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ([], "without any part"),
        ([b""], "not a msgpack message"),
        ([b"\xc1"], "not a msgpack message"),
        ([msgpack.packb([1])], "expected a map"),
        ([b"\x00" * (HEADER_SIZE_MAX_BYTES + 1)], "a header of"),
        ([msgpack.packb({})], "0 arrays"),
        ([header(["a", "float32", [1]])], "0 arrays"),
        ([header("a"), b"1234"], "announced by"),
        ([header(["a", "float64", [1]]), b"12345678"], "dtype 'float64'; expected float32"),
        ([header(["a", "object", [1]]), b"12345678"], "dtype 'object'"),
        ([header(["a", "float32", [2]]), b"1234"], "takes 8 bytes; got 4"),
        ([header(["a", "float32", [2**31, 2**31, 2**31]]), b"1234"], "takes .* bytes; got 4"),
        ([header(["a", "float32", [-1]]), b"1234"], "no shape"),
        ([header(["a", "float32", [0, 2**62]]), b""], "no shape"),
        ([header(["a", "float32", [True]]), b"1234"], "no shape"),
        ([header(["a", "float32", [1] * 40]), b"1234"], "no shape"),
        ([header(*[["a", "uint8", [1]]] * 2), b"1", b"2"], "two arrays of one name"),
        ([header(*[["a", "uint8", [1]]] * 9), *[b"1"] * 9], "at most 8"),
    ],
)
def test_what_is_no_message_is_refused_with_the_reason(parts: list[bytes], why: str) -> None:
    with pytest.raises(MalformedMessage, match=why):
        unpack(parts)


def test_a_message_is_bounded() -> None:
    too_much = memoryview(bytearray(MESSAGE_SIZE_MAX_BYTES + 1))
    with pytest.raises(MalformedMessage, match="more than"):
        unpack([header(["a", "uint8", [len(too_much)]]), too_much])
    with pytest.raises(MalformedMessage, match="expected at most"):
        openpi_messages.unpack(too_much)


def array_map(**changes: Any) -> bytes:
    array = {b"__ndarray__": True, b"data": b"1234", b"dtype": "<f4", b"shape": [1]}
    changed = array | {name.encode(): value for name, value in changes.items()}
    return bytes(msgpack.packb({"state": changed}))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (array_map(dtype="|O"), "dtype"),
        (array_map(dtype="|V4"), "dtype"),
        (array_map(dtype=["<f4"]), "dtype"),
        (array_map(data="1234"), "dtype"),
        (array_map(shape=[2]), "takes 8 bytes; got 4"),
        (array_map(shape=[2**40, 2**40]), "bytes; got 4"),
        (array_map(shape=None), "no shape"),
        (msgpack.packb([1]), "no map"),
        (msgpack.packb({b"state": 1}), "no map"),
        (msgpack.packb({"n": {b"__npgeneric__": True, b"data": [1]}}), "a number of type"),
        (msgpack.packb({"state": 1}) + b"x", "not a msgpack message"),
    ],
)
def test_what_is_no_message_of_openpi_is_refused_with_the_reason(data: bytes, why: str) -> None:
    with pytest.raises(MalformedMessage, match=why):
        openpi_messages.unpack(data)


def test_objects_are_not_sent() -> None:
    with pytest.raises(MalformedMessage, match="object"):
        openpi_messages.pack({"state": np.array([{}], dtype=object)})


def refuses_or_reads(read: Any, data: Any) -> None:
    """Nothing else comes of bytes than a message or our own error, and no array beyond them."""
    try:
        message = read(data)
    except MalformedMessage:
        return
    arrays = message.arrays if isinstance(message, Message) else message
    for value in arrays.values():
        if isinstance(value, np.ndarray):
            assert value.nbytes <= MESSAGE_SIZE_MAX_BYTES


@given(st.lists(st.binary(max_size=200), max_size=4))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_refused_or_read(parts: list[bytes]) -> None:
    refuses_or_reads(unpack, parts)
    for part in parts:
        refuses_or_reads(openpi_messages.unpack, part)


@st.composite
def changed(draw: st.DrawFn, data: bytes) -> bytes:
    """A message with some of its bytes others, gone or doubled."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(changed) - 1))
        kind = draw(st.sampled_from(["other", "gone", "doubled"]))
        if kind == "other":
            changed[place] = draw(st.integers(0, 255))
        elif kind == "gone" and len(changed) > 1:
            del changed[place : place + draw(st.integers(1, 8))]
        else:
            changed[place:place] = changed[place : place + 4]
        if not changed:
            return b""
    return bytes(changed)


@given(st.integers(0, len(PARTS) - 1).flatmap(lambda n: st.tuples(st.just(n), changed(PARTS[n]))))
@settings(max_examples=400, deadline=None)
def test_a_changed_message_is_refused_or_read(change: tuple[int, bytes]) -> None:
    place, part = change
    refuses_or_reads(unpack, [*PARTS[:place], part, *PARTS[place + 1 :]])


@given(changed(OPENPI))
@settings(max_examples=400, deadline=None)
def test_a_changed_message_of_openpi_is_refused_or_read(data: bytes) -> None:
    refuses_or_reads(openpi_messages.unpack, data)


IMAGE = np.random.default_rng(0).integers(0, 256, (14, 18, 3), dtype=np.uint8)


def test_png_keeps_every_pixel_and_jpeg_nearly() -> None:
    np.testing.assert_array_equal(decompress(compress(IMAGE, "png"), IMAGE.shape), IMAGE)
    smooth = np.broadcast_to(np.arange(18, dtype=np.uint8)[None, :, None] * 10, IMAGE.shape).copy()
    found = decompress(compress(smooth, "jpeg"), IMAGE.shape)
    assert np.abs(found.astype(int) - smooth).max() <= 12


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_a_compressed_image_of_another_size_is_refused_before_it_is_decoded(kind: Any) -> None:
    with pytest.raises(MalformedMessage, match=r"\(14, 18\); expected \(224, 224\)"):
        decompress(compress(IMAGE, kind), (224, 224, 3))


@given(st.sampled_from(["png", "jpeg"]).flatmap(lambda kind: changed(compress(IMAGE, kind))))
@settings(max_examples=200, deadline=None)
def test_a_changed_image_is_refused_or_decoded_to_its_shape(data: bytes) -> None:
    with suppress(MalformedMessage):
        assert decompress(data, IMAGE.shape).shape == IMAGE.shape
