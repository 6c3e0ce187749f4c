"""In lock-step the arm tells its mode, a person can stop it, and cameras see what is asked for."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from franka_msgs.msg import FrankaRobotState

from dsrl_core.status import EpisodeStatus, Phase
from dsrl_core.types import ChunkRequest
from dsrl_ros import topics
from dsrl_ros.conversions.basics import stamp_of
from dsrl_ros.conversions.decisions import request_to_message
from dsrl_ros.conversions.episodes import status_to_message
from dsrl_sim.rendering import RendererMissing, available_backend
from tests.ros.sim_face_setup import PATIENCE_S, Client, joint_message

IDLE, USER_STOPPED = FrankaRobotState.ROBOT_MODE_IDLE, FrankaRobotState.ROBOT_MODE_USER_STOPPED
MINUTE_S = 60.0


def test_modes_are_told_and_the_user_stop_is_one(tmp_path: Path) -> None:
    with Client.of_process(tmp_path, lock_step=True) as client:
        assert client.mode == IDLE
        client.switch("user_stop", on=True)
        client.wait("user stop", lambda: client.mode == USER_STOPPED)
        client.switch("user_stop", on=False)
        client.wait("idle", lambda: client.mode == IDLE)


def test_a_policy_that_is_asked_ahead_sees_at_once_what_it_is_asked_about(tmp_path: Path) -> None:
    """Not only when the simulator says again what it said before, which takes a minute here."""
    try:
        available_backend()
    except RendererMissing as error:
        pytest.skip(str(error))
    parameters = {"task": "franka_pick_vision", "repeat_s": MINUTE_S}
    with Client.of_process(tmp_path, lock_step=True, is_told=False, **parameters) as client:
        seen: set[int] = set()
        topics.policy_image("scene", 1).subscribe(
            client.node, lambda image: seen.add(stamp_of(image))
        )
        gripper = topics.GRIPPER_TARGET.publisher(client.node)
        request = topics.CHUNK_REQUEST.publisher(client.node)
        episode = topics.EPISODE.publisher(client.node)
        for name, publisher in (
            ("gripper", gripper),
            ("requests", request),
            ("target", client.target),
        ):
            heard: Any = publisher.get_subscription_count
            client.wait(f"listener of {name}", heard, MINUTE_S)
        until_s = time.monotonic() + PATIENCE_S
        while not seen:
            # At the end of an episode all inputs are told; who listens is found in a while.
            assert time.monotonic() < until_s, "no image came"
            for phase in (Phase.RUNNING, Phase.IDLE):
                episode.publish(status_to_message(EpisodeStatus(phase=phase)))
                client.spin(0.2)
        episode.publish(status_to_message(EpisodeStatus(phase=Phase.RUNNING)))
        client.wait("the arm that moves", lambda: client.mode != IDLE)
        begin_ns = stamp_of(client.joints)

        def step() -> None:
            now_ns = stamp_of(client.joints)
            gripper.publish(joint_message(np.array([0.04, 0.04]), now_ns))
            client.target.publish(joint_message(client.positions[:7], now_ns))
            client.wait("the next tick", lambda: stamp_of(client.joints) > now_ns)

        while stamp_of(client.joints) < begin_ns + 200_000_000:
            step()
        asked_ns = stamp_of(client.joints)
        client.spin(0.2)
        assert asked_ns not in seen
        request.publish(request_to_message(ChunkRequest(asked_ns, 0, 1, 4, "ahead")))
        client.wait("images of that moment", lambda: asked_ns in seen)
