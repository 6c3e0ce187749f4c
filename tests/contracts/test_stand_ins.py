"""Where the real franka_msgs and control_msgs are installed, ours keep out of their way."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[2] / "ros2_ws/src"
PYTHON = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
PACKAGES = ["franka_msgs", "control_msgs"]

USER_XML = """<package format="3">
<name>user</name><version>0.0.0</version><description>x</description>
<maintainer email="x@x.invalid">x</maintainer><license>x</license>{depends}
<export><build_type>cmake</build_type></export></package>"""

# A package that depends on both, and keeps where it found them.
USER_CMAKE = """cmake_minimum_required(VERSION 3.20)
project(user LANGUAGES NONE)
find_package(franka_msgs REQUIRED)
find_package(control_msgs REQUIRED)
file(WRITE "${CMAKE_BINARY_DIR}/found.txt" "${franka_msgs_DIR}\\n${control_msgs_DIR}\\n")
install(FILES "${CMAKE_BINARY_DIR}/found.txt" DESTINATION share/user)
"""


def write(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def put_package(prefix: Path, package: str) -> None:
    """What tools look for of an installed interface package."""
    write(prefix / "share/ament_index/resource_index/packages" / package)
    write(prefix / "share" / package / "cmake" / f"{package}Config.cmake")
    write(prefix / PYTHON / package / "__init__.py")


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """A prefix with the real packages."""
    prefix = tmp_path / "real installation"
    for package in PACKAGES:
        put_package(prefix, package)
    return prefix


@pytest.fixture
def environment(real: Path) -> dict[str, str]:
    """As after sourcing that installation, in a shell that does not know this checkout."""
    own = tuple(filter(None, os.environ.get("COLCON_PREFIX_PATH", "").split(":")))
    others = [p for p in os.environ["AMENT_PREFIX_PATH"].split(":") if not p.startswith(own)]
    dropped = ("CMAKE_PREFIX_PATH", "COLCON_PREFIX_PATH")
    return {
        **{name: value for name, value in os.environ.items() if name not in dropped},
        "AMENT_PREFIX_PATH": ":".join([str(real), *others]),
        "PYTHONPATH": f"{real / PYTHON}:{sysconfig.get_path('purelib')}",
        # The Python behind an environment's: colcon's scripts call it by path.
        "COLCON_PYTHON_EXECUTABLE": str(Path(sys.executable).resolve()),
    }


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """The stand-ins, and a package that uses what they stand in for."""
    source = tmp_path / "workspace/src"
    source.mkdir(parents=True)
    for name in [*PACKAGES, "stand_in.cmake"]:
        (source / name).symlink_to(SOURCES / name)
    depends = "".join(f"<depend>{name}</depend>" for name in PACKAGES)
    write(source / "user/package.xml", USER_XML.format(depends=depends))
    write(source / "user/CMakeLists.txt", USER_CMAKE)
    return source.parent


def build(workspace: Path, environment: dict[str, str], *arguments: str) -> None:
    done = subprocess.run(
        ["colcon", "--log-level", "error", "build", *arguments],
        cwd=workspace,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def files_of(prefix: Path, package: str) -> list[Path]:
    """What an install space has of a package, colcon's own scripts left out."""
    places = [
        "share/ament_index/resource_index/*/{}",
        "share/{}/package.xml",
        "share/{}/cmake",
        "share/{}/msg",
        "include/{}",
        "lib/lib{}__*",
        "lib/python*/site-packages/{}",
    ]
    return [found for place in places for found in prefix.glob(place.format(package))]


@pytest.mark.parametrize("layout", [[], ["--merge-install"], ["--symlink-install"]])
def test_a_stand_in_hides_nothing_of_the_real_package(
    workspace: Path, real: Path, environment: dict[str, str], layout: list[str]
) -> None:
    install = workspace / "install"
    for package in PACKAGES:  # of an earlier build, when the real one was not there yet
        put_package(install if "--merge-install" in layout else install / package, package)

    build(workspace, environment, *layout)

    [found_file] = install.glob("**/share/user/found.txt")
    assert found_file.read_text().split("\n")[:2] == [
        str(real / "share" / package / "cmake") for package in PACKAGES
    ]
    for package in PACKAGES:
        prefix = install if "--merge-install" in layout else install / package
        assert files_of(prefix, package) == []

    script = (
        "import franka_msgs, control_msgs\n"
        "from ament_index_python.packages import get_package_prefix as prefix_of\n"
        "for module in (franka_msgs, control_msgs):\n"
        "    print(module.__file__, prefix_of(module.__name__), sep='|')\n"
    )
    told = subprocess.run(
        ["bash", "-c", '. install/setup.bash && "$0" -c "$1"', sys.executable, script],
        cwd=workspace,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert told == [f"{real / PYTHON / package}/__init__.py|{real}" for package in PACKAGES]
