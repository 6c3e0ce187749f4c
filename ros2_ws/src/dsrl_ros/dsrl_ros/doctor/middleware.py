"""DDS: who else is on the domain, how far discovery reaches, shared memory."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from rclpy.utilities import get_rmw_implementation_identifier

from dsrl_core.specs import PolicySpec
from dsrl_ros.doctor.check import Check, Probe, Values, fail, ok, skipped, warn
from dsrl_ros.doctor.question import Question
from dsrl_ros.doctor.survey import Survey
from dsrl_ros.graph import KINDS
from dsrl_ros.paths import domain, share

_PROFILES: Final = "FASTRTPS_DEFAULT_PROFILES_FILE"
_RMW: Final = "rmw_fastrtps_cpp"
_SHARED_MEMORY: Final = Path("/dev/shm")
_YOUNG_S: Final = 10.0
"""As in `dsrl_ros.machine`: files that young may be of a process that is just starting."""
_LEFT_MANY: Final = 20
_OUR_PROFILE: Final = "config/fastdds.xml"


def judge_rmw(identifier: str) -> Check:
    if identifier == _RMW:
        return ok("middleware.rmw", identifier, _RMW, rmw=identifier)
    return warn(
        "middleware.rmw",
        identifier,
        f"{_RMW}, which everything here was measured with",
        "Set RMW_IMPLEMENTATION on every machine alike, or give this one a profile of its own for "
        "images.",
        rmw=identifier,
    )


def judge_domain(number: int, discovery: str, robot_ip: str, robot_is_heard: bool) -> Check:
    name = "middleware.discovery"
    reach = discovery or "SUBNET"
    found = f"domain {number}, discovery {reach}"
    values: Values = {"domain": number, "discovery": reach}
    if robot_ip and reach in ("LOCALHOST", "OFF") and not robot_is_heard:
        return warn(
            name,
            f"{found}: the robot's driver is not heard",
            "discovery that reaches the machine with the robot's driver",
            "If the driver runs elsewhere: ROS_AUTOMATIC_DISCOVERY_RANGE=SUBNET here and there "
            "(on a network of your own), and the same ROS_DOMAIN_ID.",
            **values,
        )
    return ok(name, found, **values)


def judge_nodes(nodes: Sequence[str], ours: Sequence[str]) -> list[Check]:
    """`nodes`: full names, one that is there twice twice; `ours`: names of a graph's nodes."""
    twice = sorted(name for name, count in Counter(nodes).items() if count > 1)
    running = sorted({name for name in nodes if name.rpartition("/")[2] in ours})
    values: Values = {"nodes": len(nodes), "running": ", ".join(running)}
    name = "middleware.nodes"
    if twice:
        return [
            fail(
                name,
                f"twice on this domain: {', '.join(twice)}",
                "every name once",
                "End one of them, or give each graph its own ROS_DOMAIN_ID: two of a name answer "
                "each other's requests.",
                **values,
            )
        ]
    found = f"{len(nodes)} on the domain"
    if running:
        return [
            ok(
                name,
                f"{found}; of a graph: {', '.join(running)}. A second graph would be refused here",
                **values,
            )
        ]
    return [ok(name, f"{found}, none of a graph of ours", **values)]


def parse_segment(xml: str) -> int | None:
    """Size [bytes] of the largest memory segment of a Fast DDS profile; None: none is told."""
    sizes = [
        int((element.text or "").strip())
        for element in ElementTree.fromstring(xml).iter()
        if element.tag.rpartition("}")[2] == "segment_size"
    ]
    return max(sizes, default=None)


def judge_profile(path: str, xml: str | None, policy: PolicySpec, ours: Path) -> Check:
    """`path`: of the environment variable; `xml`: text of the file, None: there is none."""
    name, needed = "middleware.profile", _image_bytes(policy)
    expected = "a profile whose segments hold several images" if needed else "any profile"
    advice = f"export {_PROFILES}={ours}"
    if path and xml is None:
        return fail(name, f"{path} cannot be read", expected, advice, profile=path)
    segment = parse_segment(xml) if xml is not None else None
    values: Values = {"profile": path, "segment_bytes": segment}
    size = f"{segment / 2**20:.0f} MiB segments" if segment else "segments of 0.5 MiB by default"
    found = f"{path or 'none'}: {size}"
    if needed * 4 > (segment or 2**19):
        return warn(
            name,
            found,
            expected,
            f"{advice}: an image that does not fit is cut into datagrams and lost with any one.",
            **values,
        )
    return ok(name, found, expected, **values)


def judge_shared_memory(
    free_bytes: int, segment_bytes: int, left_over: int, processes: int
) -> list[Check]:
    """Free space in /dev/shm for as many processes, and what killed ones have left there."""
    needed = segment_bytes * processes
    found, expected = f"{free_bytes / 2**20:.0f} MiB free", f"{needed / 2**20:.0f} MiB"
    values: Values = {"free_mb": round(free_bytes / 1e6, 1), "needed_mb": round(needed / 1e6, 1)}
    if free_bytes < needed:
        space = warn(
            "middleware.shared_memory",
            found,
            f"{expected} for {processes} processes",
            "In Docker: --shm-size=1g or --ipc=host. Elsewhere: remount /dev/shm larger.",
            **values,
        )
    else:
        space = ok("middleware.shared_memory", found, expected, **values)
    name, text = "middleware.left_over", f"{left_over} segments and ports of processes that died"
    if left_over > _LEFT_MANY:
        advice = "`fastdds shm clean`, or start a graph: it removes them."
        return [space, warn(name, text, "few", advice, left_over=left_over)]
    return [space, ok(name, text, left_over=left_over)]


def left_over(folder: Path, now_s: float) -> int:
    """Locks of Fast DDS in there that nobody holds: their processes were killed."""
    count = 0
    for path in folder.glob("fastrtps_*_[es]l"):
        try:
            if now_s - path.stat().st_mtime < _YOUNG_S:
                continue
            handle = os.open(path, os.O_RDWR)
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            count += 1
        except OSError:
            pass
        finally:
            os.close(handle)
    return count


def _image_bytes(policy: PolicySpec) -> int:
    return max((3 * camera.width * camera.height for camera in policy.cameras), default=0)


def probes(question: Question, survey: Survey) -> list[Probe]:
    """Of this group."""
    path = os.environ.get(_PROFILES, "")

    def profile_text() -> str | None:
        try:
            return Path(path).read_text() if path else None
        except OSError:
            return None

    def discovery() -> Check:
        reach = os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "")
        return judge_domain(domain(), reach, question.robot_ip, survey.robot_is_heard)

    def profile() -> Check:
        if get_rmw_implementation_identifier() != _RMW:
            return skipped("middleware.profile", "of Fast DDS, which is not in use")
        return judge_profile(path, profile_text(), question.policy, share() / _OUR_PROFILE)

    def shared_memory() -> list[Check]:
        segment = parse_segment(profile_text() or "<none/>") or 2**19
        free = shutil.disk_usage(_SHARED_MEMORY).free
        left = left_over(_SHARED_MEMORY, time.time())
        return judge_shared_memory(free, segment, left, len(KINDS))

    return [
        Probe("middleware.rmw", lambda: judge_rmw(get_rmw_implementation_identifier())),
        Probe("middleware.discovery", discovery),
        Probe("middleware.nodes", partial(judge_nodes, survey.nodes, tuple(KINDS))),
        Probe("middleware.profile", profile),
        Probe("middleware.shared_memory", shared_memory),
    ]
