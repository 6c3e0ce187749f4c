"""Runs in LeRobot's environment: writes a small random policy as LeRobot saves one, and plays it by
LeRobot's own calls, so that the tests have something to compare with."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dsrl_core.policies.workers.lerobot_checkpoint import import_lerobot

STATE, CAMERA, ACTION = 9, (3, 32, 32), 5


def save(kind: str, folder: Path) -> None:
    torch.manual_seed(0)
    config = CONFIGS[kind](folder)
    factory = import_module("lerobot.policies.factory")
    policy = factory.get_policy_class(kind)(config)
    preprocess, postprocess = factory.make_pre_post_processors(config, dataset_stats=statistics())
    for part in (policy, preprocess, postprocess):
        part.save_pretrained(folder)


def diffusion(folder: Path) -> Any:
    config = import_module("lerobot.policies.diffusion.configuration_diffusion").DiffusionConfig
    return config(
        n_obs_steps=2,
        horizon=8,
        n_action_steps=4,
        down_dims=(16, 32),
        diffusion_step_embed_dim=16,
        n_groups=4,
        crop_shape=(28, 28),
        pretrained_backbone_weights=None,
        **features(),
    )


def features() -> dict[str, Any]:
    types = import_module("lerobot.configs.types")
    kinds, feature = types.FeatureType, types.PolicyFeature
    seen = {f"observation.images.{name}": feature(kinds.VISUAL, CAMERA) for name in "ab"}
    return {
        "input_features": {"observation.state": feature(kinds.STATE, (STATE,)), **seen},
        "output_features": {"action": feature(kinds.ACTION, (ACTION,))},
        "device": "cpu",
    }


def statistics() -> dict[str, dict[str, torch.Tensor]]:
    """Of a dataset that does not exist, each value another."""
    state, action = torch.arange(STATE) / STATE, torch.arange(ACTION) / ACTION
    known = {"observation.state": state, "action": action}
    found = {
        key: {"min": -1.0 - value, "max": 2.0 + value, "mean": value, "std": 0.5 + value}
        for key, value in known.items()
    }
    for name, mean in (("a", 0.4), ("b", 0.6)):
        pixels = {"mean": torch.full((3, 1, 1), mean), "std": torch.full((3, 1, 1), mean / 2)}
        found[f"observation.images.{name}"] = pixels
    return found


def play_diffusion(folder: Path, steps: int, given: Any) -> np.ndarray:
    """Chunks by `predict_action_chunk(noise=)`, one noise at a time, after the queues were filled
    as `select_action` fills them."""
    policy, preprocess, postprocess = load(
        folder, ["--noise_scheduler_type=DDIM", f"--num_inference_steps={steps}"]
    )
    populate = import_module("lerobot.policies.utils").populate_queues
    chunks = []
    for row, noise in enumerate(torch.from_numpy(given["noises"])):
        policy.reset()
        for newest_first in (1, 0):
            batch = dict(preprocess(observation(given, row, newest_first)))
            batch.pop("action")
            views = [batch[key] for key in policy.config.image_features]
            batch["observation.images"] = torch.stack(views, dim=-4)
            policy._queues = populate(policy._queues, batch)
        chunks.append(postprocess(policy.predict_action_chunk(batch, noise=noise[None])))
    return torch.cat(chunks).numpy()


def load(folder: Path, overrides: list[str]) -> tuple[Any, Any, Any]:
    configs = import_module("lerobot.configs.policies").PreTrainedConfig
    factory = import_module("lerobot.policies.factory")
    config = configs.from_pretrained(folder, cli_overrides=overrides)
    policy = factory.get_policy_class(config.type).from_pretrained(folder, config=config)
    return policy, *factory.make_pre_post_processors(config, pretrained_path=str(folder))


def observation(given: Any, row: int, step: int) -> dict[str, torch.Tensor]:
    values = given["observations"][row].reshape(-1, STATE)[step]
    images = given["images"][row].reshape(-1, 2, *given["images"].shape[2:])[step]
    seen = {
        f"observation.images.{name}": torch.from_numpy(image).permute(2, 0, 1).float() / 255.0
        for name, image in zip("ab", images, strict=True)
    }
    return {"observation.state": torch.from_numpy(values), **seen}


CONFIGS = {"diffusion": diffusion}
PLAYS = {"diffusion": play_diffusion}


if __name__ == "__main__":
    import_lerobot()
    what, kind, where = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    if what == "save":
        save(kind, where)
    else:
        questions = np.load(sys.argv[5])
        np.save(sys.argv[6], PLAYS[kind](where, int(sys.argv[4]), questions))
