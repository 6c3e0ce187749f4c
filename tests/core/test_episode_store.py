"""The episode store: what is read is what was written, or it is not there."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mcap.reader import make_reader
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from dsrl_core.data.decision_codec import STEP_TYPE, DecisionCodec, own_codec
from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.errors import DsrlError, InvalidFile, InvalidValue, UnknownName
from dsrl_core.types import (
    Decision,
    DecisionStep,
    Episode,
    Mode,
    Observation,
    final_decision,
)

float32s = st.floats(width=32)
shapes = st.tuples(st.integers(1, 5), st.integers(1, 6))


def arrays(shape):
    return hnp.arrays(np.float32, shape, elements=float32s)


@st.composite
def episodes(draw) -> Episode:
    number = draw(st.integers(0, 2**32 - 1))
    noise_shape, chunk_shape = draw(shapes), draw(shapes)
    rows = draw(st.sampled_from([1, noise_shape[0]]))
    seen = draw(st.integers(0, 12))
    camera_shape = draw(st.none() | st.tuples(*[st.integers(1, 4)] * 3))

    def observation(stamp_ns: int) -> Observation:
        pixels = None
        if camera_shape is not None:
            pixels = draw(hnp.arrays(np.uint8, (*camera_shape, 3)))
        return Observation(stamp_ns, draw(arrays(seen)), pixels)

    stamp = draw(st.integers(0, 10**18))
    steps = []
    for sequence in range(draw(st.integers(0, 5))):
        decision = Decision(
            number,
            sequence,
            observation(stamp + sequence),
            draw(arrays((rows, noise_shape[1]))),
            draw(arrays(noise_shape)),
            draw(arrays(chunk_shape)),
            draw(st.sampled_from(["base", "search", "höflich"])),
            draw(st.integers(0, 2**64 - 1)),
            draw(st.integers(0, 2**64 - 1)),
            draw(float32s),
            draw(float32s),
        )
        between = draw(arrays((draw(st.integers(0, 3)), seen)))
        executed = draw(st.integers(0, 2**32 - 1))
        steps.append(DecisionStep(decision, executed, between, draw(st.floats())))
    last = final_decision(number, len(steps), observation(stamp + 9))
    return Episode(
        number,
        draw(st.sampled_from(Mode)),
        draw(st.integers(0, 2**64 - 1)),
        (*steps, DecisionStep(last, 0)),
        draw(st.sampled_from(["ended", "deadline", "invalid"])),
        draw(st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=3)),
    )


def one(number: int = 12, decisions: int = 3) -> Episode:
    random = np.random.default_rng(number)

    def normal(*shape: int) -> np.ndarray:
        return random.normal(size=shape).astype(np.float32)

    steps = [
        DecisionStep(
            Decision(
                number, i, Observation(10**9 * (i + 1), normal(9)), normal(1, 5), normal(4, 5),
                normal(4, 5), "search", 3, 99, 0.5, 0.25,
            ),
            4,
        )
        for i in range(decisions)
    ]  # fmt: skip
    last = final_decision(number, decisions, Observation(10**9 * (decisions + 1), normal(9)))
    closed = (*steps, DecisionStep(last, 0))
    return Episode(number, Mode.TRAIN, 2**63, closed, "ended", {"task": "franka_pick"})


def assert_equal(one, other) -> None:
    """Equal in type, shape and bit, all the way down."""
    assert type(one) is type(other)
    if isinstance(one, np.ndarray):
        assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    elif hasattr(one, "__dataclass_fields__"):
        for part in fields(one):
            assert_equal(getattr(one, part.name), getattr(other, part.name))
    elif isinstance(one, tuple):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_equal(left, right)
    else:
        assert one == other or (one != one and other != other)


@settings(max_examples=40)
@given(episode=episodes())
def test_an_episode_is_read_as_it_was_written_to_the_bit(tmp_path_factory, episode) -> None:
    store = EpisodeStore(tmp_path_factory.mktemp("episodes"))
    path = store.write(episode)
    assert_equal(store.read(episode.number), episode)
    assert_equal(store.read(path), episode)
    assert store.numbers() == [episode.number]
    assert store.next_number() == episode.number + 1


def test_a_bag_is_rosbag2s_and_names_its_types(tmp_path) -> None:
    path = EpisodeStore(tmp_path).write(one())
    assert {file.name for file in path.iterdir()} == {
        "metadata.yaml",
        "episode_000012.mcap",
        "SHA256SUMS",
    }
    with Reader(path) as reader:
        types = {connection.topic: connection.msgtype for connection in reader.connections}
        counts = {topic: about.msgcount for topic, about in reader.topics.items()}
    assert types == {
        "decision_step": "dsrl_interfaces/msg/DecisionStep",
        "episode_metadata": "std_msgs/msg/String",
    }
    assert counts == {"decision_step": 4, "episode_metadata": 1}


def test_another_reader_of_mcap_and_a_bare_typestore_can_read_it(tmp_path) -> None:
    path = EpisodeStore(tmp_path).write(one())
    bare = get_typestore(Stores.EMPTY)
    steps = []
    for schema, channel, message in make_reader(
        io.BytesIO((path / "episode_000012.mcap").read_bytes())
    ).iter_messages(topics=["decision_step"]):
        assert (schema.encoding, channel.message_encoding) == ("ros2msg", "cdr")
        if not steps:
            bare.register(get_types_from_msg(schema.data.decode(), schema.name))
        steps.append((message.log_time, bare.deserialize_cdr(message.data, schema.name)))
    assert [stamp for stamp, _ in steps] == [10**9 * (i + 1) for i in range(4)]
    first = one().steps[0].decision
    np.testing.assert_array_equal(steps[0][1].decision.chunk, first.chunk.reshape(-1))
    assert steps[-1][1].final


def test_what_an_older_definition_wrote_is_read_by_the_definition_in_the_bag(
    tmp_path, monkeypatch
) -> None:
    own = own_codec().definition
    # Fields in another order: only who reads the bag's own definition gets them right.
    text = own.replace("uint32 sequence\n", "").replace(
        "uint32 episode\n", "uint32 sequence\nuint32 episode\n"
    )
    assert text != own
    older = DecisionCodec({STEP_TYPE: text})
    monkeypatch.setattr("dsrl_core.data.episode_store.own_codec", lambda: older)
    store = EpisodeStore(tmp_path)
    store.write(one())
    monkeypatch.undo()
    assert_equal(store.read(12), one())


def test_an_unknown_episode_is_told_with_those_that_are_there(tmp_path) -> None:
    store = EpisodeStore(tmp_path)
    assert store.next_number() == 0
    store.write(one(3))
    store.write(one(5))
    with pytest.raises(UnknownName, match=r"unknown episode .* '4'; available: 3, 5"):
        store.read(4)
    assert store.next_number() == 6


def test_a_number_that_is_taken_is_refused_and_the_old_episode_stays(tmp_path) -> None:
    store = EpisodeStore(tmp_path)
    store.write(one(3))
    with pytest.raises(InvalidValue, match=r"already stored .* next free number is 4"):
        store.write(replace(one(3), seed=1))
    assert_equal(store.read(3), one(3))


def changed(**values) -> Episode:
    first = one().steps[0]
    broken = replace(first, decision=replace(first.decision, **values))
    return replace(one(), steps=(broken, *one().steps[1:]))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"chunk": np.zeros((4, 5))}, "chunk is float64, expected float32"),
        ({"chunk": np.zeros(5, dtype=np.float32)}, r"chunk has shape \(5,\)"),
        ({"noise_requested": np.zeros((1, 3), dtype=np.float32)}, r"shape \(1, 3\), expected"),
        (
            {"observation": Observation(1, np.zeros(9, np.float32), np.zeros((2, 4, 4, 3)))},
            "images are float64, expected uint8",
        ),
        (
            {"observation": Observation(1, np.zeros(9, np.float32), np.zeros((4, 4, 3), np.uint8))},
            r"images have shape \(4, 4, 3\), expected \(cameras, height, width, 3\)",
        ),
        ({"seed": -1}, "decision 0 of episode 12 cannot be stored"),
        ({"value": 1e300}, "decision 0 of episode 12 cannot be stored"),
    ],
)
def test_a_step_that_cannot_be_stored_is_refused_and_leaves_nothing(
    tmp_path, values, message
) -> None:
    store = EpisodeStore(tmp_path)
    with pytest.raises(InvalidValue, match=message):
        store.write(changed(**values))
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=40)
@given(where=st.floats(0, 1), size=st.floats(0, 1), byte=st.integers(0, 255))
def test_a_damaged_bag_gives_an_episode_or_a_clear_error(
    tmp_path_factory, where, size, byte
) -> None:
    store = EpisodeStore(tmp_path_factory.mktemp("episodes"))
    path = store.write(one()) / "episode_000012.mcap"
    content = bytearray(path.read_bytes())
    content[int(where * (len(content) - 1))] = byte
    path.write_bytes(content[: int(size * len(content))] if size < 0.7 else content)
    with contextlib.suppress(InvalidFile):
        assert isinstance(store.read(12), Episode)


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_full_disk_is_told_and_no_half_episode_remains(tmp_path, monkeypatch, call) -> None:
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    store = EpisodeStore(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail)
        with pytest.raises(DsrlError, match=r"episode 12 could not be written .*No space left"):
            store.write(one())
    assert list(tmp_path.iterdir()) == []
    store.write(one())


def test_a_folder_that_cannot_be_used_is_told(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DsrlError, match="cannot be used"):
        EpisodeStore(tmp_path / "file")


def test_the_rest_of_an_interrupted_write_is_set_aside_and_is_no_episode(tmp_path) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from dsrl_core.data.episode_store import EpisodeStore\n"
        "with EpisodeStore(Path(sys.argv[1])).partial('episode_000012') as partial:\n"
        "    (partial / 'half.mcap').write_text('half')\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    store = EpisodeStore(tmp_path)
    assert [path.parent.name for path in store.set_aside] == ["interrupted"]
    assert (store.set_aside[0] / "half.mcap").read_text() == "half"
    assert store.numbers() == []
    assert EpisodeStore(tmp_path).set_aside == ()


def test_opening_the_store_leaves_a_write_in_progress_alone(tmp_path) -> None:
    store = EpisodeStore(tmp_path)
    with store.partial("episode_000001") as partial:
        assert EpisodeStore(tmp_path).set_aside == ()
        assert partial.exists()
