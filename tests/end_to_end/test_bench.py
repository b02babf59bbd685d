"""Every scenario of the bench runs to its end, at a size at which its figures say nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from deploy.local.local_street import ROOT
from tests.bench.growth import SUITED
from tests.bench.scenarios import SCENARIOS

TAKES_LONG = {"routing": "a map of 400 000 micro-grids", "country": "a map of 3 500 000 micro-grids"}
SIZE = "500"


def run(module: str, folder: Path, *more: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", module, "--folder", str(folder), "--repetitions", "1", "--size", SIZE, *more]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-5_000:]
    found: list[dict[str, Any]] = json.loads((folder / "result.json").read_text(encoding="utf-8"))["figures"]
    return found


def test_every_scenario_measures_something(tmp_path: Path) -> None:
    names = [name for name in SCENARIOS if name not in TAKES_LONG]
    figures = run("tests.bench", tmp_path / "bench", "--only", ",".join(names))
    assert {figure["scenario"] for figure in figures} == set(names)
    assert all(figure["median"] > 0 for figure in figures)


def test_full_tables_are_what_the_services_work_on(tmp_path: Path) -> None:
    """Whatever is added to a table must be filled in too."""
    figures = run(
        "tests.bench.growth", tmp_path / "growth", "--scales", "1,2", "--unit", "200", "--only", "life,sender"
    )
    assert {figure["cases"] for figure in figures} == {200, 400}
    assert {figure["scenario"] for figure in figures} < set(SUITED)
