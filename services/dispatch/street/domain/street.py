"""A street as routing sees it: its grid tree, members, responsibility list and calendar.

Values only, built once per version of the street and shared by every decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property, lru_cache
from typing import NamedTuple

from libs.contracts.values import Level, MemberKind, RequestKind
from libs.street_time import STREET_ZONE, local_day
from services.dispatch.calendar.domain import NATIONAL, Calendar
from services.dispatch.grid.domain.gazetteer import Gazetteer, NamedPlace
from services.dispatch.grid.domain.tree import GridTree, Unit
from services.dispatch.street.domain.responsibility import (
    ALWAYS,
    UNKNOWN,
    Hours,
    Responsibility,
    Selected,
    Situation,
    select,
)
from services.dispatch.street.domain.rules import NO_RULES, Rules


@dataclass(frozen=True, slots=True)
class Member:
    member_id: str
    name: str
    kind: MemberKind
    unit: str
    org_id: str
    skills: frozenset[str]
    workload_limit: int


@dataclass(frozen=True)
class Street:
    tenant: str
    units: GridTree
    members: Mapping[str, Member]
    responsibilities: Mapping[str, Sequence[Responsibility]]
    calendar: Calendar = NATIONAL
    places: Sequence[NamedPlace] = ()
    rules: Rules = NO_RULES

    def responsibility(
        self, category: str, at: datetime, unit: str | None = None, request_kind: RequestKind | None = None
    ) -> Selected:
        """The row of the responsibility list for a case of the category there; no unit where nobody can tell it."""
        if (always := self._always(category, local_day(at))) is not None:
            return always
        rows = self.responsibilities[category]
        units = tuple(above.code for above in self.ancestors(unit)) if unit is not None else ()
        hours = Hours.WORKING if self.calendar.is_open(at) else Hours.OFF
        return select(category, rows, Situation(units, request_kind, hours), at)

    @cached_property
    def _always(self) -> Callable[[str, date], Selected | None]:
        """Without conditions the row depends on the category and the day alone, so it is cached by these."""

        @lru_cache(4096)
        def selected(category: str, day: date) -> Selected | None:
            rows = self.responsibilities.get(category, ())
            if any(row.condition != ALWAYS for row in rows):
                return None
            return select(category, rows, UNKNOWN, datetime.combine(day, time(), STREET_ZONE))

        return selected

    def is_listed(self, category: str, at: datetime) -> bool:
        """Whether a case of the category may be reported at that moment."""
        return any(row.is_effective(local_day(at)) for row in self.responsibilities.get(category, ()))

    def ancestors(self, code: str) -> Iterable[Unit]:
        """The unit and those above it, from the bottom to the street."""
        unit = self.units.get(code)
        while unit is not None:
            yield unit
            unit = self.units.get(unit.parent) if unit.parent else None

    def is_below(self, code: str, above: str) -> bool:
        """Whether the unit is that one, or lies in it."""
        return any(unit.code == above for unit in self.ancestors(code))

    def level_above(self, code: str, level: Level) -> int:
        """The index of the unit of that level above (or at) the unit; of the unit itself when it is higher already."""
        return self.units.above(self.units.index(code), level)

    def org_name(self, org_id: str, unit: str) -> str:
        """Of an organisation that answers for the unit or for one above it; the id of one that no longer does."""
        return next((above.org_name for above in self.ancestors(unit) if above.org_id == org_id), org_id)

    @cached_property
    def org_names(self) -> Mapping[str, str]:
        """The organisations that answer for a unit, by id."""
        return {unit.org_id: unit.org_name for unit in self.units.values()}

    def member_name(self, member_id: str) -> str:
        """The id of one who has left."""
        member = self.members.get(member_id)
        return member.name if member is not None else member_id

    @cached_property
    def root(self) -> Unit:
        return self.units[self.tenant]

    @cached_property
    def members_at(self) -> Mapping[str, Sequence[Member]]:
        """Who is posted at a unit, by its code."""
        found: dict[str, list[Member]] = {}
        for member in sorted(self.members.values(), key=lambda m: m.member_id):
            found.setdefault(member.unit, []).append(member)
        return found

    @cached_property
    def members_below(self) -> Mapping[str, Sequence[Member]]:
        """Who is posted at a unit or below it, by unit."""
        found: dict[str, list[Member]] = {}
        for code in sorted(self.members_at):
            for unit in self.ancestors(code):
                found.setdefault(unit.code, []).extend(self.members_at[code])
        return found

    @cached_property
    def candidates(self) -> _Candidates:
        return _Candidates(self)

    @cached_property
    def gazetteer(self) -> Gazetteer:
        return Gazetteer(self.units, self.places)


class Near(NamedTuple):
    """Who may be offered an order of a unit, nearest first: ids of members.

    `skilled`: only those with one of the skills, and `unskilled` counts the others; where nobody up to the community
    has one, anybody may.
    """

    members: tuple[str, ...]
    skilled: bool
    unskilled: int


class _Candidates:
    """Who may be offered an order of a unit: the qualified members nearest to it."""

    def __init__(self, street: Street) -> None:
        self._street = street
        self.near = lru_cache(maxsize=20_000)(self._near)

    def _near(self, code: str, skills: frozenset[str], most: int) -> Near:
        """Members in the unit or below it, then those further up, at most `most`."""
        anybody = [m for ring in self._rings(code) for m in ring]
        able = [m.member_id for m in anybody if m.skills & skills]
        members = able or [m.member_id for m in anybody]
        return Near(tuple(members[:most]), bool(able), len(anybody) - len(members))

    def _rings(self, code: str) -> list[list[Member]]:
        """Members at the unit and below it; then, level by level, members posted at the units above."""
        street, seen, rings = self._street, set[str](), list[list[Member]]()
        for above in street.ancestors(code):
            everybody = above.level is not Level.STREET
            found = (street.members_below if everybody else street.members_at).get(above.code, ())
            rings.append([m for m in found if m.member_id not in seen])
            seen.update(m.member_id for m in found)
        return rings
