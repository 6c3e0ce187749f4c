"""Environments of other frameworks: whole or not at all; by stand-in tools and without internet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dsrl_core.errors import DsrlError, InvalidFile, UnknownName
from dsrl_core.policies import installing
from dsrl_core.policies.recipes import RECIPES, recipe, recipe_names

ROOT = Path(__file__).parents[2]
PINS = "#: worker: fake.worker\n#: disk_gb: 0.001\n#: disk_cuda_gb: 0.002\ntorch==1.0\nsmall==2.0\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where environments go, with one recipe and tools that install nothing."""
    recipes, environments = tmp_path / "recipes", tmp_path / "environments"
    recipes.mkdir()
    (recipes / "fake.txt").write_text(PINS)
    monkeypatch.setenv(installing.ENVIRONMENTS_VARIABLE, str(environments))
    monkeypatch.setattr(installing, "recipe", lambda name: recipe(name, recipes))
    monkeypatch.setattr(installing, "recipe_names", lambda: recipe_names(recipes))
    return environments


@pytest.fixture
def steps(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What the installation runs, instead of running it; its Python is there then."""
    seen: list[list[str]] = []

    def run(wanted: object, part: Path, command: list[str], variables: object = None) -> str:
        seen.append(command)
        if command[1] == "venv":
            (part / "venv" / "bin").mkdir(parents=True)
            (part / "venv" / "bin" / "python").symlink_to(sys.executable)
        return "fake 1.0\n"

    monkeypatch.setattr(installing, "_run", run)
    return seen


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {".lock"}


def test_an_environment_is_there_with_all_its_parts(folder: Path, steps: list[list[str]]) -> None:
    said: list[str] = []
    environment = installing.install("fake", said.append)
    assert "0.001 GB of disk" in said[0]
    assert names_in(folder) == {"fake"}
    assert environment.version == "fake 1.0"
    assert environment.python == folder / "fake" / "venv" / "bin" / "python"
    assert (environment.worker.path[0] / "dsrl_core" / "__init__.py").is_file()
    assert installing.installed() == [environment]


def test_torch_comes_with_what_it_depends_on_and_the_others_as_they_are_listed(
    folder: Path, steps: list[list[str]]
) -> None:
    installing.install("fake", lambda line: None)
    _, pip, uv, check = steps
    assert pip[-1] == "torch==1.0"
    assert "--no-deps" in uv
    assert check[1:] == ["-m", "fake.worker", "--check"]


@pytest.mark.parametrize("failing", range(4))
def test_a_step_that_fails_leaves_what_was_there_before(
    folder: Path, steps: list[list[str]], monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    before = installing.install("fake", lambda line: None)
    working, count = installing._run, len(steps)

    def run(wanted: object, part: Path, command: list[str], variables: object = None) -> str:
        if len(steps) - count == failing:
            raise DsrlError("no network")
        return str(working(wanted, part, command, variables))  # type: ignore[arg-type]

    monkeypatch.setattr(installing, "_run", run)
    with pytest.raises(DsrlError, match="no network"):
        installing.install("fake", lambda line: None)
    assert installing.environment_of_framework("fake") == before
    assert names_in(folder) == {"fake"}


def test_a_tool_that_fails_is_told_with_its_last_words(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool = tmp_path / "uv"
    tool.write_text("#!/bin/sh\necho no route to the index >&2\nexit 2\n")
    tool.chmod(0o755)
    monkeypatch.setattr(installing, "_uv", lambda: str(tool))
    with pytest.raises(DsrlError, match=r"(?s)nothing of it is left.*no route to the index"):
        installing.install("fake", lambda line: None)
    assert names_in(folder) == set()


def test_what_a_killed_installation_left_is_cleared(folder: Path, steps: list[list[str]]) -> None:
    (folder / "fake.abc.part").mkdir(parents=True)
    installing.install("fake", lambda line: None)
    assert names_in(folder) == {"fake"}


def test_only_one_installation_runs_at_a_time(folder: Path, steps: list[list[str]]) -> None:
    folder.mkdir()
    with installing._alone(folder), pytest.raises(DsrlError, match="another installation"):
        installing.install("fake", lambda line: None)


def test_a_disk_that_is_too_small_is_told_before_anything_is_made(
    folder: Path, steps: list[list[str]], tmp_path: Path
) -> None:
    recipes = tmp_path / "recipes" / "fake.txt"
    recipes.write_text(PINS.replace("disk_gb: 0.001", "disk_gb: 1e9"))
    with pytest.raises(DsrlError, match="GB are free"):
        installing.install("fake", lambda line: None)
    assert steps == []


def test_an_environment_of_another_recipe_is_not_used(
    folder: Path, steps: list[list[str]], tmp_path: Path
) -> None:
    installing.install("fake", lambda line: None)
    (tmp_path / "recipes" / "fake.txt").write_text(PINS.replace("small==2.0", "small==2.1"))
    with pytest.raises(installing.NotInstalled, match="another recipe"):
        installing.environment_of_framework("fake")


def test_an_environment_of_somebody_else_is_used_as_it_is(
    folder: Path, steps: list[list[str]]
) -> None:
    environment = installing.install("fake", lambda line: None, Path(sys.executable))
    assert environment.python == Path(sys.executable)
    assert len(steps) == 1
    installing.remove("fake")
    assert Path(sys.executable).exists()


def test_a_removed_environment_is_gone(folder: Path, steps: list[list[str]]) -> None:
    installing.install("fake", lambda line: None)
    installing.remove("fake")
    with pytest.raises(installing.NotInstalled, match=r"\./dsrl policy install fake"):
        installing.environment_of_framework("fake")
    with pytest.raises(installing.NotInstalled):
        installing.remove("fake")


def test_a_framework_that_no_index_has_is_installed_by_hand() -> None:
    with pytest.raises(DsrlError, match=r"on no package index.*/serve_openpi\.py$"):
        installing.install("openpi", lambda line: None)


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_pins_all_that_it_installs(name: str) -> None:
    found = recipe(name)
    assert found.by_hand or {"torch", "numpy"} <= {pin.split("==")[0] for pin in found.pins}
    assert RECIPES / f"{name}.txt" in RECIPES.iterdir()


@pytest.mark.parametrize("line", ["torch", "torch>=2", "a @ git+https://b", "#: color: red"])
def test_a_recipe_that_is_not_exact_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "fake.txt").write_text(f"{PINS}{line}\n")
    with pytest.raises(InvalidFile):
        recipe("fake", tmp_path)


def test_an_unknown_framework_is_told_with_those_that_there_are() -> None:
    with pytest.raises(UnknownName, match=r"'tensorflow'; available: lerobot, openpi"):
        installing.install("tensorflow", lambda line: None)


def test_a_worker_needs_nothing_of_ours_that_its_environment_lacks() -> None:
    listed = {pin.split("==")[0] for pin in recipe("lerobot").pins}
    assert {"msgpack", "pyzmq", "pydantic", "pyyaml", "safetensors", "torch"} <= listed
    lacking = ["cv2", "mujoco", "scipy", "rclpy", "onnxruntime", "websockets", "matplotlib", "mink"]
    script = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({lacking}))\n"
        "import dsrl_core.policies.workers.lerobot"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
