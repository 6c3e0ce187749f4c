"""robomimic files become episodes of ours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from dsrl_core.data.importers.importing import import_dataset
from dsrl_core.specs import CameraSpec
from dsrl_core.types import Episode
from tests.core.importers_setup import (
    ROBOMIMIC_MAPPING,
    colours,
    imported,
    policy_of,
    recording,
    stored,
    write_robomimic,
)


def test_the_observation_after_the_last_action_closes_the_episode(tmp_path: Path) -> None:
    one = recording(7)
    source = write_robomimic(tmp_path / "set.hdf5", [one])
    (episode,) = imported(source, ROBOMIMIC_MAPPING, policy_of())
    assert isinstance(episode, Episode)
    assert [step.steps_executed for step in episode.steps] == [4, 2, 0]
    seen = np.concatenate(
        [
            np.vstack([step.decision.observation.values, step.between.reshape(-1, 4)])
            for step in episode.steps
        ]
    )
    np.testing.assert_allclose(seen[:, :3], one.positions_mm / 1000, rtol=1e-6)
    np.testing.assert_allclose(seen[:, 3], np.deg2rad(one.yaw_deg), rtol=1e-6)
    played = np.concatenate(
        [step.decision.chunk[: step.steps_executed] for step in episode.steps[:2]]
    )
    np.testing.assert_allclose(played[:, :3], one.moves_mm[:6] / 1000, rtol=1e-6)


def test_without_next_obs_the_last_action_is_dropped_as_nothing_shows_its_effect(
    tmp_path: Path,
) -> None:
    source = write_robomimic(tmp_path / "set.hdf5", [recording(7)], next_obs=False)
    (episode,) = imported(source, ROBOMIMIC_MAPPING, policy_of())
    assert isinstance(episode, Episode)
    assert [step.steps_executed for step in episode.steps] == [4, 2, 0]
    assert episode.end_reason == "ended", "the reward came with the dropped action"


def test_demos_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    recordings = [recording(5, seed, success=seed % 2 == 0) for seed in range(12)]
    source = write_robomimic(tmp_path / "set.hdf5", recordings)
    report = import_dataset(source, ROBOMIMIC_MAPPING, policy_of(), tmp_path / "run", "t")
    assert (len(report.taken), report.successes) == (12, 6)
    episodes = stored(tmp_path / "run")
    assert [one.metadata["dataset_episode"] for one, _ in episodes] == [str(n) for n in range(12)]
    assert episodes[0][0].metadata["dataset_task"] == "Lift"


def test_a_filter_key_selects_demos(tmp_path: Path) -> None:
    source = write_robomimic(tmp_path / "set.hdf5", [recording(5, n) for n in range(3)])
    with h5py.File(source, "a") as file:
        file["mask/train"] = np.array(["demo_2", "demo_0"], dtype="S")
    mapping = replace(ROBOMIMIC_MAPPING, select="train")
    import_dataset(source, mapping, policy_of(), tmp_path / "run", "t")
    found = [one.metadata["dataset_episode"] for one, _ in stored(tmp_path / "run")]
    assert found == ["0", "2"]


def test_a_rate_that_the_file_tells_need_not_be_given(tmp_path: Path) -> None:
    source = write_robomimic(tmp_path / "set.hdf5", [recording(9)], fps=20.0)
    (episode,) = imported(source, replace(ROBOMIMIC_MAPPING, fps=None), policy_of())
    assert isinstance(episode, Episode)
    assert [step.steps_executed for step in episode.steps] == [4, 0]


def test_images_are_read_the_last_one_from_next_obs(tmp_path: Path) -> None:
    source = write_robomimic(tmp_path / "set.hdf5", [recording(6)])
    images = colours(6)
    with h5py.File(source, "a") as file:
        file["data/demo_0/obs/agentview_image"] = images[:-1]
        file["data/demo_0/next_obs/agentview_image"] = images[1:]
    mapping = replace(ROBOMIMIC_MAPPING, cameras={"front": "agentview_image"})
    policy = policy_of(4, (CameraSpec("front", 32, 24),))
    (episode,) = imported(source, mapping, policy)
    assert isinstance(episode, Episode)
    for step, row in zip(episode.steps, (0, 4, 5), strict=True):
        np.testing.assert_array_equal(step.decision.observation.images, images[row][None])
