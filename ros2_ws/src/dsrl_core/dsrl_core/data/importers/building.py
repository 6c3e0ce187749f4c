"""A trajectory as an episode of chunks, as if it had been played."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

from dsrl_core.data.importers.mapping import DatasetMapping
from dsrl_core.data.importers.source import BadEpisode, SourceEpisode
from dsrl_core.data.importers.trajectory import Trajectory
from dsrl_core.specs import PolicySpec
from dsrl_core.types import (
    Decision,
    DecisionStep,
    Episode,
    Mode,
    Observation,
    UInt8Array,
    final_decision,
    to_nanoseconds,
)

SOURCE = "demonstration"
"""Of a decision: no noise is known that would have given it."""


def decision_indices(trajectory: Trajectory, horizon: int) -> list[int]:
    """Indices of the observations of all decisions and, last, of the closing record."""
    return [*range(0, len(trajectory.actions), horizon), len(trajectory.actions)]


def read_images(
    episode: SourceEpisode, mapping: DatasetMapping, policy: PolicySpec, rows: Sequence[int]
) -> UInt8Array | None:
    """Images at rows of the dataset, shape (rows, cameras, height, width, 3), in the policy's size.

    Raises:
        BadEpisode: one is missing or damaged.
    """
    if not policy.cameras:
        return None
    images = []
    for camera in policy.cameras:
        try:
            found = episode.images(mapping.cameras[camera.name], rows)
        except BadEpisode as error:
            raise BadEpisode(f"camera '{camera.name}': {error}") from error
        images.append(np.stack([resized(image, camera.width, camera.height) for image in found]))
    return np.ascontiguousarray(np.stack(images, axis=1))


def resized(image: UInt8Array, width: int, height: int) -> UInt8Array:
    """The image (height, width, 3) in another size, by the mean where it shrinks."""
    if image.shape[:2] == (height, width):
        return image
    shrinks = image.shape[0] >= height and image.shape[1] >= width
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=how), dtype=np.uint8)


def build_episode(
    number: int,
    trajectory: Trajectory,
    images: UInt8Array | None,
    policy: PolicySpec,
    metadata: dict[str, str],
) -> Episode:
    """The trajectory in chunks of the policy's horizon; the last one is played in part.

    `images`: at the decisions and the end, as `read_images` gives them.
    """
    horizon = policy.horizon
    period_ns = to_nanoseconds(policy.action.period_s)
    unknown = np.zeros((0, 0), dtype=np.float32)
    indices = decision_indices(trajectory, horizon)

    def observed(sequence: int) -> Observation:
        index = indices[sequence]
        seen = None if images is None else images[sequence]
        return Observation(index * period_ns, trajectory.observations[index], seen)

    steps = []
    for sequence, (first, end) in enumerate(pairwise(indices)):
        chunk = trajectory.actions[first:end]
        missing = horizon - len(chunk)
        chunk = np.concatenate([chunk, np.repeat(chunk[-1:], missing, axis=0)])
        decision = Decision(number, sequence, observed(sequence), unknown, unknown, chunk, SOURCE)
        between = trajectory.observations[first + 1 : end]
        reward = float(trajectory.rewards[first:end].sum())
        steps.append(DecisionStep(decision, end - first, between=between, reward=reward))
    last = len(indices) - 1
    steps.append(DecisionStep(final_decision(number, last, observed(last)), 0))
    reason = "ended" if trajectory.terminated else "deadline"
    return Episode(number, Mode.TRAIN, 0, tuple(steps), reason, metadata)


def content_digest(trajectory: Trajectory, images: UInt8Array | None) -> str:
    """Tells two episodes of a dataset, or two mappings of one, apart."""
    digest = hashlib.sha256()
    outcome = np.array([trajectory.success, trajectory.terminated])
    for part in (trajectory.observations, trajectory.actions, trajectory.rewards, outcome, images):
        if part is not None:
            digest.update(f"{part.dtype}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()[:16]
