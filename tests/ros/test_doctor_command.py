"""`dsrl doctor` beside a simulator in real time, and beside nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from dsrl_ros import topics
from dsrl_ros.client import GraphClient
from dsrl_ros.doctor.check import Status
from dsrl_ros.doctor.examination import GROUPS

DOCTOR = [sys.executable, "-m", "dsrl_ros.cli", "doctor"]


def ask(*arguments: str) -> tuple[int, dict[str, Any], dict[str, Any]]:
    """Exit status, the report, and its checks by name."""
    done = subprocess.run(
        [*DOCTOR, *arguments, "--json"], capture_output=True, text=True, timeout=150
    )
    assert "Traceback" not in done.stderr, done.stderr
    report = json.loads(done.stdout)
    return done.returncode, report, {check["name"]: check for check in report["checks"]}


@pytest.fixture(scope="module")
def simulator(domain: int) -> Iterator[None]:
    """In real time, which needs nobody to go on."""
    command = [sys.executable, "-m", "dsrl_sim.nodes.franka_sim"]
    process = subprocess.Popen([*command, "--ros-args", "-p", "lock_step:=false"])
    client = GraphClient("waits")
    states = []
    topics.JOINT_STATES.subscribe(client.node, states.append)
    client.wait_for("simulator", lambda: bool(states), 60.0)
    client.close()
    yield
    process.terminate()
    assert process.wait(timeout=120) == 0


def test_beside_the_simulator_its_topics_are_alive(simulator: None, domain: int) -> None:
    code, report, checks = ask("--realtime", "--seconds", "1")
    assert report["domain"] == domain
    assert not report["simulated_time"]
    assert {check["group"] for check in report["checks"]} == set(GROUPS)
    for topic in (
        topics.JOINT_STATES,
        topics.ROBOT_STATE,
        topics.GRIPPER_STATES,
        topics.CURRENT_POSE,
        topics.OBJECT_POSE,
    ):
        check = checks[f"inputs.{topic.name}"]
        assert check["values"]["messages"] > 1, check
        assert check["values"]["rate_hz"] > 1
    for name in ("robot.mode", "robot.joints", "robot.gripper", "robot.command_topic", "qos.match"):
        assert checks[name]["status"] == Status.OK, checks[name]
    assert checks["policy.weights"]["status"] == Status.OK
    assert checks["policy.decision_latency"]["values"]["decisions"] > 0
    assert "/franka_sim" in checks["middleware.nodes"]["values"]["running"]
    broken = [check for check in report["checks"] if check["expected"] == "an answer"]
    assert broken == []
    assert code == (report["status"] == Status.FAIL)


def test_a_robot_that_is_not_there_is_a_failure(simulator: None) -> None:
    """In a namespace where nobody is, at an address that this machine answers itself."""
    code, report, checks = ask(
        "--robot-ip", "127.0.0.1", "--namespace", "empty", "--seconds", "0.5"
    )
    assert code == 1
    assert checks[f"inputs.{topics.JOINT_STATES.name}"]["status"] == Status.FAIL
    assert checks["network.control_interface"]["status"] in (Status.FAIL, Status.OK)
    assert checks["network.round_trip"]["expected"] != "an answer"
    assert report["robot_ip"] == "127.0.0.1"


def test_what_does_not_exist_is_refused_in_one_line() -> None:
    done = subprocess.run([*DOCTOR, "--task", "juggle"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "unknown task" in done.stderr
    assert "franka_pick" in done.stderr
