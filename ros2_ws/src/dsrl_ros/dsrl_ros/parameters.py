"""The parameters of every node: one frozen dataclass each, every parameter declared once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, get_args

from dsrl_core.specs.robot import CommandPath, ReturnPath
from dsrl_ros.declaring import parameter
from dsrl_ros.paths import FREE_BYTES_MIN

ROBOT_FILE: Final = "robot_file"  # as the robot file says
AHEAD_AS_MEASURED: Final = -1  # as many actions ahead as the latest answers took


@dataclass(frozen=True)
class TaskParameters:
    """What every node that knows the task needs."""

    task: str = parameter("franka_pick", "Name of the task file.")
    policy: str = parameter("", "Name of the frozen policy; empty: the one that the task names.")


@dataclass(frozen=True)
class SharedParameters(TaskParameters):
    """What a node needs that may serve several robots."""

    robots: str = parameter(
        "", "Robots that are served together, with ':' between their names; empty: the only one."
    )


@dataclass(frozen=True)
class PolicyServerParameters(SharedParameters):
    """policy_server"""


@dataclass(frozen=True)
class NoiseActorParameters(TaskParameters):
    """noise_actor"""

    out: str = parameter("out", "Output folder of the run, with the weights that are kept.")
    seed: int = parameter(0, "Seed of the run.", minimum=0, maximum=2**31 - 1)
    lock_step: bool = parameter(
        False, "Inputs must be as new as the request, because the world waits for the decision."
    )
    arm_prefix: str = parameter(
        "", "Before the names of joints and frames; empty: as the robot file says."
    )
    policy_timeout_s: float = parameter(
        2.0, "The policy server must answer within.", unit="s", minimum=0.01, maximum=60.0
    )
    closing_timeout_s: float = parameter(
        3.0,
        "After so long a closing record is made of inputs within the age limit.",
        unit="s, wall clock",
        minimum=0.05,
        maximum=60.0,
    )


@dataclass(frozen=True)
class ChunkPlayerParameters(TaskParameters):
    """chunk_player"""

    lock_step: bool = parameter(
        False, "No set-point goes out before the chunk that is due has come."
    )
    arm_prefix: str = parameter(
        "", "Before the names of joints and frames; empty: as the robot file says."
    )
    set_point_rate_hz: int = parameter(
        0,
        "Set-points per second; 0: as the robot file says. Not in lock-step.",
        unit="Hz",
        minimum=0,
        maximum=500,
    )
    patience: float = parameter(
        1.0,
        "Inputs may be older by this factor than robot and task file say: for a simulator on a "
        "busy machine. Not in lock-step.",
        minimum=1.0,
        maximum=100.0,
    )
    chunk_wait_s: float = parameter(
        0.0,
        "The arm is held without a chunk that it asked for after; 0: as the robot file says. Not "
        "in lock-step.",
        unit="s",
        minimum=0.0,
        maximum=60.0,
    )
    force_scale: float = parameter(
        1.0,
        "External forces may be larger by this factor than the robot file says: for a simulated "
        "arm, which is stiffer. Not in lock-step.",
        minimum=1.0,
        maximum=100.0,
    )
    ask_ahead: int = parameter(
        0,
        "The next chunk is asked for so many actions before the present one ends; "
        f"{AHEAD_AS_MEASURED}: as many as the latest answers took, not in lock-step.",
        minimum=AHEAD_AS_MEASURED,
        maximum=100,
    )
    gripper: bool = parameter(True, "Whether the arm has a gripper. Not in lock-step.")
    gripper_homing: bool = parameter(
        False, "The gripper looks for its end stops at the start of the node. Not in lock-step."
    )
    command_path: str = parameter(
        ROBOT_FILE,
        "The controller that hears set-points: another than the robot file's has to be started by "
        "whoever asks for it. Not in lock-step.",
        choices=(ROBOT_FILE, *get_args(CommandPath)),
    )
    return_path: str = parameter(
        ROBOT_FILE,
        "How the arm comes back to its start. Not in lock-step.",
        choices=(ROBOT_FILE, *get_args(ReturnPath)),
    )
    return_timeout_s: float = parameter(
        20.0,
        "The arm must have returned to its start within.",
        unit="s",
        minimum=1.0,
        maximum=120.0,
    )


@dataclass(frozen=True)
class RolloutRecorderParameters(TaskParameters):
    """rollout_recorder"""

    out: str = parameter("out", "Output folder of the run.")
    closing_timeout_s: float = parameter(
        5.0,
        "An episode that is over and still incomplete after this is written as invalid.",
        unit="s, wall clock",
        minimum=0.1,
        maximum=600.0,
    )
    raw_topics: str = parameter(
        "",
        "What is recorded beside the decisions for people to see, with ':' between: images, "
        "joints, set_points, gripper, safety, episode; all: every one; empty: nothing.",
    )


@dataclass(frozen=True)
class EpisodeManagerParameters(TaskParameters):
    """episode_manager"""

    out: str = parameter("out", "Output folder of the run.")
    lock_step: bool = parameter(
        False, "A steered episode waits until every label so far has been learned from."
    )
    arm_prefix: str = parameter(
        "", "Before the names of joints and frames; empty: as the robot file says."
    )
    simulated: bool = parameter(True, "A simulator resets the world; otherwise a person does.")
    auto_advance: bool = parameter(
        True, "An episode starts once its world is ready; otherwise when somebody presses start."
    )
    evaluation_share: float = parameter(
        0.0,
        "Share of a training run's episodes that are evaluations: greedy, from resets of their "
        "own, never learned from.",
        minimum=0.0,
        maximum=0.5,
    )
    disk_gb: float = parameter(
        0.0,
        "What the run's episodes may take on disk; no further one begins then. 0: as much as "
        "there is.",
        unit="GB",
        minimum=0.0,
        maximum=1e6,
    )
    disk_free_gb: float = parameter(
        FREE_BYTES_MIN / 1e9,
        "What stays free on their disk; no further episode begins below it.",
        unit="GB",
        minimum=0.0,
        maximum=1e6,
    )


@dataclass(frozen=True)
class FrankaSimParameters(TaskParameters):
    """franka_sim"""

    lock_step: bool = parameter(
        True, "Time stands still until the set-point for the present tick has come."
    )
    viewer: bool = parameter(False, "Open a window.")
    clock_period_s: float = parameter(
        0.1, "Simulated time between two messages on /clock.", unit="s", minimum=0.02, maximum=10.0
    )
    repeat_s: float = parameter(
        0.25,
        "While time stands still, the present state is published again after so long.",
        unit="s, wall clock",
        minimum=0.05,
        maximum=60.0,
    )
    force_scale: float = parameter(
        1.0,
        "Thresholds of the collision detection are the robot file's times this factor.",
        minimum=1.0,
        maximum=100.0,
    )
    controllers: bool = parameter(
        True, "The arm's controllers are active from the start. Not in lock-step."
    )
    ptp_motion: bool = parameter(
        True, "Offer the action ptp_motion, which older drivers have not. Not in lock-step."
    )
    state_rate_hz: float = parameter(
        100.0,
        "Rate of the arm's state topics in real time; a real arm's is 1000.",
        unit="Hz",
        minimum=1.0,
        maximum=1000.0,
    )
    camera_period_s: float = parameter(
        0.2,
        "Simulated time between two images, if anybody listens.",
        unit="s",
        minimum=0.02,
        maximum=60.0,
    )
    camera_width: int = parameter(320, "Width of an image.", unit="px", minimum=16, maximum=1920)
    camera_height: int = parameter(240, "Height of an image.", unit="px", minimum=16, maximum=1440)


@dataclass(frozen=True)
class AutoOperatorParameters:
    """auto_operator"""

    author: str = parameter("auto_operator", "Name in the label ledger.")
    repeat_s: float = parameter(
        1.0,
        "A label that shows no effect is pressed again after.",
        unit="s, wall clock",
        minimum=0.1,
        maximum=60.0,
    )
    recovers: bool = parameter(
        True,
        "After an automatic hold: clear the robot's error, switch its controllers on and resume, "
        "as a person would who has looked. Never after a stop.",
    )
    recover_after_s: float = parameter(
        1.0,
        "From such a hold to the first try; further ones follow ever more slowly.",
        unit="s, wall clock",
        minimum=0.0,
        maximum=60.0,
    )


@dataclass(frozen=True)
class JoyOperatorParameters:
    """joy_operator: the number of each button in sensor_msgs/Joy; -1: there is none.

    A foot pedal is a joystick of one to three buttons.
    """

    author: str = parameter("joystick", "Name in the label ledger.")
    success: int = parameter(0, "Button that says success.", minimum=-1, maximum=255)
    failure: int = parameter(1, "Button that says failure.", minimum=-1, maximum=255)
    discard: int = parameter(2, "Button that discards.", minimum=-1, maximum=255)
    undo: int = parameter(3, "Button that takes the last label back.", minimum=-1, maximum=255)
    stop: int = parameter(5, "Button that holds the arm.", minimum=-1, maximum=255)
    start: int = parameter(7, "Button that starts. It never resumes.", minimum=-1, maximum=255)
    pause: int = parameter(6, "Button that pauses, or lets go on.", minimum=-1, maximum=255)
    debounce_s: float = parameter(
        0.3,
        "A button that was released is not taken for pressed again before. The stop always is.",
        unit="s, wall clock",
        minimum=0.0,
        maximum=5.0,
    )
