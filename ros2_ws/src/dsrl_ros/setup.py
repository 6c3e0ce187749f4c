"""dsrl_ros: nodes, runner, command line, launch files."""

from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = "dsrl_ros"
HERE = Path(__file__).resolve().parent
NODES = (
    "chunk_player",
    "episode_manager",
    "joy_operator",
    "learner",
    "noise_actor",
    "policy_server",
    "rollout_recorder",
)
PROGRAMS = ("health_check", "prepare_robot", "start_run")


def installed(folder: str, pattern: str) -> list[tuple[str, list[str]]]:
    """data_files entries for the files of a folder, which may be a symlink; none is an error."""
    found = [f for f in sorted((HERE / folder).rglob(pattern)) if is_data(f)]
    if not found:
        raise FileNotFoundError(f"{PACKAGE}: no {folder}/{pattern} to install")
    targets: dict[str, list[str]] = {}
    for file in found:
        path = file.relative_to(HERE)
        targets.setdefault(f"share/{PACKAGE}/{path.parent}", []).append(str(path))
    return sorted(targets.items())


def is_data(file: Path) -> bool:
    return file.is_file() and "__pycache__" not in file.parts


setup(
    name=PACKAGE,
    version="0.1.0",
    description="DSRL on ROS 2: nodes, runner, command line.",
    author="dsrl_ros maintainers",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    package_data={PACKAGE: ["py.typed", "**/*.yaml", "**/*.xml", "**/*.jinja", "**/*.html"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml"]),
        *installed("launch", "*.launch.py"),
        *installed("config", "*"),
        *installed("rviz", "*.rviz"),
        *installed("policies", "*"),
    ],
    zip_safe=False,
    install_requires=["dsrl_core", "rich", "typer"],
    # colcon test runs nothing without it.
    extras_require={"test": ["pytest"]},
    entry_points={
        "console_scripts": [
            "dsrl = dsrl_ros.cli.app:main",
            *(f"{name} = dsrl_ros.nodes.{name}:main" for name in NODES),
            *(f"{name} = dsrl_ros.{name}:main" for name in PROGRAMS),
        ]
    },
)
