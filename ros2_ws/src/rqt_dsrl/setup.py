"""rqt_dsrl: the operator's window, in rqt and by itself, and a layout for Foxglove."""

from setuptools import find_packages, setup

PACKAGE = "rqt_dsrl"

setup(
    name=PACKAGE,
    version="0.1.0",
    description="The operator's window of dsrl_ros.",
    author="dsrl_ros maintainers",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    package_data={PACKAGE: ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml", "plugin.xml"]),
        (f"share/{PACKAGE}/config", ["config/foxglove_layout.json"]),
    ],
    zip_safe=False,
    install_requires=["dsrl_core", "dsrl_ros"],
    # colcon test runs nothing without it.
    extras_require={"test": ["pytest"]},
    entry_points={"console_scripts": ["rqt_dsrl = rqt_dsrl.standalone:main"]},
)
