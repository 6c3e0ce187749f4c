"""Learns anew from recorded episodes: with other settings, offline, or the same again.

The entries of the ledger go the way that they went live. With the settings and seed of the run the
weights are therefore equal to those that its learner had, to the bit on the same machine; and only
then the guard's decisions are repeated, as they are about those weights.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from dsrl_core.data.episode_store import EPISODES, EpisodeStore
from dsrl_core.errors import DsrlError, InvalidFile, InvalidValue
from dsrl_core.learning.guard import GuardConfig
from dsrl_core.learning.joined import JOINED, Recordings
from dsrl_core.learning.learner import LearnedTask, Learner
from dsrl_core.learning.prior import Prior, read_ledger
from dsrl_core.learning.run_record import read_about, read_versions
from dsrl_core.learning.training_run import TrainingRun
from dsrl_core.specs import RewardSpec, SteeringSpec, TaskSpec

WEIGHTS: Final = "steering.safetensors"
METRICS: Final = "metrics.jsonl"
_REWARD: Final = "reward"
_Spec = TypeVar("_Spec")


@dataclass(frozen=True)
class Retrained:
    """What came out."""

    sha256: str
    """Of the weights' file."""
    updates: int
    episodes: int
    metrics: dict[str, float]
    """Of the last update."""
    refused: tuple[str, ...]
    """Episodes that were not taken, and why."""
    equals_live: bool | None
    """Whether these are the weights that the run's learner had last; None where it is not the same
    seed and settings, or nothing was written down."""


def read_config(path: Path) -> dict[str, Any]:
    """A YAML map of steering settings, with `reward` a map of its own.

    Raises:
        InvalidFile: it is none.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise InvalidFile(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise InvalidFile(f"{path} holds {type(content).__name__}, expected a map of settings")
    return content


def changed(task: TaskSpec, config: Mapping[str, Any]) -> TaskSpec:
    """The task with these settings of steering and reward instead of its own.

    Raises:
        InvalidFile: a setting does not exist, or a value is out of range.
    """
    reward = config.get(_REWARD, {})
    if not isinstance(reward, Mapping):
        raise InvalidFile(f"'{_REWARD}' is {reward!r}, expected a map")
    steering = {name: value for name, value in config.items() if name != _REWARD}
    return replace(
        task,
        steering=_validated(SteeringSpec, asdict(task.steering) | steering),
        reward=_validated(RewardSpec, asdict(task.reward) | dict(reward)),
    )


def retrain(
    run: Path, learned: LearnedTask, seed: int, out: Path, updates: int | None = None
) -> Retrained:
    """Learn from all labelled episodes in the folder of a run, of several robots' or of an import.

    `updates`: so many, after all episodes were taken (offline); by default those that every episode
    is worth, at its place in the ledger.

    Raises:
        DsrlError: the folder is none of a run, `out` cannot be written, or nothing can be learned.
    """
    recorded, about = _recordings(run), read_about(run)
    is_same = about is not None and updates is None and _is_same(about, learned, seed)
    guard = _validated(GuardConfig, about["guard"]) if about and is_same else _watching()
    learner = Learner([learned], seed)
    if updates is not None:
        learner.owe(0)
    training = TrainingRun(learner, recorded.read, recorded.numbers, guard)
    if about and is_same:
        training.add_prior(Prior.of(Path(folder)) for folder in about["prior"])
    try:
        out.mkdir(parents=True, exist_ok=True)
        with (out / METRICS).open("w") as curve:
            metrics = _work(training, curve)
            training.labelled(recorded.labels)
            if updates is not None:
                learner.owe(updates)
            metrics = _work(training, curve) or metrics
        if not learner.updates:
            raise InvalidValue(_nothing(training, len(recorded.labels)))
        version = training.present
        data = version.data if version and updates is None else learner.algorithm.model.to_bytes()
        (out / WEIGHTS).write_bytes(data)
    except OSError as error:
        raise DsrlError(f"{out} cannot be written: {error}") from error
    digest = sha256(data).hexdigest()
    live = read_versions(run)
    return Retrained(
        digest,
        learner.updates,
        learner.episodes,
        metrics,
        tuple(training.feed.refused.values()),
        digest == live[max(live)] if is_same and live else None,
    )


def _recordings(run: Path) -> Recordings:
    if (run / JOINED).exists():
        return Recordings.joined(run)
    labels, store = read_ledger(run), EpisodeStore(run / EPISODES)
    return Recordings(store.read, tuple(store.numbers()), labels)


def _work(training: TrainingRun, curve: IO[str]) -> dict[str, float]:
    """All pending updates; the last report's metrics."""
    last: dict[str, float] = {}
    while training.is_busy:
        if metrics := training.work():
            last = metrics
            curve.write(json.dumps({"updates": training.learner.updates} | metrics) + "\n")
    return last


def _is_same(about: Mapping[str, Any], learned: LearnedTask, seed: int) -> bool:
    """Whether a run's learner had the same seed, policy and settings."""
    task, policy = learned.task, learned.policy.spec
    here = {
        "seed": seed,
        "task": task.name,
        "policy_sha256": policy.weights_sha256,
        "steering": asdict(task.steering),
        "reward": asdict(task.reward),
    }
    # As JSON has it, where a tuple is a list.
    known = json.loads(json.dumps(here))
    return all(about.get(name) == value for name, value in known.items())


def _watching() -> GuardConfig:
    return GuardConfig(acts=False)


def _nothing(training: TrainingRun, entries: int) -> str:
    learner = training.learner
    refused = "; ".join(training.feed.refused.values())
    return (
        f"nothing to learn: {learner.episodes} episodes count, of {entries} labels; the warm-up "
        "takes more, or give --updates to learn from all of them at once"
        + (f"; refused: {refused}" if refused else "")
    )


def _validated(spec: type[_Spec], values: Mapping[str, Any]) -> _Spec:
    try:
        return TypeAdapter(spec).validate_python(values)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()
        )
        raise InvalidFile(
            f"settings: {problems}; available: {', '.join(spec.__annotations__)}"
        ) from error
