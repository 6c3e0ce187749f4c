"""How many gradient updates per second? Ours beside the released class and stock SB3's SAC.

    ./dsrl bench updates                                      # ours alone
    ./dsrl bench updates --released FORK --sb3 STOCK          # beside the peers: ten minutes

FORK is a checkout of the released Stable-Baselines3 (class DSRL), STOCK a folder made by
`pip install --no-deps --target STOCK stable-baselines3 gymnasium cloudpickle pandas
farama-notifications`, whose dependencies serve both. A peer that cannot be had is left out with a
word. Every measurement is a process of its own with one thread; replay is prefilled; seconds are
the processor's, because cores are shared.

One update is, for SAC, one gradient step each of alpha, critics and actor, and the Polyak step; for
NA the same with Q^A for the critics, decoding included, plus the round's share of Q^W steps.
Widths, batch, number of critics and frozen policy are equal for all.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from dsrl_core.catalog import Catalog
from dsrl_core.learning.learner import LearnedTask, Learner
from dsrl_core.policies import PolicyBackend, load_policy
from dsrl_core.steering.features import raw_features
from dsrl_core.types import (
    Decision,
    DecisionStep,
    Episode,
    Label,
    Mode,
    Observation,
    Outcome,
    final_decision,
)

TASK: Final = "franka_pick"
NETWORKS: Final = ((128, 2), (256, 3), (1024, 3))
"""Width and hidden layers of actor and critics."""
BATCH: Final = 256
CRITICS: Final = 2
EPISODES: Final = 50
TRANSITIONS: Final = 16 * EPISODES
UPDATES: Final = 20
"""Per repeat; the released settings do as many per chunk."""
NOISE_CRITIC_STEPS: Final = 10
"""Q^W steps in `UPDATES` rounds of NA, as released: half a step per round."""
REPEATS: Final = 5
RESULTS = Path(__file__).parent / "results" / "updates.json"


class Subject(NamedTuple):
    """Whose code (ours, or the option that says where a peer lies), and what of it."""

    whose: str
    algorithm: str
    preset: str


SUBJECTS: Final = (
    Subject("sb3", "dsrl_sac", "stock SAC, no LayerNorm"),
    Subject("released", "dsrl_sac", "released"),
    Subject("ours", "dsrl_sac", "paper"),
    Subject("ours", "dsrl_sac", "paper, bfloat16"),
    Subject("released", "dsrl_na", "released"),
    Subject("ours", "dsrl_na", "paper"),
    Subject("ours", "dsrl_na", "paper, bfloat16"),
    Subject("ours", "dsrl_na", "robot"),
)


@dataclass(frozen=True)
class Timing:
    """Seconds per update, repeat by repeat."""

    subject: Subject
    network: tuple[int, int]
    seconds: list[float]

    def median(self) -> float:
        return float(np.median(self.seconds))


class NotHere(Exception):
    """Why a subject cannot be measured here."""


def time_ours(algorithm: str, preset: str, width: int, layers: int) -> list[float]:
    """Seconds per update of our learner, sampling and refreshing included, REPEATS times."""
    sizes = {"critics": CRITICS, "critic_width": width, "critic_layers": layers}
    sizes |= {"actor_width": width, "actor_layers": layers}
    updates = 100 if preset == "robot" else UPDATES  # One refresh of what its rounds look up.
    preset, _, products = preset.partition(", ")
    settings = {"sizes": sizes, "batch": BATCH, "refresh_interval": updates}
    settings["products"] = products or "float32"
    settings["updates_first"] = updates * (1 + REPEATS)
    catalog = Catalog.default()
    task = catalog.task(TASK)
    policy = load_policy(catalog.policy(task.policy))
    steering = replace(task.steering, algorithm=algorithm, preset=preset, settings=settings)
    raw = {"features": raw_features(policy.spec), "critic_sees_chunk": True}
    learner = Learner([LearnedTask(replace(task, steering=steering, **raw), policy)], 0)
    columns = transitions(policy)
    for number, rows in enumerate(np.split(np.arange(TRANSITIONS), EPISODES)):
        before, noises, chunks, after, _ = (column[rows] for column in columns)
        steps = []
        for n, (values, noise, chunk) in enumerate(zip(before, noises, chunks, strict=True)):
            seen = Observation(0, values)
            decision = Decision(number, n, seen, noise, noise, chunk, "base")
            steps.append(DecisionStep(decision, len(chunk)))
        last = final_decision(number, len(steps), Observation(0, after[-1]))
        record = (*steps, DecisionStep(last, 0))
        learner.add_episode(Episode(number, Mode.TRAIN, 0, record, "deadline"))
        outcome = (Outcome.FAILURE, Outcome.SUCCESS)[number % 2]
        learner.set_label(Label(number, outcome, number % 2, "benchmark", 0))
    return timed(learner.update, updates)


def time_peer(algorithm: str, width: int, layers: int) -> list[float]:
    """Seconds per update of the Stable-Baselines3 on Python's path, REPEATS times."""
    import gymnasium
    import stable_baselines3
    from stable_baselines3.common.logger import configure

    catalog = Catalog.default()
    policy = load_policy(catalog.policy(catalog.task(TASK).policy))

    def decode(state: torch.Tensor, noise: torch.Tensor, return_numpy: bool = True) -> Any:
        chunks = policy.decode(policy.encode(state.numpy()), noise.numpy())
        return chunks if return_numpy else torch.from_numpy(chunks)

    class Spaces(gymnasium.Env):  # type: ignore[misc]
        observation_space = gymnasium.spaces.Box(-1, 1, (policy.spec.observation_size,))
        action_space = gymnasium.spaces.Box(-1, 1, (int(np.prod(policy.spec.chunk_shape)),))

    networks: dict[str, Any] = {"net_arch": [width] * layers, "n_critics": CRITICS}
    networks["activation_fn"] = torch.nn.Tanh
    if hasattr(stable_baselines3, "DSRL"):  # Stock policies know no LayerNorm.
        networks["post_linear_modules"] = [torch.nn.LayerNorm]
    settings = {"buffer_size": 2 * TRANSITIONS, "target_entropy": 0.0, "policy_kwargs": networks}
    make: Any = stable_baselines3.SAC if algorithm == "dsrl_sac" else stable_baselines3.DSRL
    if algorithm == "dsrl_na":
        settings |= {"diffusion_policy": decode, "diffusion_act_dim": policy.spec.chunk_shape}
        settings |= {"noise_critic_grad_steps": NOISE_CRITIC_STEPS}
    model = make("MlpPolicy", Spaces(), device="cpu", **settings)
    model.set_logger(configure(None, []))
    before, noises, chunks, after, rewards = transitions(policy)
    actions = (chunks if algorithm == "dsrl_na" else noises).reshape(TRANSITIONS, -1)
    for n in range(TRANSITIONS):
        parts = (column[n : n + 1] for column in (before, after, actions, rewards))
        model.replay_buffer.add(*parts, np.array([n % 16 == 15]), [{}])
    return timed(lambda updates: model.train(updates, BATCH))


def transitions(policy: PolicyBackend) -> tuple[np.ndarray, ...]:
    """Observations, noises, chunks, next observations, rewards: made up, decoded by the policy."""
    generator, spec = np.random.default_rng(0), policy.spec
    size = (2, TRANSITIONS, spec.observation_size)
    before, after = generator.uniform(-0.5, 0.5, size).astype(np.float32)
    noises = generator.standard_normal((TRANSITIONS, *spec.noise_shape), dtype=np.float32)
    rows = np.split(np.arange(TRANSITIONS), EPISODES)
    chunks = [policy.decode(policy.encode(before[n]), noises[n]) for n in rows]
    rewards = (np.arange(TRANSITIONS) % 32 == 31).astype(np.float32)
    return before, noises, np.concatenate(chunks), after, rewards


def timed(work: Callable[[int], object], updates: int = UPDATES) -> list[float]:
    """Seconds per update of work that does so many, REPEATS times after a first."""
    seconds = []
    for _ in range(1 + REPEATS):
        began = time.process_time()
        work(updates)
        seconds.append((time.process_time() - began) / updates)
    return seconds[1:]


def measure(subject: Subject, network: tuple[int, int], paths: list[Path]) -> Timing:
    """In a process of its own: both peers call their package by the same name."""
    places = [*(str(path.resolve()) for path in paths), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(places)}
    command = [sys.executable, __file__, "--child", json.dumps([*subject, *network])]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True)
    if answer.returncode:
        raise NotHere(answer.stderr.strip().splitlines()[-1])
    return Timing(subject, network, json.loads(answer.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--released", type=Path, help="checkout of the released fork")
    parser.add_argument("--sb3", type=Path, help="folder that holds stock stable_baselines3")
    parser.add_argument("--widths", type=int, nargs="+", default=[w for w, _ in NETWORKS])
    parser.add_argument("--child", type=json.loads, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        torch.set_num_threads(1)
        whose, algorithm, preset, *network = asked.child
        is_ours = whose == "ours"
        print(time_ours(algorithm, preset, *network) if is_ours else time_peer(algorithm, *network))
        return
    console, timings = Console(width=120), []
    for subject in SUBJECTS:
        place = {"ours": None, "released": asked.released, "sb3": asked.sb3}[subject.whose]
        try:
            if subject.whose != "ours" and not (place and (place / "stable_baselines3").is_dir()):
                raise NotHere(f"no stable_baselines3 in --{subject.whose} {place}")
            paths = [path for path in (place, asked.sb3) if place and path]
            networks = [network for network in NETWORKS if network[0] in asked.widths]
            timings += [measure(subject, network, paths) for network in networks]
        except NotHere as why:
            console.print(f"left out: {' '.join(subject)}: {why}", markup=False, highlight=False)
    rows = [asdict(timing) | {"subject": timing.subject._asdict()} for timing in timings]
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    report(console, timings)


def report(console: Console, timings: list[Timing]) -> None:
    """Medians, spread, and how many times as fast as the best peer of the same algorithm."""
    table = Table(title=f"updates per second: batch {BATCH}, {CRITICS} critics, one thread")
    for column in ("algorithm", "network", "whose", "median (least to most)", "over best peer"):
        table.add_column(column)
    for timing in sorted(timings, key=lambda each: (each.subject.algorithm, each.network)):
        whose, algorithm, preset = timing.subject
        same = [o for o in timings if o.network == timing.network and o.subject[1] == algorithm]
        best = min((o.median() for o in same if o.subject.whose != "ours"), default=None)
        table.add_row(
            algorithm,
            "x".join(map(str, timing.network)),
            f"{whose} ({preset})",
            "{:.1f} ({:.1f} to {:.1f})".format(
                *(1 / s for s in (timing.median(), max(timing.seconds), min(timing.seconds)))
            ),
            f"{best / timing.median():.2f}" if best else "",
        )
    console.print(table)
    share = NOISE_CRITIC_STEPS / UPDATES
    console.print(f"NA, released and paper: {share:g} steps of Q^W in a round; robot: none.")


if __name__ == "__main__":
    main()
