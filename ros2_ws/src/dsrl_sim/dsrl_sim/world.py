"""The simulated world of a task in MuJoCo: an FR3, a table, a cube, and what the task adds."""

from __future__ import annotations

from typing import Final

import mujoco
import numpy as np

from dsrl_core.errors import InvalidValue
from dsrl_core.layout import draw_layout, start_posture
from dsrl_core.specs import RobotSpec, SceneSpec
from dsrl_core.specs.task import PlaceScene
from dsrl_core.types import NANOSECONDS_PER_SECOND, Float64Array, Pose, UInt8Array, to_nanoseconds
from dsrl_sim.gripper import (
    DEFAULT_FORCE_N,
    MAX_SPEED_M_S,
    GripperCommand,
    GripperController,
    GripperState,
)
from dsrl_sim.handles import Handles
from dsrl_sim.moments import Layout, PastScene, Snapshot
from dsrl_sim.rendering import Renderer
from dsrl_sim.scene import build_model
from dsrl_sim.success import is_held, success_rule

SUCCESS_CHECK_S: Final = 0.1
"""The success rule looks at the world once in this time, counted from the reset."""

_STATE: Final = mujoco.mjtState.mjSTATE_INTEGRATION.value


class World:
    """Deterministic: equal seeds and set-points give equal bits.

    Everything is in the robot's base frame, whose z = 0 is the table's top.
    """

    def __init__(
        self, scene: SceneSpec, robot: RobotSpec, physics_step_s: float | None = None
    ) -> None:
        """`physics_step_s`: of the physics; by default what the robot's model says."""
        self._scene = scene
        self._robot = robot
        self.model = build_model(scene, robot)
        if physics_step_s is not None:
            self.model.opt.timestep = physics_step_s
        self.data = mujoco.MjData(self.model)
        self._period_ns = robot.set_point_period_ns
        self._substeps = self._whole_substeps(robot.set_point_period_s)
        self._check_every_ns = to_nanoseconds(SUCCESS_CHECK_S)
        self._start = start_posture(scene, robot)
        self._at = Handles.of(self.model, robot)
        # The servos hold one target for a period in which the set-point moves: its mean position,
        # and for the damping its velocity.
        self._lead = self._at.damping_over_stiffness_s / robot.set_point_period_s - 0.5
        self._fulfils = success_rule(scene, self._at)
        self._gripper = GripperController(robot.gripper_width_max_m)
        self._renderers: dict[tuple[int, int], Renderer] = {}
        self._past = PastScene(self.model)
        self.step_ns = to_nanoseconds(float(self.model.opt.timestep))
        self._time_ns = 0
        self.reset(seed=0)

    def reset(self, seed: int, *, keep_time: bool = False) -> None:
        """Robot at its start, gripper open and empty queue, cube and bowl drawn from `seed`.

        With `keep_time` the clock goes on instead of starting at 0 again.
        """
        mujoco.mj_resetData(self.model, self.data)
        qpos = self.data.qpos
        qpos[self._at.arm] = self._start
        qpos[self._at.fingers] = self._robot.gripper_width_max_m / 2
        self._lay_out(seed)
        if not keep_time:
            self._time_ns = 0
        self._reset_time_ns = self._time_ns
        self._targets = self._start.copy()
        self._gripper.reset(self._time_ns)
        self._fulfilled_steps = 0
        self._success = False
        self.data.ctrl[self._at.arm] = self._targets
        self._apply(self._gripper.state)
        mujoco.mj_forward(self.model, self.data)
        self._frames_are_old = False

    def lay_out(self, seed: int) -> None:
        """Put cube and bowl where `reset` would, and leave the robot where it is."""
        self.data.qvel[self._at.cube_velocity] = 0.0
        self._lay_out(seed)
        self._reset_time_ns = self._time_ns
        self._fulfilled_steps = 0
        self._success = False
        mujoco.mj_forward(self.model, self.data)
        self._frames_are_old = False

    def advance(self, joint_targets: Float64Array) -> None:
        """One set-point period of physics towards `joint_targets` (joints,) [rad].

        The joints' servos are PD with gravity compensation and limited effort; the damping acts on
        the difference to the set-points' velocity, so that a moving target is not lagged behind.
        """
        targets = np.asarray(joint_targets, dtype=np.float64)
        if targets.shape != self._targets.shape or not np.isfinite(targets).all():
            raise InvalidValue(
                f"joint targets {targets}, expected {self._targets.size} finite positions [rad]"
            )
        self.data.ctrl[self._at.arm] = targets + self._lead * (targets - self._targets)
        self._targets = targets.copy()
        self._step(self._substeps, self._period_ns)

    def drive(self, position: Float64Array, velocity: Float64Array) -> None:
        """One step of physics with the servos told where to be and how fast, (joints,) each."""
        self.data.ctrl[self._at.arm] = position + self._at.damping_over_stiffness_s * velocity
        self._targets = position
        self._step(1, self.step_ns)

    def command_gripper(
        self,
        width_m: float,
        at_ns: int,
        *,
        speed_m_s: float = MAX_SPEED_M_S,
        force_n: float = DEFAULT_FORCE_N,
    ) -> None:
        """Go to a width from the first set-point period on that starts at `at_ns` or later.

        The caller adds the hand's latency. Commands queue up by time, and a reset drops them.
        """
        self._gripper.enqueue(GripperCommand(int(at_ns), width_m, speed_m_s, force_n))

    @property
    def time_ns(self) -> int:
        return self._time_ns

    @property
    def joint_positions(self) -> Float64Array:
        """Shape (joints,) [rad]."""
        return np.array(self.data.qpos[self._at.arm])

    @property
    def joint_velocities(self) -> Float64Array:
        """Shape (joints,) [rad/s]."""
        return np.array(self.data.qvel[self._at.arm])

    @property
    def joint_targets(self) -> Float64Array:
        """What the servos were told last, (joints,) [rad]."""
        return self._targets.copy()

    @property
    def handles(self) -> Handles:
        """Where the model keeps what."""
        return self._at

    @property
    def joint_efforts(self) -> Float64Array:
        """Shape (joints,) [Nm], with the share that holds the arm against gravity."""
        return np.array(self.data.qfrc_actuator[self._at.arm])

    @property
    def gripper_width_m(self) -> float:
        return float(self.data.qpos[self._at.fingers].sum())

    @property
    def tool_pose(self) -> Pose:
        """The point between the finger tips; z points out of the hand, y along the fingers' way."""
        self._refresh_frames()
        quaternion = np.empty(4)
        mujoco.mju_mat2Quat(quaternion, self.data.site_xmat[self._at.tool])
        return Pose(self.data.site_xpos[self._at.tool].copy(), quaternion)

    @property
    def object_pose(self) -> Pose:
        """The cube's centre."""
        pose = self.data.qpos[self._at.cube]
        return Pose(pose[:3].copy(), pose[3:].copy())

    @property
    def goal_pose(self) -> Pose | None:
        """Where the cube's centre is to go; None where the task names no place."""
        if not isinstance(self._scene, PlaceScene):
            return None
        above_m = self._scene.bowl_wall_m + self._scene.cube_edge_m / 2
        position = self.data.mocap_pos[self._at.bowl] + [0.0, 0.0, above_m]
        return Pose(position, np.array([1.0, 0.0, 0.0, 0.0]))

    @property
    def is_held(self) -> bool:
        """Whether both fingers touch the cube at this moment."""
        return is_held(self.data, self._at)

    @property
    def success(self) -> bool:
        """Whether the scene's rule was fulfilled for long enough since the reset; it stays true."""
        return self._success

    @property
    def layout(self) -> Layout:
        """Where everything is now; for `render`, later."""
        return Layout(self.data.qpos.copy(), self.data.mocap_pos.copy())

    def render(
        self, camera: str, width: int, height: int, layout: Layout | None = None
    ) -> UInt8Array:
        """What a camera of `scene.CAMERAS` sees: RGB, shape (height, width, 3).

        `layout`: of the moment that is drawn, by default the present one. Each size keeps a
        renderer of its own until `close`.

        Raises:
            RendererMissing: nothing on this machine can draw without a screen.
        """
        if (width, height) not in self._renderers:
            self._renderers[width, height] = Renderer(self.model, width, height)
        if layout is None:
            self._refresh_frames()
            drawn = self.data
        else:
            drawn = self._past.laid_out(layout)
        return self._renderers[width, height].render(drawn, camera)

    def snapshot(self) -> Snapshot:
        physics = np.empty(mujoco.mj_stateSize(self.model, _STATE))
        mujoco.mj_getState(self.model, self.data, physics, _STATE)
        return Snapshot(
            physics,
            self._time_ns,
            self._reset_time_ns,
            self._targets.copy(),
            self._gripper.state,
            self._fulfilled_steps,
            self._success,
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot of this world, or of one of the same scene and robot."""
        mujoco.mj_setState(self.model, self.data, snapshot.physics, _STATE)
        self._time_ns = snapshot.time_ns
        self._reset_time_ns = snapshot.reset_time_ns
        self._targets = snapshot.targets.copy()
        self._gripper.state = snapshot.gripper
        self._fulfilled_steps = snapshot.fulfilled_steps
        self._success = snapshot.success
        self._apply(snapshot.gripper)
        mujoco.mj_forward(self.model, self.data)
        # The forward pass leaves its own start values for the solver.
        mujoco.mj_setState(self.model, self.data, snapshot.physics, _STATE)
        self._frames_are_old = False

    def close(self) -> None:
        """Give the renderers' memory back; the world stays usable."""
        while self._renderers:
            self._renderers.popitem()[1].close()

    def _whole_substeps(self, period_s: float) -> int:
        step_s = float(self.model.opt.timestep)
        substeps = round(period_s / step_s)
        if substeps < 1 or abs(substeps * step_s - period_s) > 1e-9:
            raise InvalidValue(f"set_point_period_s {period_s} is no multiple of {step_s} s")
        return substeps

    def _step(self, substeps: int, duration_ns: int) -> None:
        self._apply(
            self._gripper.step(
                self._time_ns, self.gripper_width_m, duration_ns / NANOSECONDS_PER_SECOND
            )
        )
        mujoco.mj_step(self.model, self.data, substeps)
        self._time_ns += duration_ns
        self._frames_are_old = True
        if (self._time_ns - self._reset_time_ns) % self._check_every_ns == 0:
            self._check_success()

    def _apply(self, gripper: GripperState) -> None:
        self.data.ctrl[self._at.gripper] = gripper.reference_m
        force = gripper.goal.force_n
        self.model.actuator_forcerange[self._at.gripper] = (-force, force)

    def _lay_out(self, seed: int) -> None:
        """Put the cube, and the bowl if there is one, where this seed's layout has them."""
        layout, cube = draw_layout(self._scene, seed), self.data.qpos[self._at.cube]
        half_yaw = layout.cube_yaw_rad / 2
        cube[:2] = layout.cube_m
        cube[2] = self._scene.cube_edge_m / 2
        cube[3:] = [np.cos(half_yaw), 0.0, 0.0, np.sin(half_yaw)]
        if layout.bowl_m is not None:
            self.data.mocap_pos[self._at.bowl][:2] = layout.bowl_m

    def _check_success(self) -> None:
        self._fulfilled_steps = self._fulfilled_steps + 1 if self._fulfils(self.data) else 0
        self._success = self._success or self._fulfilled_steps >= self._scene.success_steps

    def _refresh_frames(self) -> None:
        """Bring frames of sites and cameras up to the positions; a step leaves them behind."""
        if self._frames_are_old:
            mujoco.mj_kinematics(self.model, self.data)
            mujoco.mj_camlight(self.model, self.data)
            self._frames_are_old = False
