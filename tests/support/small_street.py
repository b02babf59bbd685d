"""A street of nine units as values, for tests of dispatch's pure functions."""

from __future__ import annotations

import shapely

from libs.contracts.values import Level, MemberKind, OrgKind, Place, Point, Registration
from services.dispatch.calendar.domain import Clock, Clocks, TimeUnit
from services.dispatch.grid.domain.tree import GridTree, Unit
from services.dispatch.routing.domain import RoutedTo, RoutingRequest, Unrouted, route_all
from services.dispatch.street.domain.responsibility import Responsibility
from services.dispatch.street.domain.street import Member, Street
from tests.support.stage import NOON

ROOT = "370784004"


def unit(code: str, level: Level, parent: str | None, name: str, aliases: tuple[str, ...] = ()) -> Unit:
    kind = dict(zip(Level, OrgKind, strict=True))[level]
    return Unit(code, level, parent, name, f"P{code}", kind, f"{name}党组织", aliases)


def row(category: str, start: Level = Level.MICRO_GRID, skills: frozenset[str] = frozenset()) -> Responsibility:
    clocks = Clocks(Clock(4, TimeUnit.WORK_HOUR), Clock(2, TimeUnit.WORK_DAY), Clock(1, TimeUnit.WORK_DAY))
    kind = dict(zip(Level, OrgKind, strict=True))[start]
    return Responsibility(
        category, "路灯不亮", "Lamp", "public_services", Registration.AUTOMATIC, start, kind, skills, clocks, "note", 5
    )


def member(number: int, at: str, skills: frozenset[str] = frozenset(), limit: int = 2) -> Member:
    return Member(f"M{number}", f"成员{number}", MemberKind.VOLUNTEER, at, f"P{at}", skills, limit)


UNITS = [
    unit(ROOT, Level.STREET, None, "凌河街道"),
    unit(f"{ROOT}01", Level.COMMUNITY, ROOT, "一社区"),
    unit(f"{ROOT}201", Level.GRID, f"{ROOT}01", "儒林村", ("儒林",)),
    unit(f"{ROOT}202", Level.GRID, f"{ROOT}01", "大儒林村", ("大儒林",)),
    unit(f"{ROOT}203", Level.GRID, f"{ROOT}01", "东村", ("老村",)),
    unit(f"{ROOT}204", Level.GRID, f"{ROOT}01", "西村", ("老村",)),
    unit(f"{ROOT}20101", Level.MICRO_GRID, f"{ROOT}201", "儒林一微"),
    unit(f"{ROOT}20102", Level.MICRO_GRID, f"{ROOT}201", "儒林二微"),
    unit(f"{ROOT}20201", Level.MICRO_GRID, f"{ROOT}202", "大儒林一微"),
]
BORDERS = {
    f"{ROOT}{code}": shapely.box(119 + at * 0.01, 36, 119 + (at + 1) * 0.01, 36.01)
    for at, code in enumerate(("20101", "20102", "20201"))
}
MEMBERS = [
    member(1, f"{ROOT}20101"),
    member(2, f"{ROOT}20101"),
    member(3, f"{ROOT}20102", frozenset({"plumber"})),
    member(4, f"{ROOT}20201", frozenset({"legal"})),
    member(5, f"{ROOT}01"),
]
STREET = Street(
    ROOT,
    GridTree.of(UNITS, BORDERS),
    {m.member_id: m for m in MEMBERS},
    {
        r.category: [r]
        for r in (row("11001"), row("16001", Level.COMMUNITY), row("11002", skills=frozenset({"plumber"})))
    },
)


def routed(
    category: str,
    *,
    point: tuple[float, float] | None = None,
    name: str | None = None,
    accuracy_m: float | None = None,
    street: Street = STREET,
) -> RoutedTo | Unrouted:
    at = Point(longitude=point[0], latitude=point[1], accuracy_m=accuracy_m) if point else None
    [decision] = route_all([RoutingRequest(category, Place(point=at, name=name), NOON)], street)
    return decision
