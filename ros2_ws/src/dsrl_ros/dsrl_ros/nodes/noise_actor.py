"""Decides: a chunk request and fresh inputs in, the chosen noise and its action chunk out."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from dsrl_core.errors import DsrlError, InvalidValue
from dsrl_core.policies.wire import PolicyUnavailable, RemotePolicy
from dsrl_core.status import INVALID, EpisodeStatus, Phase, PolicyInfo
from dsrl_core.steering.decision_loop import DecisionLoop
from dsrl_core.steering.kept_weights import KeptWeights
from dsrl_core.steering.policy_inputs import DecisionInputs, PolicyInputs, Seen
from dsrl_core.steering.preflight.noise_kinds import BASE, NoiseKind
from dsrl_core.steering.weights_in_use import Weights, WeightsInUse, fits
from dsrl_core.types import ChunkRequest, Decision, final_decision, to_nanoseconds
from dsrl_interfaces import msg
from dsrl_ros import topics
from dsrl_ros.conversions.decisions import (
    decision_to_message,
    inputs_to_message,
    request_from_message,
)
from dsrl_ros.conversions.episodes import status_from_message
from dsrl_ros.conversions.learning import policy_from_message, weights_from_message
from dsrl_ros.input_topics import InputTopic, input_topics
from dsrl_ros.node import DsrlNode, spin
from dsrl_ros.parameters import NoiseActorParameters
from dsrl_ros.paths import catalog
from dsrl_ros.wire_names import with_prefix

_TRY_AGAIN_S = 0.5
"""A decision that could not be made is tried again after this; on the wall's clock."""


class NoiseActor(DsrlNode[NoiseActorParameters]):
    """Adapter of `dsrl_core.steering.decision_loop`."""

    def __init__(self) -> None:
        super().__init__("noise_actor", NoiseActorParameters)
        torch.set_num_threads(1)
        known = catalog()
        self._task = known.task(self.parameters.task)
        self._policy = known.policy_of(self._task, self.parameters.policy)
        robot = with_prefix(known.robot(self._task.robot), self.parameters.arm_prefix)
        age_max_ns = to_nanoseconds(self._task.input_age_max_s)
        self._inputs = PolicyInputs(self._policy, robot, age_max_ns)
        self._status = EpisodeStatus()
        self._served: PolicyInfo | None = None
        self._loop: DecisionLoop | None = None
        self._remote: RemotePolicy | None = None
        self._weights = WeightsInUse(KeptWeights(Path(self.parameters.out)).read)
        self._steering: Weights | None = None
        self._pending: ChunkRequest | None = None
        self._pending_since_s = 0.0
        self._answered: tuple[ChunkRequest, msg.ActionChunk] | None = None
        self._chunk = topics.ACTION_CHUNK.publisher(self)
        self._made_of = topics.DECISION_INPUTS.publisher(self)
        topics.EPISODE.subscribe(self, self._on_episode)
        topics.POLICY_INFO.subscribe(self, self._on_policy)
        topics.ACTOR_WEIGHTS.subscribe(self, self._on_weights)
        topics.CHUNK_REQUEST.subscribe(self, self._on_request)
        for entry in input_topics(self._policy, robot):
            entry.topic.subscribe(self, partial(self._on_input, entry))
        self.wall_timer(_TRY_AGAIN_S, self._on_timer)

    def waits_for(self) -> str:
        if self._loop is None:
            return f"the policy server ({topics.POLICY_INFO.name})"
        return self._inputs.never_heard() or topics.ACTION_CHUNK.missing_listeners(self._chunk)

    # What comes in.

    def _on_episode(self, message: msg.EpisodeStatus) -> None:
        self._status = status_from_message(message)
        self._steer()
        self._answer()

    def _on_policy(self, message: msg.PolicyInfo) -> None:
        served = policy_from_message(message)
        expected = (self._policy.name, self._policy.noise_shape, self._policy.chunk_shape)
        if (served.name, served.noise_shape, served.chunk_shape) != expected:
            self.get_logger().error(
                f"policy '{served.name}' with shapes {served.noise_shape}, {served.chunk_shape} "
                f"is served; expected '{expected[0]}' with {expected[1]}, {expected[2]}"
            )
            return
        if self._served is None or self._served.endpoint != served.endpoint:
            self._connect(served.endpoint)
        self._served = served
        self._answer()

    def _connect(self, endpoint: str) -> None:
        if self._remote is not None:
            self._remote.close()
        self._remote = RemotePolicy(endpoint, self._policy, self.parameters.policy_timeout_s)
        self._loop = DecisionLoop(self._task, self._remote, self.parameters.seed)
        self._steering = None
        self._steer()

    def _on_weights(self, message: msg.ActorWeights) -> None:
        weights = weights_from_message(message)
        self._weights.offer(Weights(weights.version, weights.data))
        self._steer()
        self._answer()

    def _steer(self) -> None:
        """Decide with the weights that are due from now on."""
        try:
            due = self._weights.choose(self._status)
        except DsrlError as error:
            self.get_logger().error(str(error), throttle_duration_sec=5.0)
            return
        if self._loop is None or due is None or due is self._steering:
            return
        self._steering = due
        try:
            self._loop.set_weights(*due)
        except DsrlError as error:
            self.get_logger().error(f"weights version {due.version} refused: {error}")

    def _on_request(self, message: msg.ChunkRequest) -> None:
        request = request_from_message(message)
        if self._answered is not None and self._answered[0] == request:
            self._chunk.publish(self._answered[1])
            return
        if request != self._pending:
            self._pending, self._pending_since_s = request, time.monotonic()
        self._answer()

    def _on_input(self, entry: InputTopic, message: Any) -> None:
        try:
            entry.take(self._inputs, message)
        except InvalidValue as error:
            self.get_logger().error(str(error), throttle_duration_sec=5.0)
            return
        if self._pending is not None:
            self._answer()

    def _on_timer(self) -> None:
        if self._pending is None:
            return
        request = self._pending
        if missing := self._inputs.missing(request.stamp_ns, self._must_be_exact(request)):
            self.get_logger().warning(f"waiting for {missing}", throttle_duration_sec=5.0)
        self._steer()
        self._answer()

    # What goes out.

    def _answer(self) -> None:
        """Answer the pending request if everything that it needs is there."""
        request, status = self._pending, self._status
        if request is None or request.episode != status.episode:
            return
        if request.final and request.reason == INVALID:
            self._pending = None
            return
        if not request.final and status.phase is not Phase.RUNNING:
            # Mode and least weights are only sure once the episode is known to run: the request
            # may have overtaken that word.
            return
        began_s = time.monotonic()
        seen = self._inputs.observe(request, self._must_be_exact(request))
        if seen is None:
            return
        if request.final:
            closing = final_decision(request.episode, request.sequence, seen.observation)
            self._publish(request, closing, seen)
            return
        loop = self._loop
        if loop is None or not fits(status, loop.weights_version):
            return
        try:
            decision = loop.decide(
                seen.observation,
                request.episode,
                request.sequence,
                status.mode,
                status.seed,
                NoiseKind.named(status.noise) if status.noise else BASE,
            )
        except PolicyUnavailable as error:
            self.get_logger().error(str(error))
            return
        self._publish(request, replace(decision, latency_s=time.monotonic() - began_s), seen)

    def _must_be_exact(self, request: ChunkRequest) -> bool:
        """Whether inputs have to be as new as the request.

        What closes an episode shows what came of the last decision, unless its inputs have stopped.
        """
        if not request.final:
            return self.parameters.lock_step
        waited_s = time.monotonic() - self._pending_since_s
        return waited_s <= self.parameters.closing_timeout_s

    def _publish(self, request: ChunkRequest, decision: Decision, seen: Seen) -> None:
        message = decision_to_message(decision)
        self._chunk.publish(message)
        self._answered, self._pending = (request, message), None
        if self._made_of.get_subscription_count():
            inputs = DecisionInputs(
                request.episode, request.sequence, seen.stamps_ns, seen.measured
            )
            self._made_of.publish(inputs_to_message(inputs))

    def close(self) -> None:
        if self._remote is not None:
            self._remote.close()


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable."""
    spin(NoiseActor, args)


if __name__ == "__main__":
    main()
