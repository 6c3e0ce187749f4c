"""The way to the robot's controller: interface, route, round trips. Nothing is sent to the robot's
control interface: round trips are ICMP echoes, and its port is at most connected to and let go.

Demands: Franka's documentation, "Network requirements": less than 1 ms for round trip, robot and
computing together, on a wire, without a switch or router that others use.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import statistics
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dsrl_ros.doctor.check import Check, Probe, Values, fail, ok, skipped, warn
from dsrl_ros.doctor.question import Question

FCI_PORT: Final = 1337
"""Where libfranka connects to."""
_ROUND_TRIP_MAX_MS: Final = 1.0
_TRIES: Final = 100
_PERIOD_S: Final = 0.005
_PAYLOAD: Final = bytes(1200)
"""As large as the robot's state, of which one comes every millisecond."""
_PING_TRIES: Final = 10
_SPEED_MIN_MBIT: Final = 1000
_MTU: Final = 1500
_CLASS: Final = Path("/sys/class/net")


@dataclass(frozen=True)
class Route:
    """How packets to an address leave this machine."""

    interface: str
    gateway: str
    """Empty: the address is on the same wire."""


@dataclass(frozen=True)
class Interface:
    """One network interface, as /sys/class/net tells of it."""

    name: str
    mtu: int
    speed_mbit: int
    """-1: not told."""
    is_wireless: bool


def parse_route(table: str, address: str) -> Route | None:
    """The route to an IPv4 address; `table` as in /proc/net/route, which the kernel sorts by
    nothing: the longest prefix wins."""
    wanted = struct.unpack("<I", socket.inet_aton(address))[0]
    best: tuple[int, Route] | None = None
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8:
            continue
        destination, gateway, mask = (int(fields[i], 16) for i in (1, 2, 7))
        length = mask.bit_count()
        if wanted & mask == destination and (best is None or length > best[0]):
            via = socket.inet_ntoa(struct.pack("<I", gateway)) if gateway else ""
            best = length, Route(fields[0], via)
    return best[1] if best else None


def parse_ping(text: str) -> tuple[list[float], int]:
    """Round trips [ms] and the number of echoes sent, from what `ping` prints."""
    times = [float(value) for value in re.findall(r"time[=<]([0-9.]+) ?ms", text)]
    sent = re.search(r"(\d+) packets transmitted", text)
    return times, int(sent[1]) if sent else len(times)


def judge_route(route: Route | None, address: str) -> Check:
    name, expected = "network.route", "the robot on a wire of its own"
    if route is None:
        return fail(
            name,
            f"no route to {address}",
            expected,
            "Give the interface that the robot is plugged into an address in the robot's subnet.",
        )
    if route.gateway:
        return warn(
            name,
            f"{route.interface}, through the router {route.gateway}",
            expected,
            "Plug the robot's controller (not the arm) into this machine.",
            interface=route.interface,
            gateway=route.gateway,
        )
    return ok(name, f"{route.interface}, directly", expected, interface=route.interface)


def judge_interface(interface: Interface) -> Check:
    name = "network.interface"
    expected = f"a wire of {_SPEED_MIN_MBIT} Mbit/s, MTU {_MTU}"
    speed = f"{interface.speed_mbit} Mbit/s" if interface.speed_mbit > 0 else "speed not told"
    medium = "wireless" if interface.is_wireless else "wired"
    found = f"{interface.name}: {medium}, {speed}, MTU {interface.mtu}"
    values: Values = {
        "mtu": interface.mtu,
        "speed_mbit_s": interface.speed_mbit,
        "wireless": interface.is_wireless,
    }
    if interface.is_wireless:
        advice = "Use a cable: twenty packets lost in a row stop the robot."
    elif 0 < interface.speed_mbit < _SPEED_MIN_MBIT:
        advice = "Look at the cable and the port; most likely one wire of it has no contact."
    elif interface.mtu < _MTU:
        advice = f"`sudo ip link set {interface.name} mtu {_MTU}`: the robot's packets are cut."
    else:
        return ok(name, found, expected, **values)
    return warn(name, found, expected, advice, **values)


def judge_round_trips(times_ms: list[float], sent: int) -> Check:
    """Of echoes; none sent: this machine lets nobody send any."""
    name, limit = "network.round_trip", _ROUND_TRIP_MAX_MS
    expected = f"all echoes answered, each within {limit:.0f} ms"
    lost = sent - len(times_ms)
    if not sent:
        return warn(
            name,
            "not measured: no echo may be sent from here",
            expected,
            "`sudo apt-get install iputils-ping`, or `sudo sysctl net.ipv4.ping_group_range='0 "
            "2147483647'`.",
            sent=0,
            lost=0,
        )
    if not times_ms:
        return fail(
            name,
            f"none of {sent} echoes answered",
            expected,
            "Is the controller switched on, the cable in its X5 port, the address right?",
            sent=sent,
            lost=lost,
        )
    ordered = sorted(times_ms)
    median = statistics.median(ordered)
    p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    jitter = statistics.pstdev(ordered)
    values: Values = {
        "sent": sent,
        "lost": lost,
        "median_ms": round(median, 3),
        "p99_ms": round(p99, 3),
        "max_ms": round(ordered[-1], 3),
        "jitter_ms": round(jitter, 3),
    }
    found = (
        f"median {median:.2f} ms, p99 {p99:.2f} ms, jitter {jitter:.2f} ms, {lost} of {sent} lost"
    )
    if lost or median > limit:
        return fail(
            name,
            found,
            expected,
            "Take switches, routers and other traffic out of the way; cable of category 5e or "
            "better; switch the interface's power saving off (`ethtool --set-eee IFACE eee off`).",
            **values,
        )
    if p99 > limit:
        return warn(
            name,
            found,
            expected,
            "Some come late: look for other traffic, power saving and a busy machine.",
            **values,
        )
    return ok(name, found, expected, **values)


def judge_port(error: str, robot_is_heard: bool) -> Check:
    """`error`: of connecting to the robot's control interface; empty: it accepts."""
    name, expected = "network.control_interface", f"port {FCI_PORT} accepts a connection"
    if robot_is_heard:
        return skipped(name, "its driver is connected to it already; left alone")
    if not error:
        return ok(name, f"port {FCI_PORT} accepts", expected)
    return fail(
        name,
        f"port {FCI_PORT}: {error}",
        expected,
        "Open Desk in a browser, unlock the joints and activate FCI.",
    )


def probes(question: Question, robot_is_heard: bool) -> list[Probe]:
    """Of this group."""
    if not question.robot_ip:
        return [Probe("network.robot", lambda: skipped("network.robot", "no --robot-ip given"))]

    def address() -> str:
        return socket.gethostbyname(question.robot_ip)

    def way() -> list[Check]:
        route = parse_route(Path("/proc/net/route").read_text(), address())
        checks = [judge_route(route, address())]
        if route is not None:
            checks.append(judge_interface(_interface(route.interface)))
        return checks

    def port() -> Check:
        return judge_port("" if robot_is_heard else _port_error(address()), robot_is_heard)

    return [
        Probe("network.route", way),
        Probe("network.round_trip", lambda: judge_round_trips(*_round_trips(address()))),
        Probe("network.control_interface", port),
    ]


def _interface(name: str) -> Interface:
    folder = _CLASS / name

    def number(file: str) -> int:
        try:
            return int((folder / file).read_text())
        except (OSError, ValueError):
            return -1

    wireless = (folder / "wireless").exists() or (folder / "phy80211").exists()
    return Interface(name, number("mtu"), number("speed"), wireless)


def _round_trips(address: str) -> tuple[list[float], int]:
    """By an ICMP socket that needs no rights, or by the `ping` program where that is not let."""
    try:
        return _echo(address)
    except PermissionError:
        program = shutil.which("ping")
        if program is None:
            return [], 0
        command = [program, "-n", "-c", str(_PING_TRIES), "-i", "0.2", "-s", str(len(_PAYLOAD))]
        done = subprocess.run(
            [*command, "-W", "1", address],
            capture_output=True,
            text=True,
            timeout=8,
            env={**os.environ, "LC_ALL": "C"},
        )
        return parse_ping(done.stdout)


def _echo(address: str) -> tuple[list[float], int]:
    times_ms: list[float] = []
    silent = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP) as icmp:
        icmp.connect((address, 0))
        for sequence in range(_TRIES):
            # Type 8 (echo); the kernel fills in identifier and checksum.
            packet = struct.pack("!BBHHH", 8, 0, 0, 0, sequence) + _PAYLOAD
            sent_s = time.perf_counter()
            until_s = sent_s + 0.2
            try:
                icmp.send(packet)
                while (left_s := until_s - time.perf_counter()) > 0:
                    icmp.settimeout(left_s)
                    if struct.unpack("!H", icmp.recv(2048)[6:8])[0] == sequence:
                        times_ms.append(1e3 * (time.perf_counter() - sent_s))
                        silent = 0
                        break
            except PermissionError:
                raise
            except OSError:
                silent += 1
            if silent >= 10 and not times_ms:
                return times_ms, sequence + 1
            time.sleep(_PERIOD_S)
    return times_ms, _TRIES


def _port_error(address: str) -> str:
    try:
        socket.create_connection((address, FCI_PORT), timeout=2.0).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""
