"""How well does the simulated arm follow its set-points?

./dsrl bench tracking                    # 10 episodes in lock-step, 60 s in real time per path
./dsrl bench tracking --seconds 300

Set-points and measured joints are recorded as they go over the topics, by a process beside the
graph. An error is what was measured less the smooth curve through the set-points at that time; each
is to be reached one period after its stamp. A trajectory has no stamp: the time of its arrival is
taken, jitter and all.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rclpy.serialization import deserialize_message
from real_time_runs import play
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rosbags.rosbag2 import Reader

from dsrl_core.control.kinematics import Kinematics
from dsrl_core.evaluation.tracking import Motion, tracking
from dsrl_core.specs import RobotSpec
from dsrl_core.types import Float64Array, Mode
from dsrl_ros import topics
from dsrl_ros.conversions.basics import stamp_of
from dsrl_ros.paths import catalog
from dsrl_ros.raw_recorder import RawRecorder
from dsrl_ros.session import GraphSession, SessionOptions
from dsrl_ros.topics import Topic

RESULTS = Path(__file__).parent / "results"
TASK, SEED = "franka_pick", 3
GAP_PERIODS = 2.5
COMMANDS: dict[str, tuple[Topic, Callable[[Any], Float64Array]]] = {
    "crisp_joint": (topics.TARGET_JOINT, lambda message: np.array(message.position)),
    "joint_trajectory": (
        topics.JOINT_TRAJECTORY,
        lambda message: np.array(message.points[0].positions),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, default=10, help="in lock-step")
    parser.add_argument("--seconds", type=float, default=60.0, help="in real time, for each path")
    asked = parser.parse_args()
    robot = catalog().robot(catalog().task(TASK).robot)
    rows = [
        measure(
            "lock-step",
            "crisp_joint",
            robot.in_lock_step,
            SessionOptions(),
            lambda session: lock_step(session, asked.episodes),
        )
    ]
    for path in COMMANDS:
        options = SessionOptions(realtime=True, overrides=(f"chunk_player.command_path={path}",))
        rows.append(
            measure(
                "real",
                path,
                robot,
                options,
                lambda session: play(session, Mode.BASE, SEED, asked.seconds),
            )
        )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "tracking.json").write_text(json.dumps(rows, indent=1) + "\n")
    (RESULTS / "tracking.md").write_text(report(rows))


def lock_step(session: GraphSession, episodes: int) -> int:
    """Episodes of the base policy; nothing is ever held."""
    session.run(Mode.BASE, episodes)
    return 0


def measure(
    time_of: str,
    path: str,
    robot: RobotSpec,
    options: SessionOptions,
    run: Callable[[GraphSession], int],
) -> dict[str, Any]:
    """Record one run and compare."""
    topic, positions_of = COMMANDS[path]
    with tempfile.TemporaryDirectory() as folder:
        bag = Path(folder) / "bag"
        with (
            GraphSession(TASK, Path(folder) / "run", SEED, options) as session,
            RawRecorder(bag, (topic, topics.JOINT_STATES)) as recorder,
        ):
            recorder.wait_for_publishers()
            holds = run(session)
        commanded = motion(bag, topic, positions_of, robot.set_point_period_s)
        measured = motion(bag, topics.JOINT_STATES, lambda message: np.array(message.position), 0.0)
    gap_s = GAP_PERIODS * robot.set_point_period_s
    found = tracking(commanded, measured, gap_s, Kinematics(robot).tool_pose)
    values = {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in vars(found).items()
    }
    return {"time": time_of, "path": path, "holds": holds, **values, "load": os.getloadavg()[0]}


def motion(
    bag: Path, topic: Topic, positions_of: Callable[[Any], Float64Array], due_s: float
) -> Motion:
    """What a topic told, each so long after its stamp; one of a time only, the last."""
    told: dict[int, Float64Array] = {}
    with Reader(bag) as reader:
        for connection, arrived_ns, data in reader.messages():
            if connection.topic.removeprefix("/") == topic.name:
                message = deserialize_message(data, topic.message_type)
                told[stamp_of(message) or arrived_ns] = positions_of(message)
    stamps_ns = sorted(told)
    times_s = np.array(stamps_ns, dtype=np.float64) * 1e-9 + due_s
    return Motion(times_s, np.array([told[stamp_ns] for stamp_ns in stamps_ns]))


def report(rows: list[dict[str, Any]]) -> str:
    """Print the table; the same as Markdown."""
    joints = len(rows[0]["rms_rad"])
    columns = [
        "time",
        "command path",
        *(f"joint {number}" for number in range(1, joints + 1)),
        "tool: median, RMS (largest) [mm]",
        "delay [ms]",
        "samples",
        "load",
    ]
    table = Table(title=escape("RMS (largest) error of the joints [mrad], RMS after the delay"))
    for column in columns:
        table.add_column(escape(column))
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        each = zip(row["rms_rad"], row["max_rad"], row["rms_after_delay_rad"], strict=True)
        cells = (
            row["time"],
            row["path"],
            *(f"{1e3 * a:.2f} ({1e3 * b:.1f}), {1e3 * c:.2f}" for a, b, c in each),
            f"{1e3 * row['tool_median_m']:.2f}, "
            f"{1e3 * row['tool_rms_m']:.2f} ({1e3 * row['tool_max_m']:.1f})",
            f"{1e3 * row['delay_s']:.1f}",
            str(row["samples"]),
            f"{row['load']:.1f}",
        )
        table.add_row(*cells)
        lines.append("| " + " | ".join(cells) + " |")
    Console(width=200).print(table)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
