"""Coverage (覆盖率): visited of planned, by day, rolled up the grid tree. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from libs.contracts.values import Level
from services.dispatch.grid.domain.tree import DEPTH, LEVELS
from services.dispatch.patrols.domain.patrol import State
from services.dispatch.street.domain.street import Street

Counted = tuple[date, str, State, int]
"""So many tasks of a day and a unit are in a state."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """`open` may still be visited in time; `planned` is the sum of the other four."""

    day: date
    unit: str
    unit_name: str
    level: Level
    planned: int
    visited: int
    late: int
    missed: int
    open: int

    @property
    def percent(self) -> float:
        """Of all that were planned, with two decimals."""
        return round(100 * self.visited / self.planned, 2)


def roll_up(counts: Iterable[Counted], street: Street, under: str, level: Level) -> list[Coverage]:
    """By day, for each unit of the level at or below `under`; a unit that is higher already stands for itself."""
    totals: dict[tuple[date, str], Counter[State]] = {}
    bearers: dict[str, str | None] = {}
    for day, unit, state, count in counts:
        if unit not in bearers:
            bearers[unit] = _bearer(unit, street, under, level)
        bearer = bearers[unit]
        if bearer is not None:
            totals.setdefault((day, bearer), Counter())[state] += count
    return [_coverage(day, unit, states, street) for (day, unit), states in sorted(totals.items())]


def _bearer(unit: str, street: Street, under: str, level: Level) -> str | None:
    if not street.is_below(unit, under):
        return None
    return street.units.unit(street.units.above(street.units.index(unit), level)).code


def _coverage(day: date, unit: str, states: Mapping[State, int], street: Street) -> Coverage:
    return Coverage(
        day=day,
        unit=unit,
        unit_name=street.units[unit].name,
        level=street.units[unit].level,
        planned=sum(states.values()),
        visited=states.get(State.VISITED, 0),
        late=states.get(State.LATE, 0),
        missed=states.get(State.MISSED, 0),
        open=states.get(State.PLANNED, 0),
    )


def level_below(level: Level) -> Level:
    """The level of the units in a unit of that level; a micro-grid has none below it."""
    return LEVELS[min(DEPTH[level] + 1, len(LEVELS) - 1)]
