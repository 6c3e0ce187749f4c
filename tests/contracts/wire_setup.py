"""What a policy that tells what it saw is asked, and what it answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.policies.openpi import OpenPiPolicy
from dsrl_core.specs import PolicySpec
from tests.core.serving_setup import (
    Looking,
    elsewhere,
)
from tests.core.vision_setup import random_views

NOISES = np.random.default_rng(0).standard_normal((3, 4, 5), dtype=np.float32)
PATIENT_S = 20.0


def ask(remote: PolicyBackend) -> np.ndarray:
    values, images = random_views(remote.spec, 1)
    return remote.decode(remote.encode(values, images), NOISES)


def expected(spec: PolicySpec) -> np.ndarray:
    values, images = random_views(spec, 1)
    policy = Looking(spec)
    return policy.decode(policy.encode(values, images), NOISES)


def port_of(server: Any) -> int:
    return int(server.endpoint.rpartition(":")[2])


def remote_of(spec: PolicySpec, url: str, **settings: Any) -> OpenPiPolicy:
    given = {"url": url, "timeout_s": PATIENT_S, "connect_s": PATIENT_S} | settings
    return OpenPiPolicy(replace(elsewhere(spec, "openpi", **given), folder=spec.folder))
