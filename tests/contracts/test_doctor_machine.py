"""What the doctor says of a machine: every check with what is well and what is not."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dsrl_ros.doctor import (
    clocks,
    disk,
    gpu,
    middleware,
    network,
    scheduling,
    versions,
)
from dsrl_ros.doctor.check import Check, Status, ok, warn
from dsrl_ros.doctor.question import Question
from dsrl_ros.paths import catalog

OK, WARN, FAIL, SKIPPED = Status
ROBOT_IP = "172.16.0.2"
TABLE = """Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
eth0 00000000 0101A8C0 0003 0 0 0 00000000 0 0 0
wlan0 0000A8C0 00000000 0001 0 0 0 0000FFFF 0 0 0
eth1 000010AC 00000000 0001 0 0 0 00FFFFFF 0 0 0
"""
PACKAGE = (
    "<package><name>libfranka</name><version>0.20.5</version>"
    "<description>{}</description></package>"
)


@pytest.fixture(scope="module")
def question() -> Question:
    return Question.of(catalog(), "franka_pick_vision", "", Path("out"), "", None, 2.0, "")


def test_what_a_robot_needs_is_demanded_where_one_is_asked_for(question: Question) -> None:
    version = "#1 SMP PREEMPT_DYNAMIC"
    plain = ("6.8.0", version, "")
    assert scheduling.judge_kernel(question, *plain).status is WARN
    assert scheduling.judge_kernel(replace(question, robot_ip=ROBOT_IP), *plain).status is FAIL
    assert scheduling.judge_kernel(replace(question, simulated=True), *plain).status is SKIPPED


@pytest.mark.parametrize(
    ("version", "realtime"), [("#1 SMP PREEMPT_RT Mon", ""), ("#1 SMP", "1\n")]
)
def test_a_real_time_kernel_is_known_by_either_sign(
    question: Question, version: str, realtime: str
) -> None:
    assert scheduling.judge_kernel(question, "6.8.1-rt", version, realtime).status is OK


def test_limits_of_priority_and_locked_memory(question: Question) -> None:
    asked = replace(question, robot_ip=ROBOT_IP)
    assert _statuses(scheduling.judge_limits(asked, 99, -1)) == [OK, OK]
    checks = scheduling.judge_limits(asked, 0, 8 * 2**20)
    assert _statuses(checks) == [FAIL, FAIL]
    assert "rtprio 99" in checks[0].advice
    assert checks[1].values["memlock_kib"] == 8192


@pytest.mark.parametrize(
    ("governors", "status"),
    [([], SKIPPED), (["performance"] * 4, OK), (["performance", "powersave"], WARN)],
)
def test_governor(question: Question, governors: list[str], status: Status) -> None:
    assert scheduling.judge_governors(question, governors).status is status


@pytest.mark.parametrize(
    ("cores", "load", "status"), [(8, 1.0, OK), (2, 0.1, WARN), (8, 9.0, WARN)]
)
def test_cores(cores: int, load: float, status: Status) -> None:
    assert scheduling.judge_cores(cores, load, "notsupported\n")[0].status is status


@pytest.mark.parametrize(
    ("address", "route"),
    [
        ("172.16.0.2", network.Route("eth1", "")),
        ("192.168.7.9", network.Route("wlan0", "")),
        ("10.0.0.1", network.Route("eth0", "192.168.1.1")),
    ],
)
def test_the_longest_prefix_is_the_route(address: str, route: network.Route) -> None:
    assert network.parse_route(TABLE, address) == route


def test_route_and_interface() -> None:
    assert network.judge_route(None, ROBOT_IP).status is FAIL
    assert network.judge_route(network.Route("eth0", "192.168.1.1"), ROBOT_IP).status is WARN
    assert network.judge_route(network.Route("eth1", ""), ROBOT_IP).status is OK
    wired = network.Interface("eth1", 1500, 1000, False)
    assert network.judge_interface(wired).status is OK
    for change in ({"is_wireless": True}, {"speed_mbit": 100}, {"mtu": 1280}):
        assert network.judge_interface(replace(wired, **change)).status is WARN  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("times_ms", "sent", "status"),
    [
        ([0.2] * 100, 100, OK),
        ([0.2] * 95 + [3.0] * 5, 100, WARN),
        ([0.2] * 99, 100, FAIL),
        ([1.5] * 100, 100, FAIL),
        ([], 10, FAIL),
        ([], 0, WARN),
    ],
)
def test_round_trips(times_ms: list[float], sent: int, status: Status) -> None:
    check = network.judge_round_trips(times_ms, sent)
    assert check.status is status
    assert check.values["lost"] == sent - len(times_ms)


def test_what_ping_prints_is_read() -> None:
    text = (
        "1208 bytes from 172.16.0.2: icmp_seq=1 ttl=64 time=0.231 ms\n"
        "1208 bytes from 172.16.0.2: icmp_seq=3 ttl=64 time<1 ms\n\n"
        "3 packets transmitted, 2 received, 33% packet loss, time 402ms\n"
    )
    assert network.parse_ping(text) == ([0.231, 1.0], 3)


def test_the_control_interface_is_left_alone_while_its_driver_runs() -> None:
    assert network.judge_port("", robot_is_heard=True).status is SKIPPED
    assert network.judge_port("", robot_is_heard=False).status is OK
    assert "FCI" in network.judge_port("Connection refused", robot_is_heard=False).advice


def test_packages_and_stand_ins() -> None:
    real = versions.parse_package(PACKAGE.format("Franka's"))
    assert (real.version, real.is_stand_in) == ("0.20.5", False)
    ours = versions.parse_package(PACKAGE.format("a\n  stand-in for the package of that name"))
    assert ours.is_stand_in
    assert versions.judge_interfaces("franka_msgs", ours).values["stand_in"] is True
    assert versions.judge_interfaces("franka_msgs", real).status is OK
    assert versions.judge_interfaces("franka_msgs", None).status is FAIL


@pytest.mark.parametrize(
    ("version", "status"), [("0.20.5", OK), ("0.20.4-1", OK), ("0.9.2", WARN), ("", SKIPPED)]
)
def test_libfranka(question: Question, version: str, status: Status) -> None:
    assert versions.judge_libfranka(question, version).status is status


def test_python_ros_and_libraries() -> None:
    assert versions.judge_python("3.12.3").status is OK
    assert versions.judge_python("3.13.0").status is FAIL
    assert versions.judge_distro("jazzy").status is OK
    assert versions.judge_distro("").status is FAIL
    assert versions.judge_libraries({"torch": "2.13.0"}).status is OK
    missing = versions.judge_libraries({"torch": "2.13.0", "mink": None})
    assert (missing.status, missing.found) == (FAIL, "missing: mink")


def test_packages_of_the_robots_side_are_missed_where_the_robot_is_asked_for(
    question: Question,
) -> None:
    asked, absent = replace(question, robot_ip=ROBOT_IP), {"franka_hardware": None}
    assert versions.judge_driver(asked, absent, robot_is_heard=False).status is WARN
    assert versions.judge_driver(asked, absent, robot_is_heard=True).status is SKIPPED
    assert versions.judge_driver(question, absent, robot_is_heard=False).status is SKIPPED
    assert versions.judge_driver(asked, {"franka_hardware": "3.4.0"}, False).status is OK
    assert versions.judge_controller(asked, None, robot_is_heard=False).status is WARN
    assert versions.judge_controller(question, None, robot_is_heard=False).status is SKIPPED


def test_memory_of_the_middleware(question: Question, tmp_path: Path) -> None:
    profile = (
        '<profiles xmlns="http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles">'
        "<segment_size>33554432</segment_size></profiles>"
    )
    assert middleware.parse_segment(profile) == 2**25
    assert middleware.parse_segment("<profiles/>") is None
    policy = replace(
        question.policy, cameras=(replace(question.policy.cameras[0], width=1280, height=720),)
    )
    judge: Callable[[str, str | None], Check] = lambda path, xml: middleware.judge_profile(  # noqa: E731
        path, xml, policy, Path("fastdds.xml")
    )
    assert judge("mine.xml", profile).status is OK
    assert judge("", None).status is WARN
    assert judge("absent.xml", None).status is FAIL
    assert _statuses(middleware.judge_shared_memory(2**30, 2**25, 0, 8)) == [OK, OK]
    assert _statuses(middleware.judge_shared_memory(2**26, 2**25, 99, 8)) == [WARN, WARN]


def test_only_locks_that_nobody_holds_are_left_over(tmp_path: Path) -> None:
    import fcntl

    held, free, young = (tmp_path / f"fastrtps_{name}_el" for name in ("a", "b", "c"))
    for path in (held, free, young):
        path.touch()
    after_s = free.stat().st_mtime + 60
    with held.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert middleware.left_over(tmp_path, after_s) == 2
        assert middleware.left_over(tmp_path, free.stat().st_mtime + 1) == 0


def test_who_is_on_the_domain() -> None:
    ours = ("chunk_player", "learner")
    assert _statuses(middleware.judge_nodes(["/rviz"], ours)) == [OK]
    (running,) = middleware.judge_nodes(["/cell/learner"], ours)
    assert (running.status, running.values["running"]) == (OK, "/cell/learner")
    assert _statuses(middleware.judge_nodes(["/learner", "/learner"], ours)) == [FAIL]
    assert middleware.judge_rmw("rmw_cyclonedds_cpp").status is WARN
    assert middleware.judge_domain(3, "LOCALHOST", ROBOT_IP, robot_is_heard=False).status is WARN
    assert middleware.judge_domain(3, "LOCALHOST", ROBOT_IP, robot_is_heard=True).status is OK
    assert middleware.judge_domain(3, "", ROBOT_IP, robot_is_heard=False).status is OK


@pytest.mark.parametrize(("flags", "synchronised"), [(0x2001, True), (0x0040, False)])
def test_the_kernels_word_on_its_clock_is_read(flags: int, synchronised: bool) -> None:
    buffer = struct.pack("@Iqqqqi", 0, 0, 0, 0, 1500, flags).ljust(256, b"\0")
    assert clocks.parse_timex(buffer) == clocks.KernelClock(synchronised, 1.5)


def test_clocks(question: Question) -> None:
    judge = clocks.judge_synchronised
    assert judge(question, clocks.KernelClock(True, 0.5)).status is OK
    assert judge(question, clocks.KernelClock(True, 500.0)).status is WARN
    assert judge(question, clocks.KernelClock(False, 16000.0)).status is WARN
    asked = replace(question, robot_ip=ROBOT_IP)
    assert judge(asked, clocks.KernelClock(False, 16000.0)).status is FAIL
    assert clocks.judge_steady(5.0, 5.0001, 2.0).status is OK
    assert clocks.judge_steady(5.0, 5.05, 2.0).status is WARN
    assert clocks.judge_steady(5.0, 65.0, 2.0).status is FAIL


def test_disk(question: Question) -> None:
    per_episode = disk.episode_bytes(question.task, question.policy)
    blind = replace(question.policy, cameras=())
    assert per_episode > 10 * disk.episode_bytes(question.task, blind)
    folder = Path("out")
    assert disk.judge_space(folder, 10**12, per_episode).status is OK
    assert disk.judge_space(folder, 100 * per_episode, per_episode).status is WARN
    assert disk.judge_space(folder, 10**6, per_episode).status is FAIL
    assert disk.judge_speed(200.0).status is OK
    assert disk.judge_speed(3.0).status is WARN


def test_a_gpu_is_missed_only_where_the_policy_is_slow_without() -> None:
    quick = ok("policy.decision_latency", "p50 3 ms")
    slow = warn("policy.decision_latency", "p99 900 ms", "", "")
    none = gpu.Gpu("", "", 0.0, 0.0, "")
    assert gpu.judge_gpu(none, quick).status is OK
    assert gpu.judge_gpu(none, slow).status is WARN
    assert gpu.judge_gpu(none, None).status is WARN
    assert gpu.judge_gpu(replace(none, driver="550.54"), quick).status is WARN
    there = gpu.Gpu("RTX 4090", "550.54", 20_000.0, 24_000.0, "12.4")
    assert gpu.judge_gpu(there, slow).status is OK
    assert gpu.judge_gpu(replace(there, free_mb=200.0), quick).status is WARN
    line = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22"
    assert gpu.parse_driver(line) == "550.54.14"


def _statuses(checks: list[Check]) -> list[Status]:
    return [check.status for check in checks]
