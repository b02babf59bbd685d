"""Every scenario of the bench runs to its end, at a size at which its figures say nothing."""

from __future__ import annotations

from pathlib import Path

from tests.bench.scenarios import SCENARIOS
from tests.support.bench import measured

TAKES_LONG = {"routing": "a map of 400 000 micro-grids", "country": "a map of 3 500 000 micro-grids"}


def test_every_scenario_measures_something(tmp_path: Path) -> None:
    names = [name for name in SCENARIOS if name not in TAKES_LONG]
    figures = measured("tests.bench", tmp_path / "bench", "--only", ",".join(names))
    assert {figure["scenario"] for figure in figures} == set(names)
    assert all(figure["median"] > 0 for figure in figures)
