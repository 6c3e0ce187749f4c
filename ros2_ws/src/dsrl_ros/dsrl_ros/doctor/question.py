"""What a run is to be: against it everything is judged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dsrl_core.catalog import Catalog
from dsrl_core.specs import PolicySpec, RobotSpec, TaskSpec
from dsrl_ros.doctor.check import Check, Status, Value

_REASON = "not needed in simulation"


@dataclass(frozen=True)
class Question:
    """Can this machine run this task with this policy, as it stands now?"""

    task: TaskSpec
    policy: PolicySpec
    robot: RobotSpec
    out: Path
    robot_ip: str = ""
    """Of the controller that this machine is to talk to; empty: none was named."""
    simulated: bool | None = None
    """True: on simulated time, in lock-step. False: at the clock on the wall, a real robot or the
    simulator. None: as it is heard."""
    listen_s: float = 2.0
    namespace: str = ""
    """Of the robot's topics and the graph's."""

    @staticmethod
    def of(
        known: Catalog,
        task: str,
        policy: str,
        out: Path,
        robot_ip: str,
        simulated: bool | None,
        listen_s: float,
        namespace: str,
    ) -> Question:
        """
        Raises:
            DsrlError: a task, policy or robot that does not exist or whose file does not hold.
        """
        spec = known.task(task)
        return Question(
            spec,
            known.policy_of(spec, policy),
            known.robot(spec.robot),
            out,
            robot_ip,
            simulated,
            listen_s,
            namespace,
        )

    @property
    def demand(self) -> Status:
        """How bad it is that this machine lacks what a robot's control loop needs."""
        if self.robot_ip:
            return Status.FAIL
        return Status.SKIPPED if self.simulated else Status.WARN

    def lacks(self, name: str, found: str, expected: str, advice: str, /, **values: Value) -> Check:
        """A check of what only a robot's control loop needs, and this machine has not."""
        status = self.demand
        if status is Status.SKIPPED:
            found = f"{found}; {_REASON}"
        return Check(name, status, found, expected, advice, values)
