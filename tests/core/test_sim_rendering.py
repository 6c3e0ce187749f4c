"""Images of the world, and what is said where there is nothing to draw them with."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

from dsrl_core.catalog import Catalog
from dsrl_core.errors import InvalidValue, UnknownName
from dsrl_sim.rendering import RendererMissing, available_backend
from dsrl_sim.viewer import ScreenMissing, Viewer
from dsrl_sim.world import World


@pytest.fixture
def world() -> Any:
    catalog = Catalog.default()
    world = World(catalog.task("franka_pick").scene, catalog.robot("fr3").in_lock_step)
    yield world
    world.close()


@pytest.fixture
def drawing_world(world: World) -> World:
    try:
        available_backend()
    except RendererMissing as error:
        pytest.skip(str(error))
    return world


@pytest.mark.parametrize("camera", ["scene", "wrist"])
def test_every_camera_sees_the_cube(drawing_world: World, camera: str) -> None:
    drawing_world.reset(0)
    image = drawing_world.render(camera, 160, 120)
    assert image.shape == (120, 160, 3)
    assert image.dtype == np.uint8
    red, green, blue = np.moveaxis(image.astype(int), -1, 0)
    assert np.count_nonzero((red > 120) & (green < red * 0.6) & (blue < red * 0.45)) > 10


def test_images_are_the_right_way_up(drawing_world: World) -> None:
    image = drawing_world.render("scene", 160, 120).astype(int)
    blueness = (image[..., 2] - image[..., 0]).mean(axis=1)
    assert blueness[:20].mean() > 15
    assert blueness[-20:].mean() < 0


def test_images_repeat_and_do_not_disturb_the_physics(drawing_world: World) -> None:
    def motion(draws: bool) -> Any:
        drawing_world.reset(4)
        targets = drawing_world.joint_positions + 0.03
        for _ in range(10):
            drawing_world.advance(targets)
            if draws:
                drawing_world.render("scene", 64, 48)
        return drawing_world.joint_positions, drawing_world.render("wrist", 64, 48)

    (undisturbed, first), (drawn, second) = motion(False), motion(True)
    np.testing.assert_array_equal(undisturbed, drawn)
    np.testing.assert_array_equal(first, second)


def test_it_can_be_closed_and_draws_again(drawing_world: World) -> None:
    before = drawing_world.render("scene", 64, 48)
    drawing_world.close()
    np.testing.assert_array_equal(drawing_world.render("scene", 64, 48), before)


def test_unknown_cameras_and_sizes_are_refused(drawing_world: World) -> None:
    with pytest.raises(UnknownName, match="scene, wrist"):
        drawing_world.render("ceiling", 64, 48)
    with pytest.raises(InvalidValue, match="1920x1440"):
        drawing_world.render("scene", 64, 4800)


def test_without_libraries_the_packages_are_named(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(ctypes, "CDLL", nothing)
    for package in ("libegl1 libegl-mesa0 libgl1-mesa-dri", "libosmesa6"):
        with pytest.raises(RendererMissing, match=package):
            world.render("scene", 64, 48)


def test_without_a_screen_the_viewer_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(ScreenMissing, match="no screen"):
        Viewer(world)
