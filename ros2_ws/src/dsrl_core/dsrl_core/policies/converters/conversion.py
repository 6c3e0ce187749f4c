"""Converts a checkpoint in a process that can do nothing else; nothing here ever unpickles it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dsrl_core.errors import DsrlError, InvalidFile
from dsrl_core.policies.weight_files import weights_sha256

_SCRIPT: Final = Path(__file__).with_name("confined_conversion.py")
_TIME_MAX_S: Final = 600
_LINES: Final = 8
_GB: Final = 1e9


@dataclass(frozen=True)
class Conversion:
    """What was made, and what the kernel did to keep the conversion to itself."""

    folder: Path
    policy: dict[str, Any]
    """What the policy file has to say of the weights."""
    had_no_network: bool
    had_no_files: bool
    """Beyond Python, the checkpoint and its own folder."""


def convert_checkpoint(checkpoint: Path, out: Path) -> Conversion:
    """Make `weights.safetensors` and `policy.json` of a checkpoint of diffusion_policy's.

    The process has no network, sees no files but its own and starts no program, as far as the
    kernel lets it; its memory, time and files are bounded, its environment and home are empty.

    Raises:
        InvalidFile: there is no such checkpoint, `out` exists, or it cannot be converted.
        DsrlError: the process died.
    """
    if not checkpoint.is_file():
        raise InvalidFile(f"there is no checkpoint {checkpoint}")
    if out.exists():
        raise InvalidFile(f"{out} exists; expected a folder that is to be made")
    out.parent.mkdir(parents=True, exist_ok=True)
    size_gb = checkpoint.stat().st_size / _GB
    limits = [str(4.0 + 4.0 * size_gb), str(_TIME_MAX_S), str(0.1 + size_gb)]
    with tempfile.TemporaryDirectory(prefix=".convert_", dir=out.parent) as part:
        log = Path(part) / "log"
        made = Path(part) / "made"
        made.mkdir()
        with log.open("wb") as output:
            status = _run([str(checkpoint.absolute()), str(made), *limits], made, output)
        told = made / "converted.json"
        if status or not told.is_file():
            lines = log.read_text(errors="replace").splitlines()[-_LINES:]
            how = "\n".join(f"    {line}" for line in lines)
            raise DsrlError(f"converting {checkpoint.name} ended with status {status}:\n{how}")
        found = json.loads(told.read_text())
        if "error" in found:
            raise InvalidFile(f"{checkpoint}: {found['error']}")
        weights = made / "weights.safetensors"
        policy = found["policy"] | {"weights_sha256": weights_sha256(weights)}
        final = Path(part) / "final"
        final.mkdir()
        shutil.move(weights, final / weights.name)
        (final / "policy.json").write_text(json.dumps(policy, indent=2) + "\n")
        final.rename(out)
    return Conversion(out, policy, found["network"], found["files"])


def _run(arguments: list[str], home: Path, output: Any) -> int:
    """The process's exit status; -9 where it took too long."""
    ours = str(Path(__file__).parents[3])
    variables = {
        "HOME": str(home),
        "TMPDIR": str(home),
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": ours,
        "PYTHONNOUSERSITE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, str(_SCRIPT), *arguments]
    try:
        return subprocess.run(
            command,
            env=variables,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            timeout=_TIME_MAX_S,
        ).returncode
    except subprocess.TimeoutExpired:
        return -9
