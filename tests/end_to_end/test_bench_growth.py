"""The bench on full tables runs to its end."""

from __future__ import annotations

from tests.bench.growth import SUITED
from tests.support.bench import measured


def test_full_tables_are_what_the_services_work_on() -> None:
    """Whatever is added to a table must be filled in too."""
    figures = measured(
        "tests.bench.growth", "--scales", "1,2", "--unit", "200", "--size", "500", "--only", "life,sender"
    )
    assert {figure["cases"] for figure in figures} == {200, 400}
    assert {figure["scenario"] for figure in figures} < set(SUITED)
