"""Every scenario of the bench runs to its end, at a size at which its figures say nothing."""

from __future__ import annotations

import pytest

from tests.bench.scenarios import SCENARIOS
from tests.support.bench import measured

TAKES_LONG = {"routing": "a map of 400 000 micro-grids", "country": "a map of 3 500 000 micro-grids"}
LEFT_WHEN_READY = ("ledger", "sender")
"""They count what is still to be done when the service is ready: of a few reports that is nothing."""
USUAL = [name for name in SCENARIOS if name not in {*TAKES_LONG, *LEFT_WHEN_READY}]


@pytest.mark.parametrize(("names", "size"), [(USUAL, 100), (list(LEFT_WHEN_READY), 1_000)], ids=["usual", "larger"])
def test_every_scenario_measures_something(names: list[str], size: int) -> None:
    figures = measured("tests.bench", "--size", str(size), "--only", ",".join(names))
    assert {figure["scenario"] for figure in figures} == set(names)
    assert all(figure["median"] > 0 for figure in figures)
