"""Kernel and scheduling: can something run on this machine at one kilohertz without being late?

Demands: Franka's documentation on setting up a real-time kernel.
"""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dsrl_ros.doctor.check import Check, Probe, Values, ok, skipped, warn
from dsrl_ros.doctor.question import Question

_RTPRIO_MIN: Final = 99
_MEMLOCK_MIN_KIB: Final = 102_400
_CORES_MIN: Final = 4
"""The robot's control loop, the nodes, the policy and the learner, each on its own."""
_CPU: Final = Path("/sys/devices/system/cpu")
_REALTIME: Final = Path("/sys/kernel/realtime")
_LIMITS_FILE: Final = "/etc/security/limits.d/realtime.conf"


def judge_kernel(question: Question, release: str, version: str, realtime: str) -> Check:
    """`version` as of `uname -v`, `realtime` the text of /sys/kernel/realtime, empty: no file."""
    is_realtime = realtime.strip() == "1" or "PREEMPT_RT" in version or "PREEMPT RT" in version
    if is_realtime:
        return ok("kernel.real_time", f"{release}, PREEMPT_RT", realtime=True)
    return question.lacks(
        "kernel.real_time",
        f"{release}, not PREEMPT_RT",
        "a kernel with PREEMPT_RT on the machine that talks to the robot",
        "Install one (Ubuntu: `pro enable realtime-kernel`) and restart. Without it the robot "
        "stops with communication_constraints_violation as soon as the machine is busy.",
        realtime=False,
    )


def judge_limits(question: Question, rtprio: int, memlock_bytes: int) -> list[Check]:
    """As of `ulimit -r` and `ulimit -l`; -1: unlimited."""
    memlock_kib = -1 if memlock_bytes < 0 else memlock_bytes // 1024
    checks = []
    if rtprio < 0 or rtprio >= _RTPRIO_MIN:
        checks.append(ok("kernel.rtprio", _amount(rtprio), rtprio=rtprio))
    else:
        advice = (
            f"Add `@realtime - rtprio {_RTPRIO_MIN}` to {_LIMITS_FILE}, your user to the group "
            "realtime, and log in again."
        )
        checks.append(
            question.lacks(
                "kernel.rtprio", _amount(rtprio), f"{_RTPRIO_MIN}", advice, rtprio=rtprio
            )
        )
    found = f"{_amount(memlock_kib)} KiB" if memlock_kib >= 0 else "unlimited"
    if memlock_kib < 0 or memlock_kib >= _MEMLOCK_MIN_KIB:
        checks.append(ok("kernel.memlock", found, memlock_kib=memlock_kib))
    else:
        advice = f"Add `@realtime - memlock {_MEMLOCK_MIN_KIB}` to {_LIMITS_FILE}; log in again."
        checks.append(
            question.lacks(
                "kernel.memlock",
                found,
                f"at least {_MEMLOCK_MIN_KIB} KiB, so that a control loop is never swapped out",
                advice,
                memlock_kib=memlock_kib,
            )
        )
    return checks


def judge_governors(question: Question, governors: Sequence[str]) -> Check:
    """One per core, as in `cpufreq/scaling_governor`."""
    name = "kernel.cpu_governor"
    found = ", ".join(sorted(set(governors)))
    if not governors:
        return skipped(name, "the processor's frequency is not set here (a virtual machine?)")
    if set(governors) == {"performance"}:
        return ok(name, found, governor=found)
    return question.lacks(
        name,
        found,
        "performance on every core",
        "`sudo cpupower frequency-set -g performance`: a core that wakes up slowly is late.",
        governor=found,
    )


def judge_cores(cores: int, load: float, smt: str) -> list[Check]:
    """`load`: runnable processes, mean of a minute; `smt`: text of cpu/smt/control."""
    found = f"{cores} for this process, load {load:.1f}"
    values: Values = {"cores": cores, "load": round(load, 2)}
    if cores < _CORES_MIN:
        few = warn(
            "kernel.cores",
            found,
            f"at least {_CORES_MIN}",
            "Put the learner on another machine, or expect late decisions while it trains.",
            **values,
        )
    elif load > cores:
        few = warn(
            "kernel.cores",
            found,
            "less load than cores",
            "End what else runs here: set-points come late on a machine that is full.",
            **values,
        )
    else:
        few = ok("kernel.cores", found, **values)
    if smt.strip() != "on":
        return [few, ok("kernel.hyperthreading", smt.strip() or "unknown", smt=smt.strip())]
    return [
        few,
        ok(
            "kernel.hyperthreading",
            "on; switch it off in the BIOS where set-points are late although cores are idle",
            smt="on",
        ),
    ]


def _amount(value: int) -> str:
    return "unlimited" if value < 0 else str(value)


def _text(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def probes(question: Question) -> list[Probe]:
    """Of this group."""

    def kernel() -> Check:
        return judge_kernel(question, platform.release(), platform.version(), _text(_REALTIME))

    def limits() -> list[Check]:
        rtprio = resource.getrlimit(resource.RLIMIT_RTPRIO)[0]
        return judge_limits(question, rtprio, resource.getrlimit(resource.RLIMIT_MEMLOCK)[0])

    def governors() -> Check:
        files = sorted(_CPU.glob("cpu[0-9]*/cpufreq/scaling_governor"))
        return judge_governors(question, [_text(file).strip() for file in files])

    def cores() -> list[Check]:
        available = len(os.sched_getaffinity(0))
        return judge_cores(available, os.getloadavg()[0], _text(_CPU / "smt" / "control"))

    return [
        Probe("kernel.real_time", kernel),
        Probe("kernel.limits", limits),
        Probe("kernel.cpu_governor", governors),
        Probe("kernel.cores", cores),
    ]
