"""The worker of LeRobot: a checkpoint as `save_pretrained` wrote it, its processors included.

`weights` of the policy file names that folder; `denoising_steps` overrides the number that the
checkpoint was saved with. `keys` tells LeRobot's names (`observation.state`,
`observation.images.top`). `settings`:

device: `cuda`, `cpu`; the best one there is if not given.
tokenizer: folder of the tokenizer, of a policy that reads language.
backbone: folder of the vision-language model's configuration and processor, of SmolVLA.
inject_noise: true for a type of policy that is not known here and draws its noise itself.
"""

from __future__ import annotations

from importlib.metadata import version

from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.policies.workers.lerobot_checkpoint import import_lerobot, load_checkpoint
from dsrl_core.policies.workers.lerobot_diffusion import LeRobotDiffusion
from dsrl_core.policies.workers.lerobot_language import LeRobotLanguage
from dsrl_core.policies.workers.serving import main
from dsrl_core.specs import PolicySpec


def load(spec: PolicySpec) -> PolicyBackend:
    """The backend of a checkpoint.

    Raises:
        InvalidFile: it is of a type that no noise steers, or is not what the policy file says.
    """
    checkpoint = load_checkpoint(spec)
    if checkpoint.kind == "diffusion":
        return LeRobotDiffusion(checkpoint)
    return LeRobotLanguage(checkpoint)


def check() -> str:
    """Import what a checkpoint needs; tells the version."""
    import_lerobot()
    return f"lerobot {version('lerobot')}, torch {version('torch')}"


if __name__ == "__main__":
    main(load, check)
