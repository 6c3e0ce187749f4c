"""Do publishers and subscribers of the graph's topics understand each other: QoS, types?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rclpy.duration import Infinite
from rclpy.qos import (
    DurabilityPolicy,
    LivelinessPolicy,
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)

from dsrl_ros.doctor.check import Check, Probe, fail, ok, skipped
from dsrl_ros.doctor.survey import Heard, Survey

OURS: Final = "dsrl_ros"
"""In place of a node's name: what our nodes offer or ask for, be they running or not."""
_AUTOMATIC: Final = {LivelinessPolicy.SYSTEM_DEFAULT: LivelinessPolicy.AUTOMATIC}


@dataclass(frozen=True)
class Mismatch:
    """A publisher that a subscriber never hears."""

    publisher: str
    subscriber: str
    what: str
    advice: str


def explain(offered: QoSProfile, requested: QoSProfile) -> tuple[str, str] | None:
    """Why nothing comes through and what to do; None if it does, as far as can be told."""
    compatibility, reason = qos_check_compatible(_resolved(offered), _resolved(requested))
    # Not an enum of Python: every value is an object of its own.
    if compatibility != QoSCompatibility.ERROR:
        return None
    if (
        offered.reliability is ReliabilityPolicy.BEST_EFFORT
        and requested.reliability is ReliabilityPolicy.RELIABLE
    ):
        return (
            "reliable asked for, best effort offered",
            "Subscribe best effort, as to every sensor (`SensorDataQoS`, `--qos-reliability "
            "best_effort`), or let the publisher be reliable.",
        )
    if (
        offered.durability is DurabilityPolicy.VOLATILE
        and requested.durability is DurabilityPolicy.TRANSIENT_LOCAL
    ):
        return (
            "latched (transient local) asked for, volatile offered",
            "Subscribe volatile, or let the publisher be transient local.",
        )
    text = reason.replace("ERROR: ", "").rstrip("; ")
    return text, "Give both sides the same deadline, liveliness and lease."


def _resolved(profile: QoSProfile) -> QoSProfile:
    """With what stands on the wire in place of what was left to the middleware."""
    return QoSProfile(
        depth=1,
        reliability=profile.reliability,
        durability=profile.durability,
        deadline=profile.deadline if profile.deadline.nanoseconds else Infinite,
        liveliness=_AUTOMATIC.get(profile.liveliness, profile.liveliness),
        liveliness_lease_duration=(
            profile.liveliness_lease_duration
            if profile.liveliness_lease_duration.nanoseconds
            else Infinite
        ),
    )


def mismatches(heard: Heard) -> list[Mismatch]:
    """Of one topic: between all that are there, and between them and our nodes."""
    found = []
    for publisher in heard.publishers:
        asking = [(entry.node, entry.quality) for entry in heard.subscriptions]
        if heard.requested is not None:
            asking.append((OURS, heard.requested))
        for node, quality in asking:
            if (why := explain(publisher.quality, quality)) is not None:
                found.append(Mismatch(publisher.node, node, *why))
    if not heard.publishers:
        offered = heard.topic.quality.profile()
        for subscription in heard.subscriptions:
            if (why := explain(offered, subscription.quality)) is not None:
                found.append(Mismatch(OURS, subscription.node, *why))
    return list(dict.fromkeys(found))


def judge_quality(survey: Survey) -> list[Check]:
    """One line per topic that has a mismatch, or one for all."""
    expected = "every subscriber hears every publisher"
    checks, pairs = [], 0
    for heard in survey.heard.values():
        pairs += len(heard.publishers) * len(heard.subscriptions)
        pairs += len(heard.publishers) if heard.requested is not None else 0
        for mismatch in mismatches(heard):
            checks.append(
                fail(
                    f"qos.{heard.topic.name}",
                    f"{mismatch.subscriber} does not hear {mismatch.publisher}: {mismatch.what}",
                    expected,
                    mismatch.advice,
                    publisher=mismatch.publisher,
                    subscriber=mismatch.subscriber,
                )
            )
    if checks:
        return checks
    if not pairs:
        return [skipped("qos.match", "nobody is there to compare", pairs=0)]
    return [ok("qos.match", f"{pairs} pairs of publisher and subscriber", expected, pairs=pairs)]


def wrong_types(heard: Heard, own_type: str) -> Iterator[str]:
    """In words, every publisher whose messages are of another type, or another text of it."""
    for publisher in heard.publishers:
        if publisher.message_type != own_type:
            yield f"{publisher.node} publishes {publisher.message_type}"
        elif heard.own_hash and publisher.type_hash != heard.own_hash:
            yield f"{publisher.node} has another definition of {publisher.message_type}"


def judge_types(survey: Survey) -> list[Check]:
    checks = []
    for heard in survey.heard.values():
        own_type = type_name(heard.topic.message_type)
        for what in dict.fromkeys(wrong_types(heard, own_type)):
            checks.append(
                fail(
                    f"qos.{heard.topic.name}_type",
                    what,
                    f"{own_type}, as installed here",
                    "Build both sides against the same package; for the robot's messages that is "
                    "franka_msgs of your franka_ros2.",
                )
            )
    return checks


def type_name(message_type: type) -> str:
    """As ROS writes it: package/msg/Name."""
    package = message_type.__module__.partition(".")[0]
    return f"{package}/msg/{message_type.__name__}"


def probes(survey: Survey) -> list[Probe]:
    """Of this group."""
    return [
        Probe("qos.match", lambda: judge_quality(survey)),
        Probe("qos.types", lambda: judge_types(survey)),
    ]
