"""`./dsrl keystore`: keys and least rights for every node, on machines with SROS2."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from dsrl_ros.cli.options import Namespace

POLICY = "policy.xml"


def keystore(
    folder: Annotated[Path, typer.Argument(help="Keystore: made, or added to.")],
    task: Annotated[str, typer.Option(help="Task file.")] = "franka_pick",
    policy: Annotated[
        str, typer.Option(help="Frozen policy. [default: the one that the task names]")
    ] = "",
    robots: Annotated[str, typer.Option(help="Names of several robots: left,right.")] = "",
    arm_prefix: Annotated[str, typer.Option(help="As the launch argument.")] = "",
    param: Annotated[
        list[str] | None, typer.Option(help="node.parameter=value; may be given several times.")
    ] = None,
    joy: Annotated[bool, typer.Option("--joy", help="With a joystick.")] = False,
    namespace: Namespace = "",
) -> None:
    """Write down what each node of a real robot's graph may do, and make its keys.

    Give the options that the graph will be started with: names of topics depend on them.
    """
    # Here, because they take a second to load, which nobody waits for who asks for help only.
    from dsrl_core.errors import DsrlError
    from dsrl_ros.cells import robots_asked_for
    from dsrl_ros.graph import GraphOptions, describe_all
    from dsrl_ros.paths import catalog
    from dsrl_ros.rights import policy_file

    options = GraphOptions(
        task,
        folder,
        policy=policy,
        simulated=False,
        joy=joy,
        overrides=tuple(param or ()),
        arm_prefix=arm_prefix,
        namespace=namespace,
        robots=robots_asked_for(robots),
    )
    text = policy_file(describe_all(options), catalog())
    # Whoever has these keys is let in.
    os.umask(0o077)
    written = folder / POLICY
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written.write_text(text)
    except OSError as error:
        raise DsrlError(f"{written} cannot be written: {error}") from error
    typer.echo(f"{written}: what each node may do")
    command = ["ros2", "security", "generate_artifacts", "-k", str(folder), "-p", str(written)]
    if shutil.which("ros2") is None:
        raise DsrlError(
            "no keys were made: ros2 security is not installed here (apt-get install "
            f"ros-jazzy-sros2). Where it is: {' '.join(command)}"
        )
    if subprocess.run(command, check=False).returncode:
        raise DsrlError(f"no keys were made: {' '.join(command)} failed; its words are above")
    typer.echo(
        f"{folder}: keys. On both machines: ROS_SECURITY_ENABLE=true "
        f"ROS_SECURITY_STRATEGY=Enforce ROS_SECURITY_KEYSTORE={folder.absolute()}"
    )
