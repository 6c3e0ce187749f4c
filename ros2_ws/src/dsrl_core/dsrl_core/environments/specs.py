"""What a benchmark's environment is to the rest of the project: a policy file and a task, in code.

There is no robot, no scene and no field with a unit: observation and action are a component each,
scaled by what was seen of them and by their bounds.
"""

from __future__ import annotations

from typing import Final

from dsrl_core.catalog import Catalog
from dsrl_core.environments.step_environment import StepEnvironment
from dsrl_core.specs import (
    ActionSpec,
    CameraSpec,
    FeatureSpec,
    FieldSpec,
    PolicySpec,
    RewardSpec,
    SteeringSpec,
    TaskSpec,
)
from dsrl_core.types import Float32Array

NO_WEIGHTS: Final = "0" * 64
SPREAD: Final = 2.0
"""[standard deviations] Distance from the mean at which a feature begins to saturate."""
_SMALLEST: Final = 1e-3
"""Scale of a component that hardly changes."""


def policy_of(
    environment: StepEnvironment,
    observations: Float32Array,
    horizon: int,
    denoising_steps: int,
    width: int,
    layers: int,
) -> PolicySpec:
    """The file of a flow policy for an environment, before it has weights.

    `observations` (n, observation_size) are those of the behaviour that it is to imitate.
    """
    means, spreads = observations.mean(axis=0), SPREAD * observations.std(axis=0)
    seen = tuple(
        FieldSpec(f"observation_{i}", 1, scale=max(float(spread), _SMALLEST), center=float(mean))
        for i, (mean, spread) in enumerate(zip(means, spreads, strict=True))
    )
    bounds = zip(environment.action_low, environment.action_high, strict=True)
    actions = tuple(
        FieldSpec(f"action_{i}", 1, scale=float(high - low) / 2, center=float(high + low) / 2)
        for i, (low, high) in enumerate(bounds)
    )
    return PolicySpec(
        name=f"{environment.name}_flow",
        description=f"Flow policy that imitates mediocre behaviour in {environment.name}.",
        backend="flow_mlp",
        weights="weights.safetensors",
        weights_sha256=NO_WEIGHTS,
        observation=seen,
        # The only kind that there is; nothing but the robot's chunk player asks for it.
        action=ActionSpec("tool_delta", actions, environment.period_s),
        horizon=horizon,
        noise_dim=len(actions),
        denoising_steps=denoising_steps,
        cameras=cameras_of(environment),
        architecture={"width": width, "layers": layers},
    )


def cameras_of(environment: StepEnvironment) -> tuple[CameraSpec, ...]:
    """The environment's cameras, by number."""
    if environment.images_shape is None:
        return ()
    count, height, width, _ = environment.images_shape
    return tuple(CameraSpec(f"camera_{i}", width, height) for i in range(count))


def task_of(
    environment: StepEnvironment, policy: PolicySpec, steering: SteeringSpec, discount: float
) -> TaskSpec:
    """The task that trains on the environment's own rewards, its critics on raw observations.

    A fall is terminal, running out of time is not. `discount` is per chunk of full length.
    """
    # A task must have a scene; nothing but the simulated robot looks at it.
    scene = Catalog().task("franka_pick").scene
    return TaskSpec(
        name=environment.name,
        description=f"The benchmark environment {environment.name}.",
        robot="none",
        policy=policy.name,
        time_limit_s=environment.max_steps * environment.period_s,
        scene=scene,
        reward=RewardSpec("environment", discount, timeout_is_terminal=False),
        steering=steering,
        features=centered_features(policy),
        critic_sees_chunk=True,
        input_age_max_s=environment.period_s,
        image_encoder=environment.images_shape is not None,
    )


def centered_features(policy: PolicySpec) -> tuple[FeatureSpec, ...]:
    """Every component of the observation, centered and scaled by the policy's file."""
    return tuple(
        FeatureSpec(part.name, "value", of=part.name, scales=(part.scale,), offset=part.center)
        for part in policy.observation
    )
