"""Makes a policy's folder from a checkpoint: whole and measured, or not at all."""

from __future__ import annotations

import fcntl
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import yaml

from dsrl_core.catalog import read_spec
from dsrl_core.errors import InvalidFile
from dsrl_core.policies import BACKENDS, PolicyBackend, load_policy, weights_bytes, weights_sha256
from dsrl_core.policies.card import write_card
from dsrl_core.policies.probes import Probe, Sample, probe, refuse
from dsrl_core.policies.recognised import Recognised
from dsrl_core.policies.recognising import recognise
from dsrl_core.policies.recognising_servers import SCHEMES, server_facts
from dsrl_core.specs import PolicySpec

_UNFINISHED: Final = ".adding"
_FILE: Final = "policy.yaml"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_NEEDED: Final = {
    "backend": f"which of {', '.join(BACKENDS)} runs it",
    "observation": "the fields that we observe, in the order of the model's state, with units",
    "action": "kind, fields and period_s of a row of a chunk",
    "horizon": "how many actions of a chunk are played",
    "noise_dim": "size of a row of noise",
    "denoising_steps": "how many steps the sampler takes",
}
"""What a policy file cannot do without, and no checkpoint need tell."""
_OF_THE_MODEL: Final = ("architecture", "settings", "keys", "features_size", "estimates")
"""Not taken over from a policy of another backend."""
_OF_ITSELF: Final = ("name", "description", "weights", "weights_sha256")


@dataclass(frozen=True)
class Wanted:
    """What was asked for."""

    source: str
    """File, folder or URL."""
    name: str
    like: PolicySpec | None = None
    """Whatever the source does not tell is as in this policy."""
    settings: Mapping[str, Any] | None = None
    """Of the policy file; they count more than what the source tells."""
    link: bool = False
    """Whether the weights stay where they are."""


@dataclass(frozen=True)
class Added:
    """A policy that is there now."""

    folder: Path
    recognised: Recognised
    probes: tuple[Probe, ...]


def add_policy(
    policies: Path,
    wanted: Wanted,
    sample: Callable[[PolicySpec], Sample] = Sample.random,
    load: Callable[[PolicySpec], PolicyBackend] = load_policy,
) -> Added:
    """Make `policies/<name>`.

    Raises:
        InvalidFile: the name is taken or none, the source is nothing that a policy can be made
            of, more has to be told, or the policy cannot be steered. Nothing is left then.
    """
    final = policies / wanted.name
    if not _NAME.fullmatch(wanted.name):
        raise InvalidFile(f"'{wanted.name}' is no name; expected letters, digits, - and _")
    if final.exists():
        raise InvalidFile(f"{final} exists: remove it first, or give another name")
    is_server = wanted.source.startswith(SCHEMES)
    source = Path(wanted.source).expanduser()
    recognised = server_facts(wanted.source) if is_server else recognise(source)
    with _unfinished(policies) as folder:
        part = folder / wanted.name
        part.mkdir()
        weights = {} if is_server else _bring(source, recognised, part, wanted.link)
        content = _content(wanted, recognised, source, weights)
        _refuse_missing(content, recognised)
        (part / _FILE).write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
        spec = read_spec(PolicySpec, part / _FILE)
        with closing(load(spec)) as policy:
            found = probe(policy, sample(spec))
        refuse(wanted.name, found)
        write_card(spec, found)
        part.rename(final)
    return Added(final, recognised, found)


def _bring(source: Path, recognised: Recognised, part: Path, link: bool) -> dict[str, Any]:
    """The weights beside the policy file, and what the policy file says of them."""
    if source.is_dir() and (source / _FILE).is_file():
        given = read_spec(PolicySpec, source / _FILE)
        # Its own hash has to be right: what was checked there is what is taken over.
        if not given.weights:
            return {}
        found = weights_sha256(given.weights_path)
        if found != given.weights_sha256:
            raise InvalidFile(f"{given.weights_path} has sha256 {found}, its file pins another")
        source, name = given.weights_path, Path(given.weights).name
    elif recognised.suffix and source.is_dir():
        source, name = source / f"weights{recognised.suffix}", f"weights{recognised.suffix}"
    elif source.is_dir():
        name = "weights"
    else:
        name = f"weights{recognised.suffix or source.suffix}"
    size, free = weights_bytes(source.resolve()) if source.is_file() else _size(source), _free(part)
    if not link and size > free:
        raise InvalidFile(f"{source} has {size} bytes, {part.parent} has {free} free; use --link")
    place = part / name
    if link:
        weights_bytes(source)
        place.symlink_to(source.resolve())
    elif source.is_dir():
        # Links, of which a downloaded checkpoint's folder consists, become what they lead to.
        shutil.copytree(source, place)
    else:
        shutil.copyfile(source, place)
    return {"weights": name, "weights_sha256": weights_sha256(place)}


def _content(
    wanted: Wanted, recognised: Recognised, source: Path, weights: dict[str, Any]
) -> dict[str, Any]:
    """The policy file: what was told counts more than what was found, that more than `like`."""
    told = dict(wanted.settings or {})
    given: dict[str, Any] = {}
    if source.is_dir() and (source / _FILE).is_file():
        given = _raw(source / _FILE)
    facts = {**given, **recognised.facts}
    if recognised.backend:
        facts["backend"] = recognised.backend
    base: dict[str, Any] = {}
    if wanted.like is not None:
        base = _raw(wanted.like.folder / _FILE)
        base = {key: value for key, value in base.items() if key not in _OF_ITSELF}
        if told.get("backend", facts.get("backend", base.get("backend"))) != base.get("backend"):
            base = {key: value for key, value in base.items() if key not in _OF_THE_MODEL}
    description = given.get("description", f"Made from {recognised.kind} {wanted.source}")
    content = {"description": description} | _merged(_merged(base, facts), told) | weights
    content["name"] = wanted.name
    if "keys" in facts or recognised.inputs:
        content["keys"] = _keys(content, recognised, told)
    order = [part.name for part in fields(PolicySpec)]
    known = [key for key in order if key in content and content[key] != {}]
    return {key: content[key] for key in known + sorted(content.keys() - set(order))}


def _keys(content: dict[str, Any], recognised: Recognised, told: dict[str, Any]) -> dict[str, str]:
    """Where the model takes one state vector, every field that is nowhere else goes there."""
    keys = dict(content.get("keys", {}))
    if len(recognised.inputs) == 1 and recognised.backend:
        (name,) = recognised.inputs
        for part in content.get("observation", ()):
            if isinstance(part, dict) and part.get("name") not in (None, name):
                keys.setdefault(part["name"], name)
    return keys | dict(told.get("keys", {}))


def _refuse_missing(content: dict[str, Any], recognised: Recognised) -> None:
    missing = {key: text for key, text in _NEEDED.items() if key not in content}
    lines = [f"  {key}: {text}" for key, text in missing.items()]
    if recognised.backend == "lerobot" or recognised.backend == "onnx":
        lines += _other_sizes(content, recognised)
    if not lines:
        return
    told = [f"  {note}" for note in recognised.notes]
    told += [f"  it takes {name}, {size} values" for name, size in recognised.inputs.items()]
    known = "\n".join(["it is " + recognised.kind, *told])
    raise InvalidFile(
        "this has to be told, by --like POLICY or --set KEY=VALUE (YAML):\n"
        + "\n".join(lines)
        + f"\nknown of it: {known}"
    )


def _other_sizes(content: dict[str, Any], recognised: Recognised) -> Iterator[str]:
    """State vectors that our fields do not fill."""
    keys, sizes = content.get("keys", {}), dict.fromkeys(recognised.inputs, 0)
    for part in content.get("observation", ()):
        key = keys.get(part.get("name"), part.get("name"))
        if key in sizes:
            sizes[key] += int(part.get("size", 0))
    if "observation" in content:
        for key, size in recognised.inputs.items():
            if size and sizes[key] != size:
                yield f"  observation: fields for {key} have {sizes[key]} values, it takes {size}"


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`settings` and `keys` value by value, whatever else as a whole."""
    both = {
        key: {**base[key], **over[key]}
        for key in ("settings", "keys")
        if isinstance(base.get(key), dict) and isinstance(over.get(key), dict)
    }
    return {**base, **over, **both}


def _raw(path: Path) -> dict[str, Any]:
    """A policy file that was read before, as it is written."""
    return dict(yaml.safe_load(path.read_text()))


def parse_settings(words: Sequence[str]) -> dict[str, Any]:
    """`key=value` or `key.part=value`, values in YAML, as parts of a policy file.

    Raises:
        InvalidFile: no such key, or no value.
    """
    known = {part.name for part in fields(PolicySpec)} - {"folder", "name", *_OF_ITSELF[2:]}
    found: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        first, *rest = key.split(".")
        if not equals or first not in known or len(rest) > 1:
            listed = ", ".join(sorted(known))
            raise InvalidFile(f"--set {word}: expected KEY=VALUE with a key of {listed}")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise InvalidFile(f"--set {word}: not YAML: {error}") from error
        if rest:
            found.setdefault(first, {})[rest[0]] = value
        else:
            found[first] = value
    return found


def _size(folder: Path) -> int:
    return sum(part.stat().st_size for part in folder.rglob("*") if part.is_file())


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


@contextmanager
def _unfinished(policies: Path) -> Iterator[Path]:
    """A folder on the same disk whose content goes, whatever happens; one user at a time.

    Two levels down, so that nobody takes for a policy what is not one yet.
    """
    policies.mkdir(parents=True, exist_ok=True)
    folder = policies / _UNFINISHED
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InvalidFile(f"another policy is being added to {policies}") from error
        try:
            _empty(folder)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _empty(folder: Path) -> None:
    """Remove what a killed one left behind."""
    for part in folder.iterdir():
        if part.is_dir():
            shutil.rmtree(part)
