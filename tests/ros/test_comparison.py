"""A blinded comparison on the real graph, labelled by the automatic operator: base against zero
noise, and two versions of the weights against each other."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.errors import DsrlError
from dsrl_core.evaluation.ab_rule import StopRule
from dsrl_core.evaluation.ab_run import read_plans, recorded_test
from dsrl_core.status import RUN_AB, Phase
from dsrl_core.steering.kept_weights import KeptWeights
from dsrl_core.types import Mode
from dsrl_ros.session import GraphSession


def test_comparison_runs_in_pairs_and_is_read_back_from_its_folder(tmp_path: Path) -> None:
    with GraphSession("franka_pick", tmp_path, 3) as graph:
        client = graph.client
        told = client.plan(RUN_AB, 2, ["base", "zero"], (0.2, 0.4))
        assert "at most 4 episodes" in told
        assert client.status is not None
        assert client.status.phase is Phase.IDLE, "nothing has begun"
        first = client.begin(RUN_AB, 2, 3, 0, ["base", "zero"], (0.2, 0.4))
        codes = set()

        def is_over() -> bool:
            status = client.status
            assert status is not None
            if status.run_mode == RUN_AB:
                codes.add(status.shown_mode)
            return status.phase is Phase.IDLE and status.episode >= first + 3

        client.wait_for("end of the comparison", is_over, 120.0)
    assert len(codes) == 4
    assert not codes & {"base", "zero"}
    (planned,) = read_plans(tmp_path)
    assert planned.rule == StopRule(0.2, 0.4)
    test = recorded_test(tmp_path, planned)
    assert (planned.first_episode, len(test.complete_pairs)) == (first, 2)
    store = EpisodeStore(tmp_path / "episodes")
    for attempt in test.episodes:
        episode = store.read(attempt.number)
        assert episode.mode is planned.plan.arm_of(attempt.index).mode
        assert {step.decision.source for step in episode.steps[:-1]} == {str(episode.mode)}


def test_two_checkpoints_are_compared_also_by_an_actor_that_is_started_again(
    tmp_path: Path,
) -> None:
    with GraphSession("franka_pick", tmp_path, 3) as graph:
        client = graph.client
        graph.run(Mode.TRAIN, 14)
        older, *_, newest = KeptWeights(tmp_path).versions()
        with pytest.raises(DsrlError, match=f"unknown weights 'eval@99'; available: eval@{older}"):
            client.begin(RUN_AB, 3, 3, 0, ["base", "eval@99"])
        first = client.begin(RUN_AB, 3, 3, 0, [f"eval@{older}", "eval"])

        def is_on_disk(episode: int) -> bool:
            return episode in client.recorded

        client.wait_for("first episode", lambda: is_on_disk(first), 60.0)
        process = graph.process_id("noise_actor")
        assert process is not None
        os.kill(process, signal.SIGKILL)

        def is_over() -> bool:
            status = client.status
            return status is not None and status.phase is Phase.IDLE and status.episode >= first + 5

        client.wait_for("end of the comparison", is_over, 120.0)
    (planned,) = read_plans(tmp_path)
    assert (planned.first, planned.second) == (f"eval@{older}", f"eval@{newest}")
    test = recorded_test(tmp_path, planned)
    assert len(test.complete_pairs) == 3
    store = EpisodeStore(tmp_path / "episodes")
    for attempt in test.episodes:
        steps = store.read(attempt.number).steps[:-1]
        versions = {step.decision.weights_version for step in steps}
        expected = {planned.plan.arm_of(attempt.index).weights_version}
        # The actor may have been killed before an invalid attempt's first decision.
        assert versions == expected or (not versions and not attempt.is_valid)
