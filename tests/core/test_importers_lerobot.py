"""LeRobot datasets become episodes of ours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from dsrl_core.data.importers.importing import import_dataset
from dsrl_core.data.importers.mapping import FieldSource, SuccessSource, read_mapping
from dsrl_core.types import Episode, Mode, Outcome
from tests.core.importers_setup import (
    LEROBOT_MAPPING,
    TASK,
    imported,
    policy_of,
    recording,
    stored,
    write_lerobot,
)


def test_a_recording_becomes_chunks_the_last_of_them_played_in_part(tmp_path: Path) -> None:
    one = recording(7)
    (episode,) = imported(write_lerobot(tmp_path / "set", [one]), LEROBOT_MAPPING, policy_of())
    assert isinstance(episode, Episode)
    state = np.column_stack([one.positions_mm / 1000, np.deg2rad(one.yaw_deg)]).astype(np.float32)
    action = np.column_stack([one.moves_mm, one.gripper_mm]).astype(np.float32) / 1000
    first, second, closing = episode.steps
    assert (first.steps_executed, second.steps_executed) == (4, 2)
    np.testing.assert_allclose(first.decision.chunk, action[:4], rtol=1e-6)
    np.testing.assert_allclose(second.decision.chunk, action[[4, 5, 5, 5]], rtol=1e-6)
    seen = [step.decision.observation.values for step in episode.steps]
    np.testing.assert_allclose(seen, state[[0, 4, 6]], rtol=1e-6)
    np.testing.assert_allclose(first.between, state[1:4], rtol=1e-6)
    np.testing.assert_allclose(second.between, state[5:6], rtol=1e-6)
    assert closing.decision.is_final
    assert first.decision.noise.shape == first.decision.noise_requested.shape == (0, 0)
    assert {first.decision.source, second.decision.source} == {"demonstration"}
    assert [step.decision.observation.stamp_ns for step in episode.steps] == [
        0,
        4 * 10**8,
        6 * 10**8,
    ]
    assert (episode.mode, episode.end_reason) == (Mode.TRAIN, "ended")
    assert np.isnan(first.reward)


def test_imported_episodes_are_stored_with_labels_and_where_they_came_from(tmp_path: Path) -> None:
    source = write_lerobot(tmp_path / "pick", [recording(6), recording(5, 1, success=False)])
    report = import_dataset(
        source, LEROBOT_MAPPING, policy_of(), tmp_path / "run", "franka_pick", now_ns=lambda: 7
    )
    assert (report.taken, report.successes, report.known, report.refused) == ([0, 1], 1, 0, [])
    (good, well), (bad, badly) = stored(tmp_path / "run")
    assert (well.outcome, well.reward, well.author, well.stamp_ns) == (
        Outcome.SUCCESS,
        1,
        "import",
        7,
    )
    assert (badly.outcome, badly.reward) == (Outcome.FAILURE, 0)
    assert (good.end_reason, bad.end_reason) == ("ended", "deadline")
    assert (
        bad.metadata.items()
        >= {
            "source": "lerobot",
            "dataset": "pick",
            "dataset_episode": "1",
            "dataset_task": TASK,
            "task": "franka_pick",
        }.items()
    )


def test_a_second_import_adds_nothing(tmp_path: Path) -> None:
    source = write_lerobot(tmp_path / "set", [recording(6), recording(5, 1)])
    for taken, known in ((2, 0), (0, 2)):
        report = import_dataset(source, LEROBOT_MAPPING, policy_of(), tmp_path / "run", "t")
        assert (len(report.taken), report.known, report.refused) == (taken, known, [])
    assert len(stored(tmp_path / "run")) == 2


def test_a_dataset_that_grew_adds_what_is_new(tmp_path: Path) -> None:
    recordings = [recording(6), recording(5, 1), recording(8, 2)]
    for count, folder in ((2, "before"), (3, "after")):
        source = write_lerobot(tmp_path / folder / "set", recordings[:count])
        report = import_dataset(source, LEROBOT_MAPPING, policy_of(), tmp_path / "run", "t")
    assert (report.taken, report.known) == ([2], 2)


def test_a_label_that_an_interruption_cost_is_written_by_the_next_import(tmp_path: Path) -> None:
    source = write_lerobot(tmp_path / "set", [recording(6)])
    import_dataset(source, LEROBOT_MAPPING, policy_of(), tmp_path / "run", "t")
    (tmp_path / "run/ledger.jsonl").unlink()
    import_dataset(source, LEROBOT_MAPPING, policy_of(), tmp_path / "run", "t")
    ((_, label),) = stored(tmp_path / "run")
    assert label.outcome is Outcome.SUCCESS


def test_another_mapping_of_the_same_dataset_does_not_mix_with_the_first(tmp_path: Path) -> None:
    source = write_lerobot(tmp_path / "set", [recording(6)])
    import_dataset(source, LEROBOT_MAPPING, policy_of(), tmp_path / "run", "t")
    other = replace(LEROBOT_MAPPING, success="none")
    report = import_dataset(source, other, policy_of(), tmp_path / "run", "t")
    assert report.taken == []
    assert "set, episode 0: episode 0 in the output folder is of the same name" in report.refused[0]
    assert len(stored(tmp_path / "run")) == 1


def test_a_faster_dataset_is_thinned_out(tmp_path: Path) -> None:
    one = recording(8)
    source = write_lerobot(tmp_path / "set", [one], fps=30)
    (episode,) = imported(source, LEROBOT_MAPPING, policy_of())
    assert isinstance(episode, Episode)
    first, closing = episode.steps
    assert first.steps_executed == 3, "7 rows are two actions of three and one of one"
    np.testing.assert_allclose(first.decision.observation.values[:3], one.positions_mm[0] / 1000)
    np.testing.assert_allclose(first.between[:, :3], one.positions_mm[[3, 6]] / 1000, rtol=1e-6)
    np.testing.assert_allclose(
        closing.decision.observation.values[:3], one.positions_mm[7] / 1000, rtol=1e-6
    )
    moved = [one.moves_mm[:3].sum(0), one.moves_mm[3:6].sum(0), one.moves_mm[6]]
    np.testing.assert_allclose(first.decision.chunk[:3, :3], np.array(moved) / 1000, rtol=1e-5)
    np.testing.assert_allclose(first.decision.chunk[:3, 3], one.gripper_mm[[2, 5, 6]] / 1000)


def test_rewards_are_summed_and_the_last_one_is_not_lost(tmp_path: Path) -> None:
    rewards = pa.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0], pa.float32())
    source = write_lerobot(tmp_path / "set", [recording(6)], columns={"next.reward": rewards})
    mapping = replace(LEROBOT_MAPPING, reward="next.reward")
    (episode,) = imported(source, mapping, policy_of())
    assert isinstance(episode, Episode)
    assert [step.reward for step in episode.steps[:-1]] == [15.0, 48.0]


def test_what_comes_after_the_end_is_left_out(tmp_path: Path) -> None:
    ends = pa.array([False, False, False, True, False, False])
    source = write_lerobot(
        tmp_path / "set",
        [recording(6)],
        columns={"next.done": ends, "next.reward": pa.array([0.0, 0, 0, 1, 0, 0])},
    )
    mapping = replace(
        LEROBOT_MAPPING, ends_at="next.done", success=SuccessSource("next.reward", 0.9)
    )
    (episode,) = imported(source, mapping, policy_of())
    assert isinstance(episode, Episode)
    assert [step.steps_executed for step in episode.steps] == [4, 0]
    assert episode.end_reason == "ended"


def test_a_failure_that_ended_by_itself_is_no_time_out(tmp_path: Path) -> None:
    source = write_lerobot(tmp_path / "set", [recording(6, success=False)])
    mapping = replace(LEROBOT_MAPPING, terminated="next.done")
    (episode,) = imported(source, mapping, policy_of())
    assert isinstance(episode, Episode)
    assert episode.end_reason == "ended"


def test_constants_quaternions_and_factors_fill_fields(tmp_path: Path) -> None:
    half = np.deg2rad(15.0)
    quaternion = [[0.0, 0.0, float(np.sin(half)), float(np.cos(half))]] * 3
    source = write_lerobot(
        tmp_path / "set",
        [recording(3)],
        columns={
            "pose": pa.array(quaternion, pa.list_(pa.float32())),
            "grip": pa.array([0.0, 50.0, 100.0]),
        },
    )
    mapping = replace(
        LEROBOT_MAPPING,
        observation={
            "position": FieldSource(constant=(0.1, 0.2, 0.3)),
            "yaw": FieldSource("pose", quaternion="xyzw"),
        },
        action={
            "move": FieldSource(constant=0.01),
            "gripper": FieldSource("grip", unit="m", factor=0.0008),
        },
    )
    (episode,) = imported(source, mapping, policy_of(horizon=2))
    assert isinstance(episode, Episode)
    first = episode.steps[0].decision
    np.testing.assert_allclose(first.observation.values, [0.1, 0.2, 0.3, np.deg2rad(30)], rtol=1e-6)
    np.testing.assert_allclose(first.chunk, [[0.01] * 3 + [0.0], [0.01] * 3 + [0.04]], atol=1e-7)


def test_only_the_selected_task_is_taken(tmp_path: Path) -> None:
    source = write_lerobot(
        tmp_path / "set", [recording(5), recording(6, 1)], tasks=["Pick.", "Place."]
    )
    mapping = replace(LEROBOT_MAPPING, select="Place.")
    report = import_dataset(source, mapping, policy_of(), tmp_path / "run", "t")
    ((episode, _),) = stored(tmp_path / "run")
    assert len(report.taken) == 1
    assert episode.metadata["dataset_episode"] == "1"


def test_a_mapping_file_says_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(
        """
format: lerobot
observation:
  position: {source: observation.state, indices: [0, 1, 2], unit: mm}
  yaw: {source: observation.state, indices: [3], unit: deg}
action:
  move: {source: action, indices: [1, 2, 3], unit: mm}
  gripper: {source: action, indices: [0], unit: mm}
success: {source: next.success}
"""
    )
    assert replace(read_mapping(path), folder=Path()) == LEROBOT_MAPPING
