"""The label ledger: nothing that was acknowledged is lost, and the last word holds."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsrl_core.data.ledger import LabelLedger, LedgerFollower, standing_labels
from dsrl_core.errors import DsrlError, InvalidFile, InvalidValue
from dsrl_core.types import Label, Outcome

labels = st.builds(
    Label,
    episode=st.integers(0, 4),
    outcome=st.sampled_from(Outcome),
    reward=st.floats(0.0, 1.0),
    author=st.text(max_size=20),
    stamp_ns=st.integers(0, 2**63 - 1),
    supersedes=st.integers(0, 6),
    note=st.text(max_size=40),
)


def label(episode: int, outcome: Outcome = Outcome.SUCCESS, **more) -> Label:
    reward = 1.0 if outcome is Outcome.SUCCESS else 0.0
    return Label(episode, outcome, reward, "ada", 5_000_000_000, **more)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "labels.jsonl"


def test_entries_are_numbered_from_one_and_read_again_as_written(path) -> None:
    with LabelLedger(path) as ledger:
        written = [ledger.append(label(3)), ledger.append(label(1, Outcome.FAILURE, note="missed"))]
    assert [entry.entry for entry in written] == [1, 2]
    with LabelLedger(path) as again:
        assert again.entries == tuple(written)
        assert again.torn is None


def test_a_late_label_counts_and_an_unlabelled_episode_is_no_failure(path) -> None:
    with LabelLedger(path) as ledger:
        ledger.append(label(7))
        ledger.append(label(2, Outcome.FAILURE))
        assert ledger.outcome_of(2) is Outcome.FAILURE
        assert ledger.outcome_of(5) is None
        assert set(ledger.current()) == {2, 7}


def test_a_correction_supersedes_and_everything_is_kept(path) -> None:
    with LabelLedger(path) as ledger:
        ledger.append(label(1))
        correction = ledger.append(label(1, Outcome.FAILURE))
        assert correction.supersedes == 1
        assert ledger.outcome_of(1) is Outcome.FAILURE
        assert len(ledger.entries) == 2


def test_undo_takes_the_episodes_label_back_and_it_can_be_labelled_again(path) -> None:
    with LabelLedger(path) as ledger:
        ledger.append(label(1))
        ledger.append(label(2))
        undo = ledger.append(label(1, Outcome.UNDO))
        assert undo.supersedes == 1
        assert ledger.label_of(1) is None
        assert ledger.outcome_of(2) is Outcome.SUCCESS
        ledger.append(label(1, Outcome.FAILURE))
        assert ledger.outcome_of(1) is Outcome.FAILURE


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (label(4, Outcome.UNDO), r"nothing to take back: episode 4 .* labelled are \[1\]"),
        (label(1, Outcome.UNDO, supersedes=1), "entry 1 cannot be taken back.*is entry 2"),
        (label(1, supersedes=9), "no entry 9 to supersede; the ledger has 2"),
        (label(2, supersedes=1), "entry 1 is about episode 1, not 2"),
        (label(-1), "episode -1"),
        (replace(label(1), reward=1.5), "reward is 1.5, expected 0 to 1"),
        (replace(label(1), reward=float("nan")), "reward is nan"),
        (replace(label(1), outcome="meh"), "unknown outcome 'meh'; available: discard, failure"),
    ],
)
def test_an_impossible_label_is_refused_and_leaves_no_entry(path, wrong, message) -> None:
    with LabelLedger(path) as ledger:
        ledger.append(label(1))
        ledger.append(label(1, Outcome.FAILURE))
        with pytest.raises(InvalidValue, match=message):
            ledger.append(wrong)
        assert len(ledger.entries) == 2
    assert path.read_bytes().count(b"\n") == 2


@settings(max_examples=40)
@given(stream=st.lists(labels, max_size=25), cut=st.integers(0, 400))
def test_after_a_cut_at_any_byte_all_whole_entries_are_there(tmp_path_factory, stream, cut) -> None:
    path = tmp_path_factory.mktemp("ledger") / "labels.jsonl"
    written, ends = [], []
    with LabelLedger(path) as ledger:
        for one in stream:
            try:
                written.append(ledger.append(one))
                ends.append(path.stat().st_size)
            except InvalidValue:
                pass
        current = ledger.current()
    with LabelLedger(path) as again:
        assert again.entries == tuple(written)
        assert again.current() == current
    size = max(0, path.stat().st_size - cut)
    os.truncate(path, size)
    whole = tuple(entry for entry, end in zip(written, ends, strict=True) if end <= size)
    with LabelLedger(path) as cut_off:
        assert cut_off.entries == whole
        assert (cut_off.torn is not None) == (size not in (0, *ends))
        assert cut_off.append(label(0)).entry == len(whole) + 1
    with LabelLedger(path) as mended:
        assert mended.torn is None


def test_a_torn_line_is_set_aside_and_told(path) -> None:
    with LabelLedger(path) as ledger:
        ledger.append(label(1))
    with path.open("ab") as file:
        file.write(b'{"episode": 2, "outc')
    with LabelLedger(path) as ledger:
        assert "middle of entry 2" in ledger.torn
        assert len(ledger.entries) == 1
    assert path.with_name("labels.jsonl.torn").read_bytes() == b'{"episode": 2, "outc\n'


@pytest.mark.parametrize(
    "line",
    ["null", "[]", '{"episode": 1}', "garbage"],
)
def test_a_broken_line_before_the_last_is_refused_by_its_number(path, line) -> None:
    with LabelLedger(path) as ledger:
        ledger.append(label(1))
        ledger.append(label(2))
    first, second = path.read_text().splitlines()
    path.write_text(f"{first}\n{line}\n{second}\n")
    with pytest.raises(InvalidFile, match="line 2"):
        LabelLedger(path)
    with pytest.raises(InvalidFile, match="line 2"):
        LedgerFollower(path).new()


def test_an_entry_that_is_missing_is_noticed(path) -> None:
    with LabelLedger(path) as ledger:
        for episode in range(3):
            ledger.append(label(episode))
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0] + lines[2])
    with pytest.raises(InvalidFile, match="line 2 holds entry 3"):
        LabelLedger(path)


def test_a_second_writer_is_refused_even_from_another_process(path) -> None:
    code = (
        "import sys; from pathlib import Path; from dsrl_core.data.ledger import LabelLedger\n"
        "from dsrl_core.errors import DsrlError\n"
        "try: LabelLedger(Path(sys.argv[1]))\n"
        "except DsrlError as error: sys.exit(str(error))"
    )
    command = [sys.executable, "-c", code, str(path)]
    with LabelLedger(path), pytest.raises(DsrlError, match="written by another process"):
        LabelLedger(path)
    with LabelLedger(path):
        other = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "written by another process" in other.stderr
    assert subprocess.run(command, check=False).returncode == 0


def test_a_follower_reads_each_entry_once_and_never_half_of_one(path) -> None:
    follower = LedgerFollower(path)
    assert follower.new() == ()
    with LabelLedger(path) as ledger:
        first = ledger.append(label(1))
        assert follower.new() == (first,)
        assert follower.new() == ()
        content = path.read_bytes()
        with path.open("ab") as file:
            file.write(content[:30])
        assert follower.new() == ()
        os.truncate(path, len(content))
        second = ledger.append(label(2))
        third = ledger.append(label(2, Outcome.UNDO))
        assert follower.new() == (second, third)


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_full_disk_is_told_and_the_ledger_stays_whole(path, monkeypatch, call) -> None:
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with LabelLedger(path) as ledger:
        ledger.append(label(1))
        with monkeypatch.context() as patched:
            patched.setattr(os, call, fail)
            with pytest.raises(DsrlError, match=r"label of episode 2 .*No space left"):
                ledger.append(label(2))
        assert ledger.append(label(3)).entry == 2
    with LabelLedger(path) as again:
        assert [entry.episode for entry in again.entries] == [1, 3]


def test_a_path_that_cannot_be_written_is_told(tmp_path) -> None:
    with pytest.raises(DsrlError, match="cannot be written"):
        LabelLedger(tmp_path)
    with pytest.raises(DsrlError, match="cannot be written"):
        LabelLedger(tmp_path / "nowhere" / "labels.jsonl")


def test_mark_is_kept_and_changes_nothing(path) -> None:
    with LabelLedger(path) as ledger:
        ledger.append(label(1))
        marked = ledger.append(label(1, Outcome.MARK, moment_ns=7, note="slipped"))
        assert ledger.outcome_of(1) is Outcome.SUCCESS
    with LabelLedger(path) as again:
        assert again.entries[1] == marked


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        ({"outcome": Outcome.MARK, "supersedes": 1}, "a mark replaces nothing"),
        ({"moment_ns": 7}, "moment_ns is 7; expected 0"),
        ({"outcome": Outcome.MARK, "moment_ns": -1}, "moment_ns is -1"),
    ],
)
def test_moment_is_of_a_mark_and_a_mark_replaces_nothing(path, bad, expected) -> None:
    with LabelLedger(path) as ledger:
        ledger.append(label(1))
        with pytest.raises(InvalidValue, match=expected):
            ledger.append(label(1, **bad))


def test_conflict_is_another_authors_other_word_that_was_not_seen(path) -> None:
    with LabelLedger(path) as ledger:
        ledger.append(label(1))
        assert ledger.append(label(1, Outcome.FAILURE)).conflicts_with == 0, "the same author"
        other = replace(label(1), author="bob")
        assert ledger.append(other).conflicts_with == 2
        assert ledger.append(replace(label(1), author="eve")).conflicts_with == 0, "they agree"
        seen = replace(label(1, Outcome.FAILURE), author="bob", supersedes=4)
        assert ledger.append(seen).conflicts_with == 0, "it was seen"


def test_ledger_from_before_marks_and_conflicts_is_read(path) -> None:
    with LabelLedger(path) as ledger:
        ledger.append(label(1))
    values = json.loads(path.read_text())
    del values["moment_ns"], values["conflicts_with"]
    path.write_text(json.dumps(values) + "\n")
    with LabelLedger(path) as again:
        assert again.outcome_of(1) is Outcome.SUCCESS


def test_what_stands_is_in_the_order_of_the_first_labels_and_no_mark_hides_it(path) -> None:
    with LabelLedger(path) as ledger:
        for number, outcome in [
            (4, Outcome.FAILURE),
            (2, Outcome.SUCCESS),
            (4, Outcome.UNDO),
            (7, Outcome.DISCARD),
            (4, Outcome.SUCCESS),
            (2, Outcome.MARK),
            (7, Outcome.UNDO),
        ]:
            ledger.append(label(number, outcome))
        standing = standing_labels(ledger.entries)
        assert list(standing) == [4, 2]
        assert standing == ledger.current()
