"""Robot, task and policy files (YAML) as frozen dataclasses: what a user writes, checked.

A file with an unknown key, a missing key or a value out of range is refused with the place in the
file, what was expected and what is available. Defaults stand here and nowhere else.
"""

from dsrl_core.specs.policy import ActionSpec, CameraSpec, FieldSpec, PolicySpec, require_horizon
from dsrl_core.specs.robot import RobotSpec
from dsrl_core.specs.steering import FeatureSpec, RewardSpec, SteeringSpec
from dsrl_core.specs.task import GripperSpec, SceneSpec, TaskSpec

__all__ = [
    "ActionSpec",
    "CameraSpec",
    "FeatureSpec",
    "FieldSpec",
    "GripperSpec",
    "PolicySpec",
    "RewardSpec",
    "RobotSpec",
    "SceneSpec",
    "SteeringSpec",
    "TaskSpec",
    "require_horizon",
]
