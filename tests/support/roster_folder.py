"""How a test changes the files of a street's folder."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def edit(path: Path, change: Callable[[list[dict[str, str]]], None]) -> None:
    """Let a test change the lines of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    columns = list(lines[0])
    change(lines)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(lines)


def edit_units(folder: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    path = folder / "units.geojson"
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document["features"])
    path.write_text(json.dumps(document), encoding="utf-8")


def setting(at: int, **cells: str) -> Callable[[list[dict[str, str]]], None]:
    return lambda lines: lines[at].update(cells)
