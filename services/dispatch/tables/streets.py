"""Streets as routing needs them, loaded when they have changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from sys import intern
from uuid import UUID

import shapely
from sqlalchemy import select
from sqlmodel import col

from libs.chassis.database import Database, Record, among
from libs.contracts.words import Level, MemberKind, OrgKind, Registration
from services.dispatch.domain.street import Clocks, Member, Responsibility, Street, Unit
from services.dispatch.tables.rows import MemberRow, ResponsibilityRow, StreetRow, UnitRow, columns

HOURS_IN = {"urgent_hour": 1, "work_hour": 1, "natural_day": 24, "work_day": 24}
"""Every clock runs in natural hours: a working hour is an hour, a working day 24."""

UNITS_AT_ONCE = 10_000
"""Read in one go, a map of a province would take twice the memory, and its transaction would stand still for longer
than the server bears."""

_streets: dict[str, tuple[UUID, Street]] = {}
"""The streets that this process has worked for, each at the version it last saw."""


async def streets_for(db: Database, tenants: Iterable[str]) -> Mapping[str, Street]:
    """The streets as they are now: one query for their versions, and a load when one has changed."""
    known = among(col(StreetRow.tenant), set(tenants))
    rows = await db.rows(select(*columns(StreetRow)).where(known))
    for row in rows:
        if row.tenant not in _streets or _streets[row.tenant][0] != row.version:
            _streets[row.tenant] = (row.version, await _load_street(db, row.tenant))
    return {row.tenant: _streets[row.tenant][1] for row in rows}


async def _load_street(db: Database, tenant: str) -> Street:
    units: dict[str, Unit] = {}
    async for some in db.chunks(select(*_UNIT).where(col(UnitRow.tenant) == tenant), UNITS_AT_ONCE):
        units.update((unit.code, unit) for unit in _units(some))
    members = await db.rows(select(*columns(MemberRow)).where(col(MemberRow.tenant) == tenant))
    rows = await db.rows(select(*columns(ResponsibilityRow)).where(col(ResponsibilityRow.tenant) == tenant))
    return Street(
        tenant=tenant,
        units=units,
        members={
            m.member_id: Member(
                m.member_id, m.name, MemberKind(m.kind), m.unit, m.org_id, frozenset(m.skills), m.workload_limit
            )
            for m in members
        },
        responsibilities={r.category: _responsibility(r) for r in rows},
    )


_UNIT = [
    col(column)
    for column in (
        UnitRow.code,
        UnitRow.level,
        UnitRow.parent,
        UnitRow.name,
        UnitRow.org_id,
        UnitRow.org_kind,
        UnitRow.org_name,
        UnitRow.aliases,
        UnitRow.border,
    )
]


def _units(rows: Sequence[Record]) -> Iterator[Unit]:
    """A province has hundreds of thousands: the code of a parent is the same text in all its children."""
    borders = shapely.from_wkb([row.border for row in rows])
    for (code, level, parent, name, org_id, org_kind, org_name, aliases, _), border in zip(rows, borders, strict=True):
        yield Unit(
            code,
            Level(level),
            intern(parent) if parent else None,
            name,
            org_id,
            OrgKind(org_kind),
            org_name,
            tuple(aliases),
            border,
        )


def _responsibility(r: Record) -> Responsibility:
    def clock(amount: int, unit: str) -> timedelta:
        return timedelta(hours=amount * HOURS_IN[unit])

    return Responsibility(
        category=r.category,
        name_zh=r.name_zh,
        name_en=r.name_en,
        area=r.area,
        registration=Registration(r.registration),
        start_level=Level(r.start_level),
        org_kind=OrgKind(r.org_kind),
        skills=frozenset(r.skills),
        clocks=Clocks(
            clock(r.claim_amount, r.claim_unit),
            clock(r.handle_amount, r.handle_unit),
            clock(r.check_amount, r.check_unit),
        ),
        evidence=r.evidence,
        points=r.points,
    )
