"""Episodes, the labels that people give them, and what safety says of them."""

from __future__ import annotations

from array import array
from typing import Final

import numpy as np

from dsrl_core.status import EpisodeStatus, Phase, RecordedEpisode, RunBudget, SafetyStatus
from dsrl_core.types import Label, Mode, Outcome
from dsrl_interfaces import msg
from dsrl_ros.conversions.basics import header, stamp_of, time_from_message, time_to_message

_UNKNOWN: Final = (-1, -1)
"""Instead of numbers that are not known."""
_OF_NOISE: Final = ": "
"""Between a mode and the kind of noise that it is of."""


def label_to_message(value: Label) -> msg.EpisodeLabel:
    return msg.EpisodeLabel(
        stamp=time_to_message(value.stamp_ns),
        episode=value.episode,
        entry=value.entry,
        reward=value.reward,
        outcome=str(value.outcome),
        author=value.author,
        note=value.note,
        supersedes=value.supersedes,
        moment=time_to_message(value.moment_ns),
        conflicts_with=value.conflicts_with,
    )


def label_from_message(message: msg.EpisodeLabel) -> Label:
    return Label(
        message.episode,
        Outcome(message.outcome),
        message.reward,
        message.author,
        time_from_message(message.stamp),
        message.entry,
        message.supersedes,
        message.note,
        time_from_message(message.moment),
        message.conflicts_with,
    )


def status_to_message(value: EpisodeStatus) -> msg.EpisodeStatus:
    return msg.EpisodeStatus(
        header=header(value.stamp_ns),
        episode=value.episode,
        phase=int(value.phase),
        mode=f"{value.mode}{_OF_NOISE}{value.noise}" if value.noise else str(value.mode),
        seed=value.seed,
        minimum_weights_version=value.minimum_weights_version,
        started=time_to_message(value.started_ns),
        deadline=time_to_message(value.deadline_ns),
        outcome=value.outcome,
        end_reason=value.end_reason,
        run_done=value.run_done,
        run_total=value.run_total,
        message=value.message,
        run_mode=value.run_mode,
        code=value.code,
        paused=value.paused,
        waits_for=value.waits_for,
        host=value.host,
        folder=value.folder,
    )


def status_from_message(message: msg.EpisodeStatus) -> EpisodeStatus:
    mode, _, noise = message.mode.partition(_OF_NOISE)
    return EpisodeStatus(
        message.episode,
        Phase(message.phase),
        Mode(mode),
        message.seed,
        message.minimum_weights_version,
        time_from_message(message.started),
        time_from_message(message.deadline),
        message.outcome,
        message.end_reason,
        message.run_done,
        message.run_total,
        message.message,
        stamp_of(message),
        message.run_mode,
        message.code,
        message.paused,
        message.waits_for,
        message.host,
        message.folder,
        noise,
    )


def recorded_to_message(value: RecordedEpisode) -> msg.EpisodeRecorded:
    return msg.EpisodeRecorded(
        header=header(value.stamp_ns),
        episode=value.episode,
        path=value.path,
        decisions=value.decisions,
        steps_executed=value.steps_executed,
        weights_version=value.weights_version,
        end_reason=value.end_reason,
        mode=str(value.mode),
    )


def recorded_from_message(message: msg.EpisodeRecorded) -> RecordedEpisode:
    return RecordedEpisode(
        message.episode,
        message.path,
        message.decisions,
        message.steps_executed,
        message.weights_version,
        message.end_reason,
        Mode(message.mode),
        stamp_of(message),
    )


def budget_to_message(value: RunBudget) -> msg.RunBudget:
    return msg.RunBudget(
        header=header(value.stamp_ns),
        activities=[name for name, _ in value.activities],
        seconds=array("d", [seconds for _, seconds in value.activities]),
        labelled=value.labelled,
        episodes_per_hour=value.episodes_per_hour,
        base=np.array(value.base, dtype=np.uint32),
        recent=np.array(value.recent, dtype=np.uint32),
        target=value.target,
        to_target=np.array(value.to_target or _UNKNOWN, dtype=np.int32),
    )


def budget_from_message(message: msg.RunBudget) -> RunBudget:
    base, recent, to_target = (
        (int(pair[0]), int(pair[1])) for pair in (message.base, message.recent, message.to_target)
    )
    return RunBudget(
        tuple(zip(message.activities, message.seconds, strict=True)),
        message.labelled,
        message.episodes_per_hour,
        base,
        recent,
        message.target,
        None if to_target == _UNKNOWN else to_target,
        stamp_of(message),
    )


def safety_to_message(value: SafetyStatus) -> msg.SafetyStatus:
    return msg.SafetyStatus(
        header=header(value.stamp_ns),
        held=value.held,
        rule=value.rule,
        reason=value.reason,
        clamped_rules=[rule for rule, _ in value.clamped],
        clamped_counts=np.array([count for _, count in value.clamped], dtype=np.uint32),
        set_points=value.set_points,
        missed_periods=value.missed_periods,
        period_p99_s=value.period_p99_s,
        idle_s=value.idle_s,
    )


def safety_from_message(message: msg.SafetyStatus) -> SafetyStatus:
    counts = message.clamped_counts.tolist()
    return SafetyStatus(
        message.held,
        message.rule,
        message.reason,
        tuple(zip(message.clamped_rules, counts, strict=True)),
        message.set_points,
        message.missed_periods,
        message.period_p99_s,
        stamp_of(message),
        message.idle_s,
    )
