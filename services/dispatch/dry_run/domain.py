"""What a change of a street's rules, list or places would have made of cases that were there before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from libs.contracts.reasons import Explanation
from libs.contracts.values import Level
from services.dispatch.routing.domain import RoutedTo, RoutingRequest, Unrouted, route_all
from services.dispatch.street.domain.street import Street


@dataclass(frozen=True, slots=True)
class Differing:
    """A case that would go somewhere else: units, and why."""

    case_no: str
    category: str
    before: str
    after: str
    because_before: Explanation
    because_after: Explanation


@dataclass(slots=True)
class Replayed:
    """Counts grow as cases are replayed; of those that differ the first `shown` are kept."""

    shown: int
    cases: int = 0
    units: Counter[tuple[str, str]] = field(default_factory=Counter)
    levels: Counter[tuple[Level, Level]] = field(default_factory=Counter)
    first: list[Differing] = field(default_factory=list)

    @property
    def differing(self) -> int:
        return self.units.total()

    def add(self, cases: Sequence[tuple[str, RoutingRequest]], before: Street, after: Street) -> None:
        """Route each (case_no, what was asked) as the street is and as it would be."""
        asked = [each for _, each in cases]
        for (case_no, each), old, new in zip(cases, route_all(asked, before), route_all(asked, after), strict=True):
            self.cases += 1
            if old.unit.code != new.unit.code:
                self.units[old.unit.code, new.unit.code] += 1
                self.levels[old.unit.level, new.unit.level] += 1
                if len(self.first) < self.shown:
                    self.first.append(_differing(case_no, each, old, new))


def _differing(case_no: str, asked: RoutingRequest, old: RoutedTo | Unrouted, new: RoutedTo | Unrouted) -> Differing:
    return Differing(case_no, asked.category, old.unit.code, new.unit.code, old.because, new.because)
