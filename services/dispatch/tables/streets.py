"""Streets as routing needs them, loaded when they have changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import shapely
from sqlalchemy import text

from libs.chassis.db.database import Database, Record
from libs.contracts.values import MemberKind, OrgKind, RequestKind
from services.dispatch.domain.calendar import NATIONAL, USUAL_HOURS, Calendar, DayException
from services.dispatch.domain.gazetteer import NamedPlace
from services.dispatch.domain.responsibility import Responsibility
from services.dispatch.domain.rules import Rule, Rules
from services.dispatch.domain.street import Member, Street
from services.dispatch.domain.tree import GridTree, Packed
from services.dispatch.tables import responsibilities as responsibility_tables
from services.dispatch.tables.rows import (
    CalendarDayRow,
    HoursRow,
    MemberRow,
    PlaceRow,
    RoutingRuleRow,
    StreetRow,
    select,
)

UNITS_AT_ONCE = 20_000
"""Read in one go, a map of a province would take twice the memory."""

_LINES = """
    SELECT string_agg(concat_ws(E'\\t', code, level, coalesce(parent, ''), name, aliases, org_id, org_kind, org_name),
            E'\\n' ORDER BY code) AS lines,
        array_agg(border ORDER BY code) AS borders, max(code) AS last
"""
UNITS = text(
    f"""
    {_LINES} FROM (SELECT * FROM units WHERE tenant = :tenant AND code > :after ORDER BY code LIMIT :most) AS part
    """
)
STREETS = select(StreetRow, "WHERE tenant = ANY(CAST(:tenants AS text[]))")
MEMBERS = select(MemberRow, "WHERE tenant = :tenant")
PLACES = select(PlaceRow, "WHERE tenant = :tenant")
RULES = select(RoutingRuleRow, "WHERE tenant = :tenant")
DAYS = select(CalendarDayRow, "WHERE tenant = :tenant")
HOURS = select(HoursRow, "WHERE tenant = :tenant ORDER BY opens")
CHANGED_UNITS = text(f"{_LINES} FROM units WHERE tenant = :tenant AND version > :version")

_known: dict[str, tuple[Record, Street]] = {}
"""The streets that this process has worked for, each as it last saw it."""


async def streets_for(db: Database, tenants: Iterable[str]) -> Mapping[str, Street]:
    """The streets as they are now: one query for their versions, and a load of what has changed since the last time."""
    rows = await db.rows(STREETS, {"tenants": sorted(set(tenants))})
    for row in rows:
        if row.tenant not in _known or _known[row.tenant][0] != row:
            _known[row.tenant] = (row, await _load_street(db, row))
    return {row.tenant: _known[row.tenant][1] for row in rows}


async def _load_street(db: Database, row: Record) -> Street:
    before, street = _known.get(row.tenant, (None, None))
    if before is None or street is None or before.origin != row.origin or before.version > row.version:
        # What changes while a large tree is being read is read again: its parts are of different moments.
        tree = await _changed_units(db, row.tenant, row.version, await _all_units(db, row.tenant))
    else:
        tree = await _changed_units(db, row.tenant, before.version, street.units)
    members = await db.rows(MEMBERS, {"tenant": row.tenant})
    listed = by_category(await responsibility_tables.rows_now(db, row.tenant))
    places = await db.rows(PLACES, {"tenant": row.tenant})
    rules = await db.rows(RULES, {"tenant": row.tenant})
    return Street(
        tenant=row.tenant,
        units=tree,
        members={
            m.member_id: Member(
                m.member_id, m.name, MemberKind(m.kind), m.unit, m.org_id, frozenset(m.skills), m.workload_limit
            )
            for m in members
        },
        responsibilities=listed,
        calendar=await _calendar(db, row.tenant),
        places=[place(p) for p in places],
        rules=Rules([rule(r) for r in rules]),
    )


async def _calendar(db: Database, tenant: str) -> Calendar:
    return calendar_of(await db.rows(DAYS, {"tenant": tenant}), await db.rows(HOURS, {"tenant": tenant}))


def calendar_of(days: Sequence[Record | CalendarDayRow], hours: Sequence[Record | HoursRow]) -> Calendar:
    """`hours` in their sequence; without both, the country's calendar at the usual hours."""
    if not days and not hours:
        return NATIONAL
    return Calendar(
        {row.day: DayException(row.kind == "workday", row.name) for row in days},
        tuple((row.opens, row.closes) for row in hours) or USUAL_HOURS,
    )


async def _all_units(db: Database, tenant: str) -> GridTree:
    """Each part is packed as it comes: a transaction in which nothing is asked for too long is ended by the server."""
    parts: list[Packed] = []
    after: str | None = ""
    while after is not None:
        [some] = await db.rows(UNITS, {"tenant": tenant, "after": after, "most": UNITS_AT_ONCE})
        after = some.last
        if some.lines is not None:
            parts.append(_packed(some))
    return GridTree(Packed.joined(parts))


async def _changed_units(db: Database, tenant: str, version: int, tree: GridTree) -> GridTree:
    [some] = await db.rows(CHANGED_UNITS, {"tenant": tenant, "version": version})
    return tree if some.lines is None else tree.changed(_packed(some))


def _packed(some: Record) -> Packed:
    return Packed.of(some.lines.encode().split(b"\n"), shapely.from_wkb(some.borders))


def place(p: Record | PlaceRow) -> NamedPlace:
    point = None if p.longitude is None or p.latitude is None else (p.longitude, p.latitude)
    return NamedPlace(p.place_id, p.name, p.kind, tuple(p.aliases), tuple(p.former_names), p.unit, point)


def rule(r: Record | RoutingRuleRow) -> Rule:
    return Rule(
        number=r.number,
        category=r.category,
        area=r.area,
        request_kind=RequestKind(r.request_kind) if r.request_kind else None,
        within=r.within,
        to_unit=r.to_unit,
        to_org_kind=OrgKind(r.to_org_kind) if r.to_org_kind else None,
        note=r.note,
    )


def by_category(rows: Iterable[Responsibility]) -> dict[str, list[Responsibility]]:
    found: dict[str, list[Responsibility]] = {}
    for row in rows:
        found.setdefault(row.category, []).append(row)
    return found
