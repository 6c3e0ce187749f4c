"""A camera that stops, or whose picture stands still, holds an arm that is steered by it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dsrl_sim.cell import Cell
from dsrl_sim.faults import CAMERA_FAULTS, Fault
from dsrl_sim.rendering import RendererMissing, available_backend
from tests.faults.holds_setup import assert_held_until_a_person_resumes, cell_of

# A camera that is missed is noticed long before a chunk is, which it is missing for.
PATIENCE = ("chunk_player.patience=10", "chunk_player.chunk_wait_s=30")


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cell]:
    try:
        available_backend()
    except RendererMissing as error:
        pytest.skip(str(error))
    yield from cell_of("franka_pick_vision", tmp_path_factory.mktemp("run"), *PATIENCE)


@pytest.mark.parametrize("fault", CAMERA_FAULTS, ids=lambda fault: fault.name)
def test_arm_is_held_until_a_person_resumes(cell: Cell, fault: Fault) -> None:
    assert_held_until_a_person_resumes(cell, fault)
