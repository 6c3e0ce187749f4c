"""All groups in order, one after the other so that none disturbs what another measures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dsrl_ros.doctor import (
    cameras,
    clocks,
    disk,
    gpu,
    inputs,
    middleware,
    network,
    policy,
    quality,
    robot,
    scheduling,
    survey,
    versions,
)
from dsrl_ros.doctor.check import Check, Probe, Status, run, worst
from dsrl_ros.doctor.question import Question
from dsrl_ros.paths import domain

GROUPS: Final = {
    "kernel": "Kernel and scheduling",
    "network": "Network to the robot",
    "versions": "Versions",
    "middleware": "Middleware",
    "inputs": "Topics",
    "qos": "Quality of service",
    "robot": "Robot",
    "cameras": "Cameras",
    "clocks": "Clocks",
    "disk": "Disk",
    "policy": "Policy against robot and task",
    "gpu": "GPU",
}
"""Group to its heading, in the order in which they are shown."""
SCHEMA: Final = 1
"""Of the JSON; raised when a key goes or changes its meaning."""
PROBE_S: Final = 15.0
"""What a single probe may take."""
TOTAL_S: Final = 90.0
"""What all may take, beside the listening."""


@dataclass(frozen=True)
class Report:
    """What was found, and for whom."""

    about: Mapping[str, Any]
    checks: tuple[Check, ...]

    def count(self, status: Status) -> int:
        return sum(check.status is status for check in self.checks)

    @property
    def status(self) -> Status:
        return worst(check.status for check in self.checks)

    def exit_code(self, strict: bool) -> int:
        """1 after a failure, and where `strict` after a warning; 0 otherwise."""
        bad = (Status.FAIL, Status.WARN) if strict else (Status.FAIL,)
        return int(self.status in bad)

    def to_json(self) -> dict[str, Any]:
        """For programs; docs/doctor.md describes it."""
        return {
            "schema": SCHEMA,
            "status": str(self.status),
            **self.about,
            "counts": {str(status): self.count(status) for status in Status},
            "checks": [
                {
                    "name": check.name,
                    "group": check.group,
                    "status": str(check.status),
                    "found": check.found,
                    "expected": check.expected,
                    "advice": check.advice,
                    "values": dict(check.values),
                }
                for check in self.checks
            ],
        }


def examine(question: Question, tell: Callable[[str], None]) -> Report:
    """Everything; `tell` hears what is being looked at."""
    began_s = time.monotonic()
    checks: list[Check] = []

    def look(group: str, probes: Iterable[Probe], more_s: float = 0.0) -> None:
        tell(GROUPS[group])
        for probe in probes:
            left_s = TOTAL_S + more_s - (time.monotonic() - began_s)
            checks.extend(run(probe, max(0.1, min(PROBE_S + more_s, left_s))))

    look("kernel", scheduling.probes(question))
    clock_began = clocks.read_offset()
    heard = survey.Survey()

    def listen() -> list[Check]:
        nonlocal heard
        listen_to = [wanted.topic for wanted in inputs.needed(question)]
        heard = survey.take(listen_to, question.listen_s, question.namespace)
        return []

    look("inputs", [Probe("inputs.listening", listen)], question.listen_s)
    is_heard = heard.robot_is_heard
    look("network", network.probes(question, is_heard))
    look("versions", versions.probes(question, is_heard))
    look("middleware", middleware.probes(question, heard))
    look("inputs", inputs.probes(question, heard))
    look("qos", quality.probes(heard))
    look("robot", robot.probes(question, heard))
    look("cameras", cameras.probes(question, heard))
    look("clocks", clocks.probes(question, heard, clock_began))
    look("disk", disk.probes(question))
    look("policy", policy.probes(question))
    latencies = [check for check in checks if check.name == policy.LATENCY]
    look("gpu", gpu.probes(latencies[0] if latencies else None))
    took_s = time.monotonic() - began_s
    order = list(GROUPS)
    checks.sort(key=lambda check: order.index(check.group))
    return Report(_about(question, heard, took_s), tuple(checks))


def _about(question: Question, heard: survey.Survey, took_s: float) -> dict[str, Any]:
    return {
        "task": question.task.name,
        "policy": question.policy.name,
        "robot": question.robot.name,
        "robot_ip": question.robot_ip or None,
        "simulated_time": inputs.is_simulated(question, heard),
        "domain": domain(),
        "listened_s": question.listen_s,
        "took_s": round(took_s, 2),
    }
