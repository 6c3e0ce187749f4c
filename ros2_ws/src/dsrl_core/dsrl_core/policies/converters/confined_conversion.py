"""Run as a file of its own, by `conversion`: reads one checkpoint, writes weights and JSON.

python confined_conversion.py CHECKPOINT OUT MEMORY_GB CPU_S FILE_GB
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path


def main() -> None:
    # Beside this file, and before anything that starts threads.
    confinement = importlib.import_module("confinement")
    checkpoint, out = Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute()
    has_left_network = confinement.leave_network()

    from safetensors.torch import save_file

    from dsrl_core.errors import InvalidFile
    from dsrl_core.policies.converters.diffusion_policy import convert
    from dsrl_core.policies.converters.plain_pickle import read_checkpoint

    confinement.limit(float(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
    code = [sys.prefix, sys.base_prefix, str(Path(__file__).parents[2])]
    has_left_files = confinement.leave_files([*code, str(checkpoint), "/usr/lib", "/lib"], str(out))
    told = {"network": has_left_network, "files": has_left_files}
    try:
        converted = convert(read_checkpoint(checkpoint))
        save_file(converted.tensors, out / "weights.safetensors")
        told["policy"] = converted.policy
    except InvalidFile as error:
        told["error"] = str(error)
    (out / "converted.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
