"""A trajectory as an episode of chunks, as if it had been played."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import cv2
import numpy as np

from dsrl_core.data.importers.mapping import DatasetMapping
from dsrl_core.data.importers.source import BadEpisode, SourceEpisode
from dsrl_core.data.importers.trajectory import Trajectory
from dsrl_core.specs import CameraSpec, PolicySpec
from dsrl_core.steering.image_fit import fitted
from dsrl_core.types import (
    Decision,
    DecisionStep,
    Episode,
    Float32Array,
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


def _moments(index: int, steps: int) -> list[int]:
    """Indices of what is seen at once, the newest first; the first one is repeated."""
    return [max(index - step, 0) for step in range(steps)]


def with_past(observations: Float32Array, steps: int) -> Float32Array:
    """Observations (n, step_size), each with those before it: (n, observation_size)."""
    places = np.array([_moments(index, steps) for index in range(len(observations))])
    return np.ascontiguousarray(observations[places].reshape(len(observations), -1))


def read_images(
    episode: SourceEpisode, mapping: DatasetMapping, policy: PolicySpec, trajectory: Trajectory
) -> UInt8Array | None:
    """Images at the decisions and the end, shape (decisions + 1, views, height, width, 3), in the
    policy's size.

    Raises:
        BadEpisode: one is missing or damaged.
    """
    if not policy.cameras:
        return None
    decisions = decision_indices(trajectory, policy.horizon)
    seen = np.array([_moments(index, policy.observation_steps) for index in decisions])
    rows, places = np.unique(np.array(trajectory.rows)[seen], return_inverse=True)
    images = []
    for camera in policy.cameras:
        try:
            found = episode.images(mapping.cameras[camera.name], rows.tolist())
        except BadEpisode as error:
            raise BadEpisode(f"camera '{camera.name}': {error}") from error
        images.append(np.stack([_in_size(image, camera) for image in found]))
    views = np.stack(images, axis=1)[places.reshape(seen.shape)]
    return np.ascontiguousarray(views.reshape(len(decisions), -1, *views.shape[3:]))


def _in_size(image: UInt8Array, camera: CameraSpec) -> UInt8Array:
    """By the camera's `fit`; where it names none, stretched by the mean where it shrinks."""
    image = fitted(image, camera)
    if image.shape[:2] == (camera.height, camera.width):
        return image
    shrinks = image.shape[0] >= camera.height and image.shape[1] >= camera.width
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    size = camera.width, camera.height
    return np.asarray(cv2.resize(image, size, interpolation=how), dtype=np.uint8)


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
    observations = with_past(trajectory.observations, policy.observation_steps)
    indices = decision_indices(trajectory, horizon)

    def observed(sequence: int) -> Observation:
        index = indices[sequence]
        seen = None if images is None else images[sequence]
        return Observation(index * period_ns, observations[index], seen)

    steps = []
    for sequence, (first, end) in enumerate(pairwise(indices)):
        chunk = trajectory.actions[first:end]
        missing = horizon - len(chunk)
        chunk = np.concatenate([chunk, np.repeat(chunk[-1:], missing, axis=0)])
        decision = Decision(number, sequence, observed(sequence), unknown, unknown, chunk, SOURCE)
        between = observations[first + 1 : end]
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
