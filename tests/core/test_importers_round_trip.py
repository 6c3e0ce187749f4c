"""Episodes of ours go out as datasets and come back equal."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest

from dsrl_core.data.importers import lerobot_export
from dsrl_core.data.importers.export import ExportReport, Format, export_episodes, export_run
from dsrl_core.data.importers.importing import import_dataset
from dsrl_core.data.importers.mapping import read_mapping
from dsrl_core.errors import DsrlError, InvalidValue
from dsrl_core.specs import CameraSpec, PolicySpec
from dsrl_core.types import (
    Decision,
    DecisionStep,
    Episode,
    Label,
    Mode,
    Observation,
    Outcome,
    final_decision,
)
from tests.core.importers_setup import (
    LEROBOT_MAPPING,
    imported,
    policy_of,
    recording,
    stored,
    write_lerobot,
)

FORMATS: tuple[Format, ...] = ("lerobot", "robomimic")
CAMERAS = (CameraSpec("front", 16, 12), CameraSpec("wrist", 16, 12))


def episode_of(
    policy: PolicySpec, counts: list[int], seed: int = 0, reward: float = np.nan
) -> Episode:
    """A recorded episode of ours whose decisions were played for `counts` actions."""
    generator = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        return generator.standard_normal(shape, dtype=np.float32)

    def observe(index: int) -> Observation:
        shape = policy.images_shape
        images = None if shape is None else generator.integers(0, 256, shape, dtype=np.uint8)
        return Observation(index * 10**8, 0.3 * draw(4), images)

    steps, index = [], 0
    for sequence, count in enumerate(counts):
        chunk = 0.01 * draw(policy.horizon, 4)
        chunk[count:] = chunk[count - 1]
        noise = draw(*policy.noise_shape)
        decision = Decision(seed, sequence, observe(index), noise, noise, chunk, "search")
        between = 0.3 * draw(count - 1, 4)
        steps.append(DecisionStep(decision, count, between=between, reward=reward * sequence))
        index += count
    steps.append(DecisionStep(final_decision(seed, len(counts), observe(index)), 0))
    return Episode(seed, Mode.TRAIN, seed, tuple(steps), "ended")


def label_of(episode: Episode, outcome: Outcome = Outcome.SUCCESS) -> Label:
    return Label(episode.number, outcome, float(outcome is Outcome.SUCCESS), "somebody", 1)


def there_and_back(
    episodes: list[tuple[Episode, Label | None]], policy: PolicySpec, form: Format, out: Path
) -> tuple[list[Episode], ExportReport]:
    report = export_episodes(episodes, policy, "pick", form, out)
    found = imported(out, read_mapping(report.mapping), policy)
    return [one for one in found if isinstance(one, Episode)], report


def assert_equal(found: Episode, expected: Episode) -> None:
    """All that a dataset can hold; no noise, and no name of who decided."""
    assert found.end_reason == expected.end_reason
    assert len(found.steps) == len(expected.steps)
    for a, b in zip(found.steps, expected.steps, strict=True):
        assert a.steps_executed == b.steps_executed
        assert a.decision.sequence == b.decision.sequence
        assert a.decision.observation.stamp_ns == b.decision.observation.stamp_ns
        np.testing.assert_array_equal(a.decision.chunk, b.decision.chunk)
        np.testing.assert_array_equal(a.decision.observation.values, b.decision.observation.values)
        np.testing.assert_array_equal(a.decision.observation.images, b.decision.observation.images)
        np.testing.assert_array_equal(a.between, b.between)
        np.testing.assert_array_equal(a.reward, b.reward)


@pytest.mark.parametrize("form", FORMATS)
def test_episodes_come_back_equal(tmp_path: Path, form: Format) -> None:
    policy = policy_of()
    episodes = [episode_of(policy, [4, 4, 2], 0), episode_of(policy, [4], 1)]
    episodes[1] = replace(episodes[1], end_reason="deadline")
    labels = [label_of(episodes[0]), label_of(episodes[1], Outcome.FAILURE)]
    pairs = list(zip(episodes, labels, strict=True))
    found, _ = there_and_back(pairs, policy, form, tmp_path / "set")
    for a, b in zip(found, episodes, strict=True):
        assert_equal(a, b)


@pytest.mark.parametrize("form", FORMATS)
def test_rewards_and_a_failure_that_ended_by_itself_come_back(tmp_path: Path, form: Format) -> None:
    policy = policy_of()
    episode = episode_of(policy, [4, 4, 4, 1], reward=0.5)
    pairs = [(episode, label_of(episode, Outcome.FAILURE))]
    (found,), _ = there_and_back(pairs, policy, form, tmp_path / "set")
    assert_equal(found, episode)


@pytest.mark.parametrize("form", FORMATS)
def test_images_come_back_where_there_is_one_at_every_action(tmp_path: Path, form: Format) -> None:
    policy = policy_of(1, CAMERAS)
    episode = episode_of(policy, [1, 1, 1])
    (found,), report = there_and_back(
        [(episode, label_of(episode))], policy, form, tmp_path / "set"
    )
    assert_equal(found, episode)
    assert not report.cameras_left_out


@pytest.mark.parametrize("form", FORMATS)
def test_images_of_decisions_only_are_left_out(tmp_path: Path, form: Format) -> None:
    policy = policy_of(4, CAMERAS)
    episode = episode_of(policy, [4, 4])
    report = export_episodes([(episode, label_of(episode))], policy, "t", form, tmp_path / "set")
    assert report.cameras_left_out
    assert read_mapping(report.mapping).cameras == {}


@pytest.mark.parametrize("form", FORMATS)
def test_a_run_goes_out_and_comes_back_through_the_stores(tmp_path: Path, form: Format) -> None:
    policy = policy_of()
    source = write_lerobot(tmp_path / "set", [recording(6), recording(5, 1, success=False)])
    import_dataset(source, LEROBOT_MAPPING, policy, tmp_path / "first", "pick")
    report = export_run(tmp_path / "first", policy, "pick", form, tmp_path / "out")
    import_dataset(
        tmp_path / "out", read_mapping(report.mapping), policy, tmp_path / "second", "pick"
    )
    first, second = stored(tmp_path / "first"), stored(tmp_path / "second")
    for (a, label_a), (b, label_b) in zip(first, second, strict=True):
        assert_equal(a, b)
        assert (label_a.outcome, label_a.reward) == (label_b.outcome, label_b.reward)


@pytest.mark.parametrize("form", FORMATS)
def test_what_cannot_be_exported_is_left_out_with_the_reason(tmp_path: Path, form: Format) -> None:
    policy = policy_of()
    good = episode_of(policy, [4, 2], 0)
    blind = episode_of(policy, [4], 1)
    nothing = np.zeros((0, 0), dtype=np.float32)
    blind = replace(blind, steps=(replace(blind.steps[0], between=nothing), blind.steps[1]))
    invalid = replace(episode_of(policy, [4], 2), end_reason="invalid")
    other = episode_of(policy_of(horizon=2), [2], 4)
    pairs = [
        (good, label_of(good)),
        (blind, label_of(blind)),
        (invalid, None),
        (episode_of(policy, [4], 3), None),
        (other, label_of(other)),
    ]
    report = export_episodes(pairs, policy, "pick", form, tmp_path / "set")
    assert report.written == [0]
    reasons = ("observations between", "is invalid", "is not labelled", "is not of policy 'small'")
    for line, number, reason in zip(report.left_out, (1, 2, 3, 4), reasons, strict=True):
        assert line.startswith(f"episode {number} ")
        assert reason in line
    with pytest.raises(DsrlError, match="nothing to export\n  episode 1 was recorded without"):
        export_episodes(pairs[1:], policy, "pick", form, tmp_path / "none")
    with pytest.raises(DsrlError, match="set exists already"):
        export_episodes(pairs, policy, "pick", form, tmp_path / "set")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", "set.mapping.yaml"]


def test_a_rate_that_lerobot_cannot_express_is_refused(tmp_path: Path) -> None:
    policy = policy_of()
    policy = replace(policy, action=replace(policy.action, period_s=0.3))
    episode = episode_of(policy, [4])
    with pytest.raises(InvalidValue, match="integer rate"):
        export_episodes([(episode, label_of(episode))], policy, "t", "lerobot", tmp_path / "set")
    assert list(tmp_path.iterdir()) == []


def test_a_lerobot_dataset_of_ours_is_laid_out_as_the_format_says(tmp_path: Path) -> None:
    policy = policy_of(1, CAMERAS[:1])
    episodes = [episode_of(policy, [1, 1, 1], 0), episode_of(policy, [1, 1], 1)]
    pairs = [(one, label_of(one)) for one in episodes]
    root = tmp_path / "set"
    export_episodes(pairs, policy, "pick", "lerobot", root)
    info = json.loads((root / "meta/info.json").read_text())
    assert (info["codebase_version"], info["fps"], info["total_frames"]) == ("v3.0", 10, 7)
    assert info["splits"] == {"train": "0:2"}
    image = "observation.images.front"
    assert info["features"][image]["shape"] == [12, 16, 3]
    data = pq.ParquetFile(root / info["data_path"].format(chunk_index=0, file_index=0))
    assert data.schema_arrow.names == list(info["features"])
    assert data.num_row_groups == 2, "one per episode"
    table = data.read().to_pydict()
    assert table["index"] == list(range(7))
    assert table["frame_index"] == [0, 1, 2, 3, 0, 1, 2]
    assert table["episode_index"] == [0] * 4 + [1] * 3
    assert table["next.done"] == [False] * 3 + [True] + [False] * 2 + [True]
    np.testing.assert_allclose(table["timestamp"][:4], [0.0, 0.1, 0.2, 0.3])
    np.testing.assert_array_equal(table["action"][3][:3], 0.0)
    assert table["action"][3][3] == table["action"][2][3]
    first = cv2.imdecode(np.frombuffer(table[image][0]["bytes"], np.uint8), cv2.IMREAD_COLOR)
    seen = episodes[0].steps[0].decision.observation.images
    assert seen is not None
    np.testing.assert_array_equal(first[..., ::-1], seen[0])
    meta = pq.read_table(root / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert [(one["dataset_from_index"], one["dataset_to_index"]) for one in meta] == [
        (0, 4),
        (4, 7),
    ]
    assert meta[0]["tasks"] == ["pick"]
    stats = json.loads((root / "meta/stats.json").read_text())
    assert set(stats) == set(info["features"])
    states = np.array(table["observation.state"])
    np.testing.assert_allclose(stats["observation.state"]["mean"], states.mean(0), rtol=1e-5)
    np.testing.assert_allclose(stats["observation.state"]["q99"], np.quantile(states, 0.99, 0))
    assert np.shape(stats[image]["std"]) == (3, 1, 1)
    pixels = np.stack([one.decision.observation.images for e in episodes for one in e.steps])
    for key, value in (("mean", pixels.mean((0, 1, 2, 3))), ("std", pixels.std((0, 1, 2, 3)))):
        np.testing.assert_allclose(np.ravel(stats[image][key]), value / 255, rtol=1e-9)
    for key, share in (("min", 0), ("max", 1)):
        value = np.quantile(pixels, share, (0, 1, 2, 3)) / 255
        np.testing.assert_allclose(np.ravel(stats[image][key]), value)


def test_a_large_lerobot_dataset_takes_several_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lerobot_export, "_DATA_FILE_MB", 0)
    monkeypatch.setattr(lerobot_export, "_FILES_PER_CHUNK", 2)
    policy = policy_of()
    episodes = [episode_of(policy, [4, 3], number) for number in range(5)]
    pairs: list[tuple[Episode, Label | None]] = [(one, label_of(one)) for one in episodes]
    found, _ = there_and_back(pairs, policy, "lerobot", tmp_path / "set")
    files = sorted(str(p.relative_to(tmp_path / "set/data")) for p in tmp_path.rglob("data/*/*"))
    assert files == [
        f"chunk-00{c}/file-00{f}.parquet" for c, f in ((0, 0), (0, 1), (1, 0), (1, 1), (2, 0))
    ]
    for a, b in zip(found, episodes, strict=True):
        assert_equal(a, b)


def test_a_robomimic_file_of_ours_is_laid_out_as_the_format_says(tmp_path: Path) -> None:
    policy = policy_of()
    episodes = [episode_of(policy, [4, 3], 0), episode_of(policy, [4], 1)]
    pairs = [
        (episodes[0], label_of(episodes[0])),
        (episodes[1], label_of(episodes[1], Outcome.FAILURE)),
    ]
    export_episodes(pairs, policy, "pick", "robomimic", tmp_path / "set.hdf5")
    with h5py.File(tmp_path / "set.hdf5") as file:
        data = file["data"]
        assert data.attrs["total"] == 11
        about = json.loads(data.attrs["env_args"])
        assert (about["env_name"], about["env_kwargs"]["control_freq"]) == ("pick", 10.0)
        demo = data["demo_0"]
        assert demo.attrs["num_samples"] == 7
        shapes = {name: demo[name].shape for name in ("actions", "rewards", "dones", "states")}
        assert shapes == {"actions": (7, 4), "rewards": (7,), "dones": (7,), "states": (7, 0)}
        np.testing.assert_array_equal(demo["obs/position"][1:], demo["next_obs/position"][:-1])
        np.testing.assert_array_equal(demo["rewards"], [0, 0, 0, 0, 0, 0, 1])
        assert list(file["mask/train"]) == [b"demo_0", b"demo_1"]
        assert list(file["mask/success"]) == [b"demo_0"]
