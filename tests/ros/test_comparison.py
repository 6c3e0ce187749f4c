"""A blinded comparison on the real graph: base against zero noise, labelled by the automatic
operator."""

from __future__ import annotations

from pathlib import Path

from dsrl_core.data.episode_store import EpisodeStore
from dsrl_core.evaluation.ab_run import read_plans, recorded_test
from dsrl_core.status import RUN_AB, Phase
from dsrl_ros.session import GraphSession


def test_comparison_runs_in_pairs_and_is_read_back_from_its_folder(tmp_path: Path) -> None:
    with GraphSession("franka_pick", tmp_path, 3) as graph:
        client = graph.client
        first = client.begin(RUN_AB, 2, 3, 0, ["base", "zero"])
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
    test = recorded_test(tmp_path, planned)
    assert (planned.first_episode, len(test.complete_pairs)) == (first, 2)
    store = EpisodeStore(tmp_path / "episodes")
    for attempt in test.episodes:
        episode = store.read(attempt.number)
        assert episode.mode is planned.plan.arm_of(attempt.index).mode
        assert {step.decision.source for step in episode.steps[:-1]} == {str(episode.mode)}
