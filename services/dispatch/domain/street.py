"""A street as routing sees it: its grid tree with borders, organisations, members and responsibility list.

Values only, built once per version of the street and shared by every decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from libs.contracts.words import Level, MemberKind, OrgKind, Registration

LEVELS = (Level.STREET, Level.COMMUNITY, Level.GRID, Level.MICRO_GRID)
NEAREST_METRES = 500.0
METRES_PER_DEGREE = 111_320.0


@dataclass(frozen=True, slots=True)
class Unit:
    """A street, community, grid or micro-grid, and the party organisation that answers for it."""

    code: str
    level: Level
    parent: str | None
    name: str
    org_id: str
    org_kind: OrgKind
    org_name: str
    aliases: tuple[str, ...] = ()
    border: BaseGeometry | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Member:
    member_id: str
    name: str
    kind: MemberKind
    unit: str
    org_id: str
    skills: frozenset[str]
    workload_limit: int


@dataclass(frozen=True, slots=True)
class Clocks:
    claim: timedelta
    handle: timedelta
    check: timedelta


@dataclass(frozen=True, slots=True)
class Responsibility:
    """One row of the responsibility list."""

    category: str
    name_zh: str
    name_en: str
    area: str
    registration: Registration
    start_level: Level
    org_kind: OrgKind
    skills: frozenset[str]
    clocks: Clocks
    evidence: str
    points: int


class Located(NamedTuple):
    """The unit that a point lies in, or that is nearest; `metres` is 0 inside."""

    code: str
    metres: float


@dataclass(frozen=True)
class Street:
    tenant: str
    units: Mapping[str, Unit]
    members: Mapping[str, Member]
    responsibilities: Mapping[str, Responsibility]

    def ancestors(self, code: str) -> Iterable[Unit]:
        """The unit and those above it, from the bottom to the street."""
        unit = self.units.get(code)
        while unit is not None:
            yield unit
            unit = self.units.get(unit.parent) if unit.parent else None

    def at_level(self, code: str, level: Level) -> Unit:
        """The unit of that level above (or at) the unit; the unit itself when it is higher already."""
        return next((unit for unit in self.ancestors(code) if unit.level is level), self.units[code])

    @cached_property
    def root(self) -> Unit:
        return self.units[self.tenant]

    @cached_property
    def _members_of(self) -> Mapping[str, Sequence[Member]]:
        found: dict[str, list[Member]] = {}
        for member in sorted(self.members.values(), key=lambda m: m.member_id):
            found.setdefault(member.unit, []).append(member)
        return found

    @cached_property
    def _units_below(self) -> Mapping[str, Sequence[str]]:
        found: dict[str, list[str]] = {}
        for code in sorted(self.units):
            for unit in self.ancestors(code):
                found.setdefault(unit.code, []).append(code)
        return found

    @cached_property
    def candidates(self) -> _Candidates:
        return _Candidates(self)

    @cached_property
    def map(self) -> Borders:
        return Borders([u for u in self.units.values() if u.border is not None])

    @cached_property
    def places(self) -> Mapping[str, tuple[str, ...]]:
        """Every name and alias of a place, and the codes of the units that bear it."""
        found: dict[str, set[str]] = {}
        for unit in self.units.values():
            if unit.level in (Level.COMMUNITY, Level.GRID):
                for name in (unit.name, *unit.aliases):
                    found.setdefault(name, set()).add(unit.code)
        return {name: tuple(sorted(codes)) for name, codes in found.items()}


class _Candidates:
    """Who may be offered an order of a unit: the qualified members nearest to it."""

    def __init__(self, street: Street) -> None:
        self._street = street
        self.near = lru_cache(maxsize=20_000)(self._near)

    def _near(self, code: str, skills: frozenset[str], most: int) -> tuple[str, ...]:
        """Ids of members in the unit or below it, then of those further up, at most `most`.

        Who has one of the skills comes first; where nobody up to the community has it, anybody may.
        """
        rings = self._rings(code)
        able = [m.member_id for ring in rings for m in ring if not skills or m.skills & skills]
        anybody = [m.member_id for ring in rings for m in ring]
        return tuple((able or anybody)[:most])

    def _rings(self, code: str) -> list[list[Member]]:
        """Members at the unit and below it; then, level by level, members posted at the units above."""
        street, seen, rings = self._street, set[str](), list[list[Member]]()
        for above in street.ancestors(code):
            if above.level is Level.STREET and above.code != code:
                ring_units: Sequence[str] = (above.code,)
            else:
                ring_units = street._units_below[above.code] if above.level is not Level.STREET else (above.code,)
            ring = [m for u in ring_units if u not in seen for m in street._members_of.get(u, ())]
            seen.update(ring_units)
            rings.append(ring)
        return rings


class Borders:
    """Points to micro-grids: the one that holds it, on a border the lower code, outside the nearest within 500 m."""

    def __init__(self, units: Sequence[Unit]) -> None:
        ordered = sorted(units, key=lambda u: u.code)
        self._codes = [u.code for u in ordered]
        self._tree = shapely.STRtree(np.array([u.border for u in ordered], dtype=object))

    def locate(self, points: Sequence[tuple[float, float]]) -> list[Located | None]:
        """For each (longitude, latitude) where it is; None when nothing is near enough."""
        if not points or not self._codes:
            return [None] * len(points)
        inputs, units = self._tree.query(shapely.points(np.asarray(points, dtype=float)), predicate="intersects")
        nowhere = len(self._codes)
        lowest = np.full(len(points), nowhere)
        np.minimum.at(lowest, inputs, units)
        return [
            Located(self._codes[unit], 0.0) if unit < nowhere else self._nearest(*point)
            for unit, point in zip(lowest.tolist(), points, strict=True)
        ]

    def _nearest(self, longitude: float, latitude: float) -> Located | None:
        """By metres on the ground: a degree of longitude is shorter than one of latitude."""
        reach = NEAREST_METRES / METRES_PER_DEGREE
        shrink = max(float(np.cos(np.radians(latitude))), 0.01)
        box = shapely.box(longitude - reach / shrink, latitude - reach, longitude + reach / shrink, latitude + reach)
        near = self._tree.query(box)
        if not len(near):
            return None
        scale = np.array([shrink * METRES_PER_DEGREE, METRES_PER_DEGREE])
        here = shapely.points(np.array([longitude, latitude]) * scale)
        flat = shapely.transform(self._tree.geometries[near], lambda xy: xy * scale)
        best = min(
            (round(float(metres), 3), self._codes[unit])
            for metres, unit in zip(shapely.distance(flat, here), near, strict=True)
        )
        return Located(best[1], best[0]) if best[0] <= NEAREST_METRES else None
