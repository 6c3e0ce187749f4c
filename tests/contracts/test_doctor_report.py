"""The doctor's report: nothing it does ends in a traceback, and programs can rely on its keys."""

from __future__ import annotations

import io
import json
import threading

import pytest
from rich.console import Console

from dsrl_ros.doctor.check import Check, Probe, Status, fail, ok, run, skipped, warn, worst
from dsrl_ros.doctor.display import show
from dsrl_ros.doctor.examination import GROUPS, SCHEMA, Report

ABOUT = {
    "task": "franka_pick",
    "policy": "franka_pick_flow",
    "robot": "fr3",
    "robot_ip": None,
    "simulated_time": False,
    "domain": 3,
    "listened_s": 2.0,
    "took_s": 4.5,
}
GOOD = ok("disk.space", "69 GB", "room", free_mb=69000.0)
POOR = warn("kernel.real_time", "not PREEMPT_RT", "PREEMPT_RT", "Run `pro enable`.")
BAD = fail("robot.mode", "reflex", "idle or move", "Look why.", mode="reflex")
UNSEEN = skipped("network.robot", "no --robot-ip given")


@pytest.mark.parametrize(
    ("checks", "status", "code", "strict"),
    [
        ((), "ok", 0, 0),
        ((GOOD, UNSEEN), "ok", 0, 0),
        ((GOOD, POOR), "warn", 0, 1),
        ((GOOD, POOR, BAD), "fail", 1, 1),
    ],
)
def test_exit_codes(checks: tuple[Check, ...], status: str, code: int, strict: int) -> None:
    report = Report(ABOUT, checks)
    assert report.status == status
    assert report.exit_code(strict=False) == code
    assert report.exit_code(strict=True) == strict


def test_the_json_has_its_keys() -> None:
    content = json.loads(json.dumps(Report(ABOUT, (GOOD, BAD)).to_json()))
    assert set(content) == {"schema", "status", "counts", "checks", *ABOUT}
    assert content["schema"] == SCHEMA == 1
    assert content["counts"] == {"ok": 1, "warn": 0, "fail": 1, "skipped": 0}
    assert content["checks"][1] == {
        "name": "robot.mode",
        "group": "robot",
        "status": "fail",
        "found": "reflex",
        "expected": "idle or move",
        "advice": "Look why.",
        "values": {"mode": "reflex"},
    }


def test_a_probe_that_raises_is_a_failed_check() -> None:
    def look() -> Check:
        raise PermissionError(13, "Permission denied")

    (check,) = run(Probe("disk.space", look), 5.0)
    assert (check.name, check.status) == ("disk.space", Status.FAIL)
    assert check.found == "PermissionError: [Errno 13] Permission denied"


def test_a_probe_that_hangs_is_given_up() -> None:
    release = threading.Event()

    def look() -> Check:
        release.wait()
        return GOOD

    (check,) = run(Probe("network.route", look), 0.05)
    release.set()
    assert (check.name, check.status) == ("network.route", Status.FAIL)
    assert "no answer within" in check.found


def test_one_probe_may_look_at_several_things() -> None:
    assert run(Probe("a.b", lambda: [GOOD, POOR]), 5.0) == (GOOD, POOR)
    assert worst([]) is Status.OK
    assert worst([Status.SKIPPED, Status.WARN, Status.OK]) is Status.WARN


def test_people_read_one_line_per_check_and_below_what_to_do() -> None:
    screen = io.StringIO()
    show(Report(ABOUT, (POOR, UNSEEN, BAD, GOOD)), Console(file=screen, width=100))
    text = screen.getvalue()
    above, below = text.split("What to do")
    for check in (POOR, UNSEEN, BAD, GOOD):
        assert GROUPS[check.group] in above
        assert sum(check.found in line for line in above.splitlines()) == 1
    assert below.index("robot.mode") < below.index("kernel.real_time")
    assert "Run pro enable." in below
    assert GOOD.name not in below
    assert "Not ready: 1 failed, 1 to look at, 1 well, 1 not looked at" in below
    assert max(map(len, text.splitlines())) <= 100
