"""Which organisation answers for a case, and why. Pure: no I/O, clock or randomness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from libs.contracts.reasons import Explanation, Reason, Why
from libs.contracts.values import Place, Point, RequestKind
from services.dispatch.grid.domain.borders import Located
from services.dispatch.grid.domain.gazetteer import Ambiguous, Candidate, Found, Unknown
from services.dispatch.grid.domain.tree import Unit
from services.dispatch.street.domain.responsibility import ANSWERED, Responsibility
from services.dispatch.street.domain.rules import Rule
from services.dispatch.street.domain.street import Street


@dataclass(frozen=True, slots=True)
class RoutedTo:
    """The lowest unit that may answer, and the row of the responsibility list that says so.

    `rule` is the number of the routing rule that decided instead. `may_lie_in`: all units of its level in which a point
    that is good to some metres may lie, itself among them; empty where there is no doubt.
    """

    unit: Unit
    responsibility: Responsibility
    because: Explanation
    rule: int | None = None
    may_lie_in: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unrouted:
    """Nothing leads to one unit: the street's desk decides. `candidates`: what the name of the place may mean."""

    unit: Unit
    responsibility: Responsibility | None
    because: Explanation
    candidates: tuple[Candidate, ...] = ()


class RoutingRequest(NamedTuple):
    """What of a case decides where it goes; `at` is when it was registered."""

    category: str
    place: Place
    at: datetime
    request_kind: RequestKind | None = None


class _Where(NamedTuple):
    """The unit of the place by its index, None where it is not certain."""

    unit: int | None
    because: Explanation
    candidates: tuple[Candidate, ...] = ()


class _Doubt(NamedTuple):
    units: tuple[str, ...] = ()
    because: Explanation = ()


NO_DOUBT = _Doubt()
OTHERS_AT_MOST = 10
"""Of the units that an uncertain point may lie in, so many are named: the nearest."""


def route_all(cases: Sequence[RoutingRequest], street: Street) -> list[RoutedTo | Unrouted]:
    """Route many at once: all points are looked up in one query of the map, and again only where they are uncertain."""
    points = {n: p for n, case in enumerate(cases) if (p := case.place.point)}
    found = street.units.map.locate([(p.longitude, p.latitude) for p in points.values()])
    located = {n: _in_doubt(at, points[n], street) for n, at in zip(points, found, strict=True)}
    return [route(case, located.get(n), street) for n, case in enumerate(cases)]


def route(case: RoutingRequest, located: Located | None, street: Street) -> RoutedTo | Unrouted:
    """The first rule that matches decides; the same case and street always have the same answer."""
    where = _where(case.place, located, street)
    code = street.units.unit(where.unit).code if where.unit is not None else None
    selected = street.responsibility(case.category, case.at, code, case.request_kind)
    because, row = (*where.because, *selected.because), selected.row
    if row is None:
        return Unrouted(street.root, None, because, where.candidates)
    rule = street.rules.first(case.category, row.area, case.request_kind, where.unit, street.units)
    if rule is not None:
        return _by_rule(rule, case.place, where.unit, located, row, because, street)
    if where.unit is None:
        return Unrouted(street.root, row, because, where.candidates)
    starting = street.units.above(where.unit, row.start_level)
    unit = street.units.unit(starting)
    starts = {"category": row.name_zh, "level": row.start_level, "unit": unit.name, "code": unit.code}
    because += (Reason(Why.STARTS_AT, starts), Reason(Why.ORG_ANSWERS, {"org": unit.org_name}))
    doubt = _doubt(case.place, located, starting, street)
    return RoutedTo(unit, row, (*because, *doubt.because), None, doubt.units)


def _by_rule(
    rule: Rule,
    place: Place,
    at: int | None,
    located: Located | None,
    row: Responsibility,
    because: Explanation,
    street: Street,
) -> RoutedTo:
    doubt = NO_DOUBT
    if rule.to_unit is not None:
        unit = street.units[rule.to_unit]
    else:
        # A rule to an organisation of a level matches only where the place is known.
        assert at is not None
        assert rule.to_org_kind is not None
        answering = street.units.above(at, ANSWERED[rule.to_org_kind])
        unit = street.units.unit(answering)
        doubt = _doubt(place, located, answering, street)
    first: dict[str, str | int] = {"rule": rule.number, "note": rule.note, "unit": unit.name, "code": unit.code}
    because += (Reason(Why.RULE_FIRST, first), Reason(Why.ORG_ANSWERS, {"org": unit.org_name}))
    return RoutedTo(unit, row, (*because, *doubt.because), rule.number, doubt.units)


def _in_doubt(located: Located | None, point: Point, street: Street) -> Located | None:
    """With all units that it may lie in, where the point is only good to some metres."""
    if located is None or not point.accuracy_m:
        return located
    return located._replace(touched=street.units.map.touched(point.longitude, point.latitude, point.accuracy_m))


def _doubt(place: Place, located: Located | None, unit: int, street: Street) -> _Doubt:
    """Which units of the level of `unit` the point may lie in as well."""
    level = street.units.level(unit)
    others: dict[int, float] = {}
    for touched, metres in located.touched if located else ():
        others.setdefault(street.units.above(touched, level), metres)
    others.pop(unit, None)
    if not others or place.point is None or place.point.accuracy_m is None:
        return NO_DOUBT
    named = [(street.units.unit(index), metres) for index, metres in list(others.items())[:OTHERS_AT_MOST]]
    accuracy = Reason(Why.POINT_ACCURACY, {"metres": round(place.point.accuracy_m), "count": len(others)})
    said = (
        Reason(Why.POINT_MAY_LIE_IN, {"unit": other.name, "code": other.code, "metres": round(metres)})
        for other, metres in named
    )
    return _Doubt((street.units.unit(unit).code, *(other.code for other, _ in named)), (accuracy, *said))


def _where(place: Place, located: Located | None, street: Street) -> _Where:
    if located is not None:
        at = street.units.unit(located.unit)
        named: dict[str, str | int] = {"unit": at.name, "code": at.code}
        if located.metres == 0.0:
            because = Reason(Why.POINT_INSIDE, named)
        else:
            because = Reason(Why.POINT_NEAR, {**named, "metres": round(located.metres)})
        if place.name is None:
            return _Where(located.unit, (because,))
        return _Where(located.unit, (because, *_contradiction(place.name, located.unit, street)))
    outside: Explanation = (Reason(Why.POINT_OUTSIDE),) if place.point else ()
    if place.name is None:
        return _Where(None, outside)
    match street.gazetteer.find(place.name):
        case Found(unit, said):
            return _Where(unit, (*outside, *said))
        case Ambiguous(candidates, said):
            return _Where(None, (*outside, *said), candidates)
        case Unknown(said):
            return _Where(None, (*outside, *said))


def _contradiction(name: str, unit: int, street: Street) -> Explanation:
    """What the name says when it is of somewhere else: the point decides all the same."""
    named = street.gazetteer.find(name)
    if not isinstance(named, Found):
        return ()
    line = {*street.units.indexes_above(unit)}
    if named.unit in line or unit in street.units.indexes_above(named.unit):
        return ()
    return (*named.because, Reason(Why.POINT_DECIDES))
