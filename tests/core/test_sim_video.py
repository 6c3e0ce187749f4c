"""Films of recorded episodes: they show what was recorded, and say so where nothing can draw."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from dsrl_core.catalog import Catalog
from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.errors import InvalidValue
from dsrl_core.policies import load_policy
from dsrl_core.steering.decision_loop import DecisionLoop
from dsrl_core.types import Episode, Mode
from dsrl_sim import rendering, video
from dsrl_sim.assembly import make_rollout
from dsrl_sim.rendering import RendererMissing, available_backend
from dsrl_sim.video import NO_RENDERER, Replay, Studio, main, side_by_side, write_film

TASK = "franka_pick"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[EpisodeStore, list[bool]]:
    """Two episodes of the base policy, and whether they succeeded."""
    store = EpisodeStore(tmp_path_factory.mktemp("episodes"))
    catalog = Catalog.default()
    task = catalog.task(TASK)
    policy = load_policy(catalog.policy(task.policy))
    rollout = make_rollout(task, catalog, policy.spec, DecisionLoop(task, policy, 0))
    successes = []
    for number in range(2):
        episode, success = rollout.run(number, Mode.BASE, 40 + number)
        store.write(episode)
        successes.append(success)
    return store, successes


@pytest.fixture
def renderer() -> None:
    try:
        available_backend()
    except RendererMissing as error:
        pytest.skip(str(error))


def replayed(episode: Episode) -> Episode:
    catalog = Catalog.default()
    task = catalog.task(TASK)
    rollout = make_rollout(task, catalog, catalog.policy(task.policy), Replay(episode))
    return rollout.run(episode.number, episode.mode, episode.seed)[0]


def test_a_replay_is_the_recorded_episode(recorded: tuple[EpisodeStore, list[bool]]) -> None:
    store, _ = recorded
    for number in store.numbers():
        original = store.read(number)
        again = replayed(original)
        assert len(again.steps) == len(original.steps)
        for one, other in zip(original.steps, again.steps, strict=True):
            assert one.steps_executed == other.steps_executed
        np.testing.assert_array_equal(
            original.steps[-1].decision.observation.values,
            again.steps[-1].decision.observation.values,
        )


@pytest.mark.usefixtures("renderer")
def test_a_film_shows_both_episodes_and_how_they_ended(
    recorded: tuple[EpisodeStore, list[bool]], tmp_path: Path
) -> None:
    store, successes = recorded
    studio = Studio(TASK, store, Catalog.default())
    films = [studio.film(number) for number in (0, 1)]
    assert [success for _, success in films] == successes
    frames = side_by_side(*films, title="reset 0")
    assert len({frame.shape for frame in frames}) == 1
    width = frames[0].shape[1]
    colours = (video._FAILURE, video._SUCCESS)
    assert tuple(frames[-1][2, 2]) == colours[successes[0]]
    assert tuple(frames[-1][2, width // 2 + 2]) == colours[successes[1]]
    for name in ("film.webp", "film.mp4"):
        write_film(frames[:10], tmp_path / name)
    read, animation = cv2.imreadanimation(str(tmp_path / "film.webp"))
    assert read
    assert len(animation.frames) == 10
    assert cv2.VideoCapture(str(tmp_path / "film.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 10


def test_without_a_renderer_the_packages_are_named(
    recorded: tuple[EpisodeStore, list[bool]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store, _ = recorded

    def missing() -> str:
        raise RendererMissing("no library is installed")

    monkeypatch.setattr(rendering, "available_backend", missing)
    arguments = ["--task", TASK, "--episodes", str(store.folder), "--pair", "0:1"]
    assert main([*arguments, "--out", str(tmp_path / "film.mp4")]) == NO_RENDERER
    assert "apt-get install libegl1" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_another_kind_of_film_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match=r"ends in \.mp4 or \.webp"):
        write_film([np.zeros((8, 8, 3), dtype=np.uint8)], tmp_path / "film.avi")
