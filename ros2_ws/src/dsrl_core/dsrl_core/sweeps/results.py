"""What a sweep has found so far: one file per finished run, and one table of all.

<out>/cells/franka_pick-task-0.json      a run's settings and figures: finished
<out>/cells/franka_pick-task-1.error     why a run failed; it is tried again next time
<out>/sweep.md, sweep.csv, sweep.json    all of them
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from dsrl_core.errors import DsrlError, InvalidFile
from dsrl_core.sweeps.plan import Cell

_CELLS: Final = "cells"
_TABLE: Final = "sweep"
_COLUMNS: Final = ("task", "variant", "seed", "episodes", "successes", "resets", "wall_s")


@dataclass(frozen=True)
class Outcome:
    """A finished run's figures; successes by number of online episodes."""

    greedy: dict[str, int]
    actor: dict[str, int]
    """The distilled actor alone."""
    training: list[int]
    """Outcomes in order, the warm-up first."""
    updates: int
    wall_s: float


class SweepFolder:
    """The folder of one sweep; one process writes it."""

    def __init__(self, out: Path) -> None:
        """
        Raises:
            DsrlError: it cannot be made.
        """
        self.out, self._cells = out, out / _CELLS
        try:
            self._cells.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DsrlError(f"the folder {out} cannot be used: {error}") from error

    def due(self, cells: Iterable[Cell]) -> list[Cell]:
        """Those that are not finished.

        Raises:
            InvalidFile: one is finished with other settings, or its file is damaged.
        """
        return [cell for cell in cells if self._read(cell) is None]

    def keep(self, cell: Cell, figures: dict[str, Any]) -> None:
        """A run is finished: on disk as a whole, or not at all.

        Raises:
            DsrlError: it cannot be written.
        """
        _write(self._path(cell), json.dumps({"cell": cell.as_map()} | figures) + "\n")
        self._error_path(cell).unlink(missing_ok=True)

    def failed(self, cell: Cell, reason: str) -> None:
        """
        Raises:
            DsrlError: it cannot be written.
        """
        _write(self._error_path(cell), reason.rstrip() + "\n")

    def write_tables(self, cells: Sequence[Cell]) -> str:
        """All three; the one in Markdown, for people.

        Raises:
            DsrlError: they cannot be written.
        """
        found = [(cell, outcome) for cell in cells if (outcome := self._read(cell)) is not None]
        errors = {cell.name: why for cell in cells if (why := self.error_of(cell))}
        text = "\n".join([*_markdown(found), *_told(cells, found, errors), ""])
        _write(self.out / f"{_TABLE}.md", text)
        rows = [{"cell": cell.as_map()} | vars(outcome) for cell, outcome in found]
        content = {"runs": rows, "failed": errors}
        _write(self.out / f"{_TABLE}.json", json.dumps(content, indent=1) + "\n")
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for cell, outcome in found:
            for point, successes in outcome.greedy.items():
                row = [cell.task, cell.variant, cell.seed, point, successes, cell.resets]
                writer.writerow([*row, f"{outcome.wall_s:.1f}"])
        _write(self.out / f"{_TABLE}.csv", table.getvalue())
        return text

    def error_of(self, cell: Cell) -> str:
        """The last line of why it failed; empty: it did not, or has not run."""
        try:
            lines = self._error_path(cell).read_text().strip().splitlines()
        except OSError:
            return ""
        return lines[-1] if lines else "unknown"

    def _read(self, cell: Cell) -> Outcome | None:
        path = self._path(cell)
        try:
            content = json.loads(path.read_text())
            known = content.pop("cell")
            outcome = Outcome(**content)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise InvalidFile(f"{path} is no finished run: {error!r}; remove it") from error
        asked = json.loads(json.dumps(cell.as_map()))
        if known != asked:
            differs = [name for name in asked if known.get(name) != asked[name]]
            raise InvalidFile(
                f"{path} was made with other settings: "
                + "; ".join(f"{n} was {known.get(n)}, now {asked[n]}" for n in differs)
                + "; give another --out"
            )
        return outcome

    def _path(self, cell: Cell) -> Path:
        return self._cells / f"{cell.name}.json"

    def _error_path(self, cell: Cell) -> Path:
        return self._cells / f"{cell.name}.error"


def _markdown(found: Sequence[tuple[Cell, Outcome]]) -> list[str]:
    """One row per task and variant: median (worst) and every seed."""
    points = sorted({int(point) for _, outcome in found for point in outcome.greedy})
    heads = ["task", "variant", "seeds", *(f"at {n} [%]" for n in points), "actor [%]", "wall [s]"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    groups: dict[tuple[str, str], list[tuple[Cell, Outcome]]] = {}
    for cell, outcome in found:
        groups.setdefault((cell.task, cell.variant), []).append((cell, outcome))
    for (task, variant), group in groups.items():
        cells = [task, variant, str(len(group))]
        for point in points:
            cells.append(
                _summary([(o.greedy[str(point)], c) for c, o in group if str(point) in o.greedy])
            )
        cells.append(_summary([(max(o.actor.values()), c) for c, o in group if o.actor]))
        cells.append(f"{median(outcome.wall_s for _, outcome in group):.0f}")
        lines.append("| " + " | ".join(cells) + " |")
    return [
        "Greedy success over fresh resets after so many online episodes: median (worst) over seeds,"
        " then every seed.",
        "",
        *lines,
        "",
    ]


def _summary(counts: Sequence[tuple[int, Cell]]) -> str:
    if not counts:
        return "-"
    rates = [100 * successes / cell.resets for successes, cell in counts]
    each = " ".join(f"{rate:.0f}" for rate in rates)
    return f"{median(rates):.0f} ({min(rates):.0f}): {each}"


def _told(
    cells: Sequence[Cell], found: Sequence[tuple[Cell, Outcome]], errors: dict[str, str]
) -> list[str]:
    lines = [f"{len(found)} of {len(cells)} runs are finished, {len(errors)} failed."]
    return lines + [f"- {name}: {why}" for name, why in errors.items()]


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise DsrlError(f"{path} could not be written: {error}") from error
