"""A process that is stopped and never goes on is ended and started again, and the run goes on."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from dsrl_core.types import Mode
from dsrl_ros import runner
from dsrl_ros.session import EpisodeResult, GraphSession

SEED, COUNT = 3, 3
SILENT_S = 6.0


def test_run_goes_on_with_the_same_outcomes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "SILENT_S", SILENT_S)
    told: list[str] = []
    stopped: list[int] = []
    with GraphSession("franka_pick", tmp_path, SEED, tell=told.append) as graph:
        undisturbed = graph.run(Mode.BASE, COUNT)

        def stop_after_first(_: EpisodeResult) -> None:
            if not stopped:
                process = graph.process_id("noise_actor")
                assert process is not None
                stopped.append(process)
                os.kill(process, signal.SIGSTOP)

        results = graph.run(Mode.BASE, COUNT, progress=stop_after_first)

        assert graph.process_id("noise_actor") not in (None, *stopped)
    assert [result.outcome for result in results] == [r.outcome for r in undisturbed]
    assert [result.steps for result in results] == [r.steps for r in undisturbed]
    assert any(text.startswith("noise_actor gave no sign of life") for text in told), told
    assert not Path(f"/proc/{stopped[0]}").exists()
