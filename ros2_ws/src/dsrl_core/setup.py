"""dsrl_core: a ROS package for colcon, and a plain Python package for pip."""

from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = "dsrl_core"
HERE = Path(__file__).resolve().parent


def data_of(folder: str) -> list[str]:
    """Files below a folder of the package, relative to the package."""
    root = HERE / PACKAGE
    files = (root / folder).rglob("*")
    return sorted(str(f.relative_to(root)) for f in files if f.is_file() and f.suffix != ".pyc")


setup(
    name=PACKAGE,
    version="0.1.0",
    description="DSRL: learns which noise to feed to a frozen robot policy.",
    author="dsrl_ros maintainers",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    package_data={
        PACKAGE: [
            "py.typed",
            *data_of("config"),
            *data_of("data/msg"),
            *data_of("evaluation/templates"),
        ]
    },
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml"]),
    ],
    zip_safe=False,
    install_requires=[
        "daqp",
        "jinja2",
        "matplotlib",
        "mink",
        "msgpack",
        "mujoco",
        "numpy",
        "opencv-python-headless",
        "pydantic>=2",
        "pyyaml",
        "ruckig",
        "pyzmq",
        "rosbags",
        "safetensors",
        "scipy",
        "tensorboard",
        "torch",
    ],
    extras_require={
        # Foreign datasets (dsrl_core.data.importers).
        "datasets": ["h5py", "pyarrow"],
        # Environments of benchmarks (dsrl_core.environments). robosuite 1.4, as the paper had it,
        # needs an older MuJoCo than the simulated robot: an environment of its own.
        "gym": ["gymnasium[mujoco]>=1.0"],
        "robomimic": ["mujoco<3.4", "robosuite>=1.4.1,<1.5"],
        # Runs on many machines (dsrl_core.sweeps); on one machine they need no more than this.
        "sweep": ["ray==2.60.0"],
        # colcon test runs nothing without it.
        "test": ["pytest"],
    },
)
