"""The one description of the graph: what it holds, and what it refuses before anything starts."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from dsrl_core.errors import DsrlError
from dsrl_ros.declaring import OF_ROS, check_values, declarations
from dsrl_ros.graph import KINDS, GraphOptions, NodeKind, describe

SIMULATED = GraphOptions("franka_pick", Path("/tmp/unused"))
ON_ROBOT = replace(SIMULATED, simulated=False)
CORE = {
    "policy_server",
    "noise_actor",
    "learner",
    "chunk_player",
    "rollout_recorder",
    "episode_manager",
}


def names(options: GraphOptions) -> set[str]:
    return {node.name for node in describe(options).nodes}


def parameters(options: GraphOptions, node: str) -> dict[str, object]:
    return next(dict(n.parameters) for n in describe(options).nodes if n.name == node)


def test_simulation_adds_the_robot_and_whoever_labels() -> None:
    assert names(SIMULATED) == CORE | {"franka_sim", "auto_operator"}
    assert names(replace(SIMULATED, operator=False)) == CORE | {"franka_sim"}
    assert names(ON_ROBOT) == CORE


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_node_can_be_run_under_its_name(kind: NodeKind) -> None:
    assert callable(importlib.import_module(f"{kind.package}.nodes.{kind.name}").main)


@pytest.mark.parametrize(
    "options", [SIMULATED, replace(SIMULATED, realtime=True), ON_ROBOT], ids=str
)
def test_parameter_file_holds_only_what_the_nodes_declare(options: GraphOptions) -> None:
    graph = describe(options)
    content = yaml.safe_load(graph.parameter_file())
    assert set(content) == {f"/{node.name}" for node in graph.nodes}
    for node in graph.nodes:
        values = content[f"/{node.name}"]["ros__parameters"]
        of_ours = {name: value for name, value in values.items() if name not in OF_ROS}
        check_values(node.name, node.kind.parameters, of_ours)


def test_all_nodes_that_can_wait_do_so_in_lock_step_and_none_otherwise() -> None:
    for options, expected in ((SIMULATED, True), (replace(SIMULATED, realtime=True), False)):
        for node in describe(options).nodes:
            if "lock_step" in declarations(node.kind.parameters):
                assert node.parameters["lock_step"] is expected, node.name


def test_in_lock_step_all_nodes_but_the_simulator_follow_its_clock_and_otherwise_none() -> None:
    followers = {n.name for n in describe(SIMULATED).nodes if n.parameters.get("use_sim_time")}
    assert followers == CORE | {"auto_operator"}
    for options in (ON_ROBOT, replace(SIMULATED, realtime=True)):
        assert not any("use_sim_time" in node.parameters for node in describe(options).nodes)


def test_arm_prefix_reaches_whoever_names_joints() -> None:
    for node in ("chunk_player", "episode_manager"):
        assert parameters(replace(ON_ROBOT, arm_prefix="left"), node)["arm_prefix"] == "left"


def test_what_moves_a_real_arm_is_not_started_again_by_itself() -> None:
    restarted = {node.name for node in describe(ON_ROBOT).nodes if node.restart}
    assert restarted == CORE - {"chunk_player"}
    assert "franka_sim" not in {node.name for node in describe(SIMULATED).nodes if node.restart}


def test_overrides_reach_their_node_as_yaml_values() -> None:
    options = replace(
        SIMULATED, overrides=("franka_sim.camera_width=640", "auto_operator.author=Ada")
    )
    assert parameters(options, "franka_sim")["camera_width"] == 640
    assert parameters(options, "auto_operator")["author"] == "Ada"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (replace(SIMULATED, task="pour"), "unknown task .*'pour'; available: franka_pick"),
        (replace(SIMULATED, policy="pi9"), "unknown policy .*'pi9'; available: .*franka_pick_flow"),
        (
            replace(SIMULATED, overrides=("chunk_playr.lock_step=true",)),
            "unknown node 'chunk_playr'; available: .*chunk_player",
        ),
        (
            replace(SIMULATED, overrides=("chunk_player.speed=2",)),
            "unknown parameter of chunk_player 'speed'; available: .*lock_step, .*task",
        ),
        (
            replace(SIMULATED, overrides=("franka_sim.repeat_s=99",)),
            r"franka_sim.repeat_s is 99.0, expected 0.05 to 60.0 \[s, wall clock\]",
        ),
        (
            replace(SIMULATED, overrides=("franka_sim.viewer=maybe",)),
            r"franka_sim.viewer is 'maybe' \(str\), expected bool",
        ),
        (replace(SIMULATED, overrides=("viewer",)), "expected node.parameter=value"),
        (
            replace(ON_ROBOT, overrides=("franka_sim.viewer=true",)),
            "unknown node 'franka_sim'",
        ),
        (replace(ON_ROBOT, realtime=True), "--realtime is for the simulation"),
    ],
    ids=str,
)
def test_what_does_not_exist_or_does_not_fit_is_refused(options: GraphOptions, words: str) -> None:
    with pytest.raises(DsrlError, match=words):
        describe(options)
