"""`./dsrl policy list`: every policy, what it takes and gives, whether its weights are pinned."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

_NOT_USABLE = 1

AsJson = Annotated[bool, typer.Option("--json", help="For programs: JSON on standard output.")]


def list_(as_json: AsJson = False) -> None:
    """Every frozen policy, and whether its weights are those that its file pins."""
    from dsrl_ros.paths import catalog

    folder = catalog().policies
    rows = [_row(path.parent.name) for path in sorted(folder.glob("*/policy.yaml"))]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
    else:
        table = Table(box=None)
        for column in ("name", "backend", "noise", "chunk", "cameras", "weights", "hash"):
            table.add_column(column, no_wrap=column in ("name", "backend"))
        for row in rows:
            table.add_row(*_cells(row))
        console = Console()
        console.print(table if rows else f"No policies in {folder}.")
        for row in rows:
            if row.get("description"):
                console.print(f"{row['name']}: {row['description']}", highlight=False)
    for row in rows:
        if row["problem"]:
            typer.echo(f"{row['name']}: {row['problem']}", err=True)
    if any(row["problem"] for row in rows):
        raise typer.Exit(_NOT_USABLE)


def _row(name: str) -> dict[str, Any]:
    from dsrl_core.errors import DsrlError
    from dsrl_core.policies import check_weights, weights_bytes
    from dsrl_ros.paths import catalog

    try:
        spec = catalog().policy(name)
    except DsrlError as error:
        return {"name": name, "hash_ok": False, "problem": str(error)}
    problem = ""
    try:
        check_weights(spec)
    except DsrlError as error:
        problem = str(error)
    return {
        "name": name,
        "backend": spec.backend,
        "noise": list(spec.noise_shape),
        "chunk": list(spec.chunk_shape),
        "cameras": [camera.name for camera in spec.cameras],
        "weights_bytes": None if problem or not spec.weights else weights_bytes(spec.weights_path),
        "weights_sha256": spec.weights_sha256,
        "hash_ok": not problem,
        "description": spec.description,
        "problem": problem,
    }


def _cells(row: dict[str, Any]) -> list[str]:
    if "backend" not in row:
        return [row["name"], *("?",) * 6]
    size, is_pinned = row["weights_bytes"], "ok" if row["hash_ok"] else "REFUSED"
    return [
        row["name"],
        row["backend"],
        " x ".join(map(str, row["noise"])),
        " x ".join(map(str, row["chunk"])),
        ", ".join(row["cameras"]) or "-",
        "-" if size is None else f"{size / 1e6:.2f} MB",
        is_pinned if size is not None or row["problem"] else "elsewhere",
    ]
