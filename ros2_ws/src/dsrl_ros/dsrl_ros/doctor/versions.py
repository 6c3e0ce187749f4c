"""What is installed: Python, ROS, packages of the robot's side, libraries."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from dsrl_ros.doctor.check import Check, Probe, fail, ok, skipped, warn
from dsrl_ros.doctor.question import Question

_DISTRO: Final = "jazzy"
_PYTHONS: Final = ("3.11", "3.12")
_LIBRARIES: Final = ("numpy", "torch", "mujoco", "mink", "ruckig")
"""That moving a robot needs, by their names on PyPI."""
_INTERFACES: Final = ("franka_msgs", "control_msgs")
_DRIVER: Final = ("franka_hardware", "franka_robot_state_broadcaster", "franka_gripper")
LIBFRANKA_MIN: Final = (0, 20, 4)
"""What franka_ros2 3.4 for Jazzy asks for (its changelog)."""
_CONTROLLERS: Final = {
    "crisp_joint": "crisp_controllers",
    "crisp_pose": "crisp_controllers",
    "joint_trajectory": "joint_trajectory_controller",
}
"""Command path of the robot file to the package of its controller."""


@dataclass(frozen=True)
class Package:
    """A ROS package, as its package.xml tells."""

    name: str
    version: str
    description: str

    @property
    def is_stand_in(self) -> bool:
        """Whether it is this workspace's own in place of the real one."""
        return "stand-in" in self.description


def parse_package(xml: str) -> Package:
    """From the text of a package.xml."""
    root = ElementTree.fromstring(xml)

    def text(tag: str) -> str:
        return (root.findtext(tag) or "").strip()

    return Package(text("name"), text("version"), " ".join(text("description").split()))


def parse_version(text: str) -> tuple[int, ...]:
    """The numbers at its beginning: (0, 20, 5) of `0.20.5-1`; empty: none."""
    match = re.match(r"\d+(?:\.\d+)*", text.strip())
    return tuple(int(number) for number in match[0].split(".")) if match else ()


def judge_python(version: str) -> Check:
    expected = " or ".join(_PYTHONS)
    if ".".join(version.split(".")[:2]) in _PYTHONS:
        return ok("versions.python", version, expected, version=version)
    return fail("versions.python", version, expected, "Run `./dsrl setup`.", version=version)


def judge_distro(distro: str) -> Check:
    name, expected = "versions.ros", f"{_DISTRO}, as franka_ros2 and this workspace"
    if distro == _DISTRO:
        return ok(name, distro, expected, distro=distro)
    return fail(
        name,
        distro or "ROS_DISTRO is not set",
        expected,
        "Start through `./dsrl`, or source the workspace's setup.bash over ROS 2 Jazzy.",
        distro=distro,
    )


def judge_libraries(found: dict[str, str | None]) -> Check:
    """Library to version; None: not installed."""
    name = "versions.libraries"
    missing = [library for library, version in found.items() if version is None]
    text = ", ".join(f"{library} {version}" for library, version in found.items() if version)
    if not missing:
        return ok(name, text, **found)
    expected = ", ".join(found)
    return fail(name, f"missing: {', '.join(missing)}", expected, "Run `./dsrl setup`.", **found)


def judge_interfaces(name: str, package: Package | None) -> Check:
    """Message packages of the robot's side: the real ones or ours are both fine."""
    key = f"versions.{name}"
    if package is None:
        return fail(
            key,
            "not installed",
            "the real package, or this workspace's stand-in",
            "Run `./dsrl setup`, or build the workspace with colcon.",
        )
    kind = "stand-in of this workspace" if package.is_stand_in else "the real package"
    return ok(
        key,
        f"{package.version}, {kind}",
        version=package.version,
        stand_in=package.is_stand_in,
    )


def judge_driver(question: Question, found: dict[str, str | None], robot_is_heard: bool) -> Check:
    """Packages of franka_ros2 to version; None: not installed."""
    name = "versions.franka_ros2"
    text = ", ".join(f"{package} {version}" for package, version in found.items() if version)
    if None not in found.values():
        return ok(name, text, **found)
    missing = ", ".join(package for package, version in found.items() if version is None)
    if robot_is_heard or not question.robot_ip:
        return skipped(name, f"not here: {missing}; needed where the robot's driver runs", **found)
    return warn(
        name,
        f"not installed: {missing}",
        "franka_ros2 on the machine that talks to the robot",
        "Install franka_ros2 (branch jazzy), or start its driver on the robot's own machine.",
        **found,
    )


def judge_libfranka(question: Question, version: str) -> Check:
    """Empty: not installed."""
    name, least = "versions.libfranka", ".".join(map(str, LIBFRANKA_MIN))
    expected = f"at least {least}"
    if not version:
        return skipped(name, "not installed here; the machine with the robot's driver has it")
    if parse_version(version) >= LIBFRANKA_MIN:
        return ok(name, version, expected, version=version)
    return question.lacks(
        name,
        version,
        expected,
        "Install the version that your franka_ros2 asks for, and look up in Franka's "
        "compatibility table whether the robot's system version goes with it.",
        version=version,
    )


def judge_controller(question: Question, package: Package | None, robot_is_heard: bool) -> Check:
    name = "versions.controller"
    path = question.robot.command_path
    wanted = _CONTROLLERS[path]
    if package is not None:
        return ok(name, f"{wanted} {package.version}", version=package.version, package=wanted)
    if robot_is_heard or not question.robot_ip:
        return skipped(name, f"{wanted} is not here; needed where the robot's driver runs")
    return warn(
        name,
        f"{wanted} is not installed",
        f"it, as the robot file's command_path is {path}",
        f"Install {wanted}, or choose another command_path.",
    )


def probes(question: Question, robot_is_heard: bool) -> list[Probe]:
    """Of this group."""

    def interfaces() -> list[Check]:
        return [judge_interfaces(name, _package(name)) for name in _INTERFACES]

    def driver() -> Check:
        return judge_driver(question, {name: _version(name) for name in _DRIVER}, robot_is_heard)

    def controller() -> Check:
        package = _package(_CONTROLLERS[question.robot.command_path])
        return judge_controller(question, package, robot_is_heard)

    def firmware() -> Check:
        # Asking the robot would take a session of its control interface, of which there is one.
        return skipped(
            "versions.robot_system", "not asked for: Desk tells it (Settings, System, Version)"
        )

    return [
        Probe("versions.python", lambda: judge_python(platform.python_version())),
        Probe("versions.ros", lambda: judge_distro(os.environ.get("ROS_DISTRO", ""))),
        Probe(
            "versions.libraries",
            lambda: judge_libraries({name: _library(name) for name in _LIBRARIES}),
        ),
        Probe("versions.interfaces", interfaces),
        Probe("versions.franka_ros2", driver),
        Probe("versions.libfranka", lambda: judge_libfranka(question, _libfranka())),
        Probe("versions.controller", controller),
        Probe("versions.robot_system", firmware),
    ]


def _library(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _package(name: str) -> Package | None:
    try:
        return parse_package((Path(get_package_share_directory(name)) / "package.xml").read_text())
    except PackageNotFoundError:
        return None


def _version(name: str) -> str | None:
    package = _package(name)
    return None if package is None else package.version


def _libfranka() -> str:
    """As a ROS package, or as a library that was installed by itself."""
    package = _package("libfranka")
    if package is not None:
        return package.version
    if shutil.which("pkg-config") is None:
        return ""
    for name in ("franka", "libfranka"):
        asked = ["pkg-config", "--modversion", name]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=5)
        if done.returncode == 0:
            return done.stdout.strip()
    return ""
