"""Finds and reads robot, task and policy files by name."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from dsrl_core.errors import InvalidFile, UnknownName
from dsrl_core.specs import PolicySpec, RobotSpec, TaskSpec

_Spec = TypeVar("_Spec", RobotSpec, TaskSpec, PolicySpec)

_CONFIG = Path(__file__).parent / "config"
POLICIES_VARIABLE = "DSRL_POLICIES"
"""Environment variable that names the folder of frozen policies."""


@dataclass(frozen=True)
class Catalog:
    """The folders in which names are looked up.

    robots: `<name>/<name>.yaml`; tasks: `<name>.yaml`; policies: `<name>/policy.yaml`.
    """

    robots: Path = _CONFIG / "robots"
    tasks: Path = _CONFIG / "tasks"
    policies: Path = Path("policies")

    @staticmethod
    def default() -> Catalog:
        """The project's own files; policies from $DSRL_POLICIES, or `policies` in this folder."""
        return Catalog(policies=Path(os.environ.get(POLICIES_VARIABLE, "policies")))

    def robot(self, name: str) -> RobotSpec:
        return self._named(RobotSpec, "robot", name, self.robots, "*/*.yaml", lambda p: p.stem)

    def task(self, name: str) -> TaskSpec:
        return self._named(TaskSpec, "task", name, self.tasks, "*.yaml", lambda p: p.stem)

    def policy(self, name: str) -> PolicySpec:
        return self._named(
            PolicySpec, "policy", name, self.policies, "*/policy.yaml", lambda p: p.parent.name
        )

    def policy_of(self, task: TaskSpec, name: str = "") -> PolicySpec:
        """The policy as it is used for a task, which may tell it something of its own; `name`: of
        another one than the task's file says."""
        policy = self.policy(name or task.policy)
        return replace(policy, prompt=task.prompt) if task.prompt else policy

    def _named(
        self, spec: type[_Spec], kind: str, name: str, folder: Path, pattern: str, name_of: Any
    ) -> _Spec:
        found = {name_of(path): path for path in folder.glob(pattern)}
        if name not in found:
            raise UnknownName(f"{kind} (in {folder})", name, found)
        return read_spec(spec, found[name])


def read_spec(spec: type[_Spec], path: Path) -> _Spec:
    """The file as `spec`.

    Raises:
        InvalidFile: it is no YAML map, misses a key, has an unknown one or a value out of range.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise InvalidFile(f"{path} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise InvalidFile(f"{path} holds {type(content).__name__}, expected a map of settings")
    try:
        return TypeAdapter(spec).validate_python(content | {"folder": path.parent})
    except ValidationError as error:
        raise InvalidFile(f"{path} is not valid:\n{_explain(error, spec)}") from error


def _explain(error: ValidationError, spec: type) -> str:
    lines = []
    for problem in error.errors():
        place = ".".join(str(part) for part in problem["loc"]) or "(file)"
        lines.append(f"  {place}: {problem['msg']} (found {_short(problem['input'])})")
        if problem["type"] == "unexpected_keyword_argument" and len(problem["loc"]) == 1:
            known = ", ".join(sorted(set(spec.__annotations__) - {"folder"}))
            lines.append(f"    available: {known}")
    return "\n".join(lines)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
