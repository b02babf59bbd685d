"""Streets as routing needs them, loaded when they have changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, Date, Integer, SmallInteger, text
from sqlmodel import Field

from libs.chassis.db.columns import json_column, select, text_column, time_column
from libs.chassis.db.database import Database, Record
from libs.contracts.values import Level, MemberKind, OrgKind, Registration, RequestKind, Unanswered
from services.dispatch.calendar.domain import Clock, Clocks, TimeUnit
from services.dispatch.calendar.tables import load_calendar
from services.dispatch.grid.tables import PLACES, all_units, changed_units, place
from services.dispatch.street.domain.responsibility import Condition, Responsibility
from services.dispatch.street.domain.rules import Rule, Rules
from services.dispatch.street.domain.street import Member, Street
from services.dispatch.table import DispatchTable


class StreetRow(DispatchTable, table=True):
    """The version counts the changes of the tree, the members or the responsibility list.

    `origin` tells the street from one of the same code in another database, whose versions are others.
    """

    __tablename__ = "streets"

    tenant: str = text_column(key=True)
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    origin: UUID


class MemberRow(DispatchTable, table=True):
    """`contact_digest` tells whether a contact has changed since it was sealed; the contact is not kept."""

    __tablename__ = "members"

    tenant: str = text_column(key=True)
    member_id: str = text_column(key=True)
    name: str = text_column()
    kind: str = text_column()
    unit: str = text_column()
    org_id: str = text_column()
    skills: list[str] = json_column()
    workload_limit: int = Field(sa_column=Column(SmallInteger, nullable=False))
    contact_digest: str = text_column()
    open_orders: int
    absent_until: datetime | None = time_column(nullable=True)


class ResponsibilityRow(DispatchTable, table=True):
    """A row of the list as it was from `version` on; it is never changed, but for the version that has it no more."""

    __tablename__ = "responsibilities"

    tenant: str = text_column(key=True)
    category: str = text_column(key=True)
    name_zh: str = text_column()
    name_en: str = text_column()
    area: str = text_column()
    kind: str = text_column()
    registration: str = text_column()
    start_level: str = text_column()
    org_kind: str = text_column()
    skills: list[str] = json_column()
    claim_amount: int
    claim_unit: str = text_column()
    handle_amount: int
    handle_unit: str = text_column()
    check_amount: int
    check_unit: str = text_column()
    evidence: str = text_column()
    points: int
    standard_ref: str = text_column()
    condition: str = text_column(key=True)
    effective_from: date = Field(sa_column=Column(Date, primary_key=True))
    effective_until: date = Field(sa_column=Column(Date, nullable=False))
    unanswered: str = text_column()
    helpers: list[str] = json_column()
    version: int = Field(sa_column=Column(Integer, primary_key=True))
    retired_version: int | None


class RoutingRuleRow(DispatchTable, table=True):
    __tablename__ = "routing_rules"

    tenant: str = text_column(key=True)
    number: int = Field(sa_column=Column(SmallInteger, primary_key=True))
    category: str = text_column()
    area: str = text_column()
    request_kind: str | None = text_column(nullable=True)
    within: str | None = text_column(nullable=True)
    to_unit: str | None = text_column(nullable=True)
    to_org_kind: str | None = text_column(nullable=True)
    note: str = text_column()


STREETS = select(StreetRow, "WHERE tenant = ANY(CAST(:tenants AS text[]))")
MEMBERS = select(MemberRow, "WHERE tenant = :tenant")
RULES = select(RoutingRuleRow, "WHERE tenant = :tenant")

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
        tree = await changed_units(db, row.tenant, row.version, await all_units(db, row.tenant))
    else:
        tree = await changed_units(db, row.tenant, before.version, street.units)
    members = await db.rows(MEMBERS, {"tenant": row.tenant})
    listed = by_category(await rows_now(db, row.tenant))
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
        calendar=await load_calendar(db, row.tenant),
        places=[place(p) for p in places],
        rules=Rules([rule(r) for r in rules]),
    )


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


NOW = text("SELECT * FROM responsibilities WHERE tenant = :tenant AND retired_version IS NULL")

Key = tuple[str, str, date]
"""What tells a row of a list from the others: category, condition, first day."""


def key_of(row: Responsibility) -> Key:
    return row.category, str(row.condition), row.effective_from


async def rows_now(db: Database, tenant: str) -> list[Responsibility]:
    """The list of a street as its last import left it, with what has ended and what is still to come."""
    return [responsibility_of(row) for row in await db.rows(NOW, {"tenant": tenant})]


def row_of(row: Responsibility) -> dict[str, Any]:
    same = {name: getattr(row, name) for name in _SAME}
    clocks = {
        f"{stage}_{part}": getattr(getattr(row.clocks, stage), part)
        for stage in ("claim", "handle", "check")
        for part in ("amount", "unit")
    }
    return {**same, **clocks, "skills": sorted(row.skills), "condition": str(row.condition)}


_SAME = (
    "category",
    "name_zh",
    "name_en",
    "area",
    "kind",
    "registration",
    "start_level",
    "org_kind",
    "evidence",
    "points",
    "standard_ref",
    "effective_from",
    "effective_until",
    "unanswered",
    "helpers",
)


def responsibility_of(r: Record) -> Responsibility:
    clocks = Clocks(
        Clock(r.claim_amount, TimeUnit(r.claim_unit)),
        Clock(r.handle_amount, TimeUnit(r.handle_unit)),
        Clock(r.check_amount, TimeUnit(r.check_unit)),
    )
    values = {name: getattr(r, name) for name in (*_SAME, "version")} | {
        "registration": Registration(r.registration),
        "start_level": Level(r.start_level),
        "org_kind": OrgKind(r.org_kind),
        "unanswered": Unanswered(r.unanswered),
        "helpers": tuple(r.helpers),
    }
    return Responsibility(**values, skills=frozenset(r.skills), clocks=clocks, condition=Condition.read(r.condition))


IMPORT_LOCK = 0x726F7374
NEXT_VERSION = text(
    """
    INSERT INTO streets (tenant, version) VALUES (:tenant, 1)
    ON CONFLICT (tenant) DO UPDATE SET version = streets.version + 1 RETURNING version
    """
)


async def wait_for_other_imports(db: Database, tenant: str) -> None:
    """One import of a street at a time; the next one sees what this one did."""
    await db.rows(text("SELECT pg_advisory_xact_lock(:lock, :street)"), {"lock": IMPORT_LOCK, "street": int(tenant)})


async def next_version(db: Database, tenant: str) -> int:
    """The version of the street that this import makes."""
    [row] = await db.rows(NEXT_VERSION, {"tenant": tenant})
    version: int = row.version
    return version
