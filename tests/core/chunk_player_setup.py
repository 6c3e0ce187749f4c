"""A chunk player on a bench: an arm that follows perfectly, and chunks for it."""

from __future__ import annotations

import numpy as np

from dsrl_core.catalog import Catalog
from dsrl_core.control.chunk_player import ChunkPlayer
from dsrl_core.control.kinematics import Kinematics, pointing_down
from dsrl_core.control.safety import Safety
from dsrl_core.specs import ActionSpec, FieldSpec, RobotSpec
from dsrl_core.types import Decision, Observation

ROBOT = Catalog.default().robot("fr3").in_lock_step
KINEMATICS = Kinematics(ROBOT)
FIELDS = (FieldSpec("displacement", 3), FieldSpec("yaw", 1), FieldSpec("gripper_width", 1))
ACTION = ActionSpec(kind="tool_delta", fields=FIELDS, period_s=0.1)
HORIZON = 4
TICK = ROBOT.set_point_period_ns
ROW = 100_000_000
T0 = 1_000_000_000
READY = KINEMATICS.solve(
    pointing_down(np.array([0.5, 0.0, 0.2]), 0.0), np.array(ROBOT.start_joint_positions_rad)
).joint_positions


class Bench:
    """A player with an arm that follows perfectly, ticked as a lock-step simulation does, or as a
    robot if it is one of another period."""

    def __init__(
        self,
        deadline_ns: int = 10**15,
        episode: int = 7,
        robot: RobotSpec = ROBOT,
        action: ActionSpec = ACTION,
    ) -> None:
        self.safety = Safety(robot, KINEMATICS)
        self.player = ChunkPlayer(
            robot, action, HORIZON, KINEMATICS, self.safety, stops_at_end=robot is not ROBOT
        )
        self.period_ns = robot.set_point_period_ns
        self.player.start(T0, READY, episode, deadline_ns)
        self.episode = episode
        self.now, self.measured = T0, READY
        self.set_points, self.requests = [], []

    def decision(self, chunk, sequence=None, episode=None) -> Decision:
        chunk = np.asarray(chunk, dtype=np.float32)
        pending = self.player.pending
        number = pending.sequence if sequence is None and pending else sequence or 0
        nothing = np.zeros((0, 0), dtype=np.float32)
        observation = Observation(self.now, np.zeros(3, dtype=np.float32))
        owner = self.episode if episode is None else episode
        return Decision(owner, number, observation, nothing, nothing, chunk, "base")

    def tick(self, chunk=None):
        """One tick; a chunk that is asked for comes at once. True while the episode goes on."""
        tick = self.player.tick(self.now, self.measured)
        if tick.request is not None:
            self.requests.append(tick.request)
            if not tick.request.final and chunk is not None:
                assert self.player.load(self.decision(chunk)) is None
                tick = self.player.tick(self.now, self.measured)
        self.set_points.append(tick.set_point)
        self.measured = tick.set_point.joint_positions
        self.now += self.period_ns
        return not self.player.is_over

    def run(self, chunks) -> None:
        for chunk in chunks:
            for _ in range(HORIZON * ROW // TICK):
                self.tick(chunk)

    @property
    def tool(self) -> np.ndarray:
        return KINEMATICS.tool_pose(self.measured).position


def rows(*displacement: float, yaw: float = 0.0, width: float = 0.08) -> np.ndarray:
    return np.array([[*displacement, yaw, width]] * HORIZON, dtype=np.float32)
