"""The core runs where ROS is not: no module imports rclpy, messages, or the packages above."""

from __future__ import annotations

import subprocess
import sys

BLOCKED = """
import importlib, pkgutil, sys

class Absent:
    names = {"rclpy", "dsrl_interfaces", "dsrl_ros", "dsrl_sim", "std_msgs", "builtin_interfaces"}
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.names:
            raise ModuleNotFoundError(f"{name} is not to be imported here")

sys.meta_path.insert(0, Absent())
import dsrl_core
modules = [m.name for m in pkgutil.walk_packages(dsrl_core.__path__, "dsrl_core.")]
for name in modules:
    importlib.import_module(name)
assert len(modules) > 30, modules
"""

ROBOT_SIDE = """
import sys
import dsrl_core.control.chunk_player, dsrl_core.steering.decision_loop, dsrl_core.policies.wire
learning = [name for name in sys.modules if name.startswith("dsrl_core.learning")]
assert not learning, learning
"""


def run(code: str) -> None:
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr


def test_every_module_of_the_core_imports_without_ros() -> None:
    run(BLOCKED)


def test_the_robots_path_does_not_import_the_learner() -> None:
    run(ROBOT_SIDE)
