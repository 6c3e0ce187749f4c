"""What the policy's cameras send: size, encoding, and whether the picture lives."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from dsrl_core.errors import InvalidValue
from dsrl_core.specs import CameraSpec
from dsrl_ros import topics
from dsrl_ros.conversions.robot import image_from_message
from dsrl_ros.doctor.check import Check, Probe, Values, fail, ok, skipped
from dsrl_ros.doctor.inputs import is_simulated
from dsrl_ros.doctor.question import Question
from dsrl_ros.doctor.survey import Arrival, Survey

_SIMULATOR = "franka_sim"


def judge_picture(
    camera: CameraSpec, width: int, height: int, encoding: str, refused: str
) -> Check:
    """One image of it; `refused`: why it cannot be read, empty: it can."""
    name = f"cameras.{camera.name}_picture"
    found, expected = f"{width}x{height} {encoding}", f"{camera.width}x{camera.height} rgb8 or bgr8"
    values: Values = {"width_px": width, "height_px": height, "encoding": encoding}
    if refused:
        advice = f"{refused}. Have the driver send rgb8, or put image_proc between."
        return fail(name, found, expected, advice, **values)
    if camera.fit == "refuse" and (width, height) != (camera.width, camera.height):
        return fail(
            name,
            found,
            expected,
            "Say in the policy's file how it is brought to that size (fit: pad, crop or stretch, "
            "as the policy was trained), or put image_proc's resize node behind the driver.",
            **values,
        )
    return ok(name, found, expected, **values)


def judge_life(camera: CameraSpec, arrivals: Sequence[Arrival], is_drawn: bool) -> Check:
    """Whether the picture changes. `is_drawn`: by a simulator, where a still scene stays equal."""
    name, expected = f"cameras.{camera.name}_alive", "pictures that differ, if only by their noise"
    stamps = {one.stamp_ns for one in arrivals}
    pictures = len({one.digest for one in arrivals})
    values: Values = {"stamps": len(stamps), "pictures": pictures}
    if len(stamps) < 2:
        return skipped(name, "too few images to compare", **values)
    found = f"{pictures} different pictures in {len(stamps)} images"
    if pictures > 1:
        return ok(name, found, expected, **values)
    if is_drawn:
        return ok(name, f"{found}; drawn by the simulator, where nothing moves", **values)
    return fail(
        name,
        f"frozen: {len(stamps)} images with the same picture, although their stamps move on",
        expected,
        "Start the camera's driver anew; if it comes back, its cable or USB port.",
        **values,
    )


def judge_unresized(camera: CameraSpec, raw: int, resized: int) -> Check | None:
    """Publishers of the driver's and of the policy's topic; None: nothing to say."""
    if resized or not raw:
        return None
    return fail(
        f"cameras.{camera.name}_picture",
        f"only {topics.camera_image(camera.name).name} is published",
        topics.policy_image(camera.name).name,
        f"Put image_proc's resize node behind it ({camera.width}x{camera.height}), or remap it if "
        "it has that size already or the policy's file says how to fit it.",
    )


def examine(question: Question, survey: Survey, camera: CameraSpec) -> list[Check]:
    """One camera."""
    entry = survey.of(topics.policy_image(camera.name))
    raw = survey.of(topics.camera_image(camera.name))
    message = entry.last_message()
    if message is None:
        unresized = judge_unresized(camera, len(raw.publishers), len(entry.publishers))
        name = f"cameras.{camera.name}_picture"
        return [unresized or skipped(name, f"nothing came on {entry.topic.name}")]
    refused = ""
    try:
        image_from_message(message)
    except InvalidValue as error:
        refused = str(error)
    is_drawn = is_simulated(question, survey) or any(
        endpoint.node == _SIMULATOR for endpoint in entry.publishers
    )
    return [
        judge_picture(camera, message.width, message.height, message.encoding, refused),
        judge_life(camera, entry.arrivals, is_drawn),
    ]


def probes(question: Question, survey: Survey) -> list[Probe]:
    """Of this group."""
    if not question.policy.cameras:
        why = f"policy '{question.policy.name}' sees none"
        return [Probe("cameras.none", lambda: skipped("cameras.none", why))]
    return [
        Probe(f"cameras.{camera.name}_picture", partial(examine, question, survey, camera))
        for camera in question.policy.cameras
    ]
