"""dsrl_sim: MuJoCo world of an FR3, its ROS face, the automatic operator."""

from setuptools import find_packages, setup

PACKAGE = "dsrl_sim"
NODES = ("auto_operator", "franka_sim")

setup(
    name=PACKAGE,
    version="0.1.0",
    description="A simulated FR3 for dsrl_ros.",
    author="dsrl_ros maintainers",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    package_data={
        PACKAGE: [
            "py.typed",
            "**/*.yaml",
            "**/*.xml",
            "**/*.stl",
            "**/*.obj",
            "**/*.png",
            "**/*.md",
        ]
    },
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml"]),
    ],
    zip_safe=False,
    install_requires=["dsrl_core", "dsrl_ros", "mink", "mujoco"],
    # colcon test runs nothing without it.
    extras_require={"test": ["pytest"]},
    entry_points={
        "console_scripts": [f"{name} = dsrl_sim.nodes.{name}:main" for name in NODES],
    },
)
