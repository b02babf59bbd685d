"""What dispatch keeps, and every query on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import shapely
from sqlalchemy import Column, DateTime, LargeBinary, MetaData, SmallInteger, Text, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel, col

from libs.chassis.database import Database, Record, among
from libs.contracts.words import Level, MemberKind, OrgKind, Registration
from services.dispatch.domain.order import Order, State
from services.dispatch.domain.street import Clocks, Member, Responsibility, Street, Unit

HOURS_IN = {"urgent_hour": 1, "work_hour": 1, "natural_day": 24, "work_day": 24}
"""Every clock runs in natural hours: a working hour is an hour, a working day 24."""


class DispatchTable(SQLModel):
    metadata = MetaData()


def _text() -> Any:
    return Field(sa_column=Column(Text, nullable=False))


def _json() -> Any:
    return Field(sa_column=Column(JSONB, nullable=False))


def _time(nullable: bool = False) -> Any:
    return Field(sa_column=Column(DateTime(timezone=True), nullable=nullable))


class StreetRow(DispatchTable, table=True):
    """The version changes with every change of the tree, the members or the responsibility list."""

    __tablename__ = "streets"

    tenant: str = Field(sa_column=Column(Text, primary_key=True))
    version: UUID


class UnitRow(DispatchTable, table=True):
    __tablename__ = "units"

    tenant: str = Field(sa_column=Column(Text, primary_key=True))
    code: str = Field(sa_column=Column(Text, primary_key=True))
    level: str = _text()
    parent: str | None = Field(sa_column=Column(Text))
    name: str = _text()
    aliases: list[str] = _json()
    org_id: str = _text()
    org_kind: str = _text()
    org_name: str = _text()
    border: bytes | None = Field(sa_column=Column(LargeBinary))


class MemberRow(DispatchTable, table=True):
    """`contact_digest` tells whether a contact has changed since it was sealed; the contact is not kept."""

    __tablename__ = "members"

    tenant: str = Field(sa_column=Column(Text, primary_key=True))
    member_id: str = Field(sa_column=Column(Text, primary_key=True))
    name: str = _text()
    kind: str = _text()
    unit: str = _text()
    org_id: str = _text()
    party_member: bool
    skills: list[str] = _json()
    workload_limit: int = Field(sa_column=Column(SmallInteger, nullable=False))
    contact_digest: str = _text()
    open_orders: int


class ResponsibilityRow(DispatchTable, table=True):
    __tablename__ = "responsibilities"

    tenant: str = Field(sa_column=Column(Text, primary_key=True))
    category: str = Field(sa_column=Column(Text, primary_key=True))
    name_zh: str = _text()
    name_en: str = _text()
    area: str = _text()
    kind: str = _text()
    registration: str = _text()
    start_level: str = _text()
    org_kind: str = _text()
    skills: list[str] = _json()
    claim_amount: int
    claim_unit: str = _text()
    handle_amount: int
    handle_unit: str = _text()
    check_amount: int
    check_unit: str = _text()
    evidence: str = _text()
    points: int
    standard_ref: str = _text()


class OrderRow(DispatchTable, table=True):
    __tablename__ = "orders"

    order_id: UUID = Field(primary_key=True)
    tenant: str = _text()
    case_id: UUID
    case_no: str = _text()
    category: str = _text()
    category_name: str = _text()
    summary: str = _text()
    state: str = _text()
    unit: str = _text()
    level: str = _text()
    org_id: str = _text()
    member_id: str | None = Field(sa_column=Column(Text))
    offered_to: list[str] = _json()
    given_back_by: list[str] = _json()
    reported_by_member: str | None = Field(sa_column=Column(Text))
    evidence: str = _text()
    points: int
    claim_by: datetime = _time()
    handle_by: datetime = _time()
    check_by: datetime = _time()
    stage_began_at: datetime = _time()
    handled_at: datetime | None = _time(nullable=True)
    note: str = _text()
    photos: list[str] = _json()
    rework_count: int = Field(sa_column=Column(SmallInteger, nullable=False))
    reopened_times: int = Field(sa_column=Column(SmallInteger, nullable=False))
    because: list[str] = _json()


_streets: dict[str, tuple[UUID, Street]] = {}
"""The streets that this process has worked for, each at the version it last saw."""


async def streets_for(db: Database, tenants: Iterable[str]) -> Mapping[str, Street]:
    """The streets as they are now: one query for their versions, and a load when one has changed."""
    known = among(col(StreetRow.tenant), set(tenants))
    rows = await db.rows(select(*_columns(StreetRow)).where(known))
    for row in rows:
        if row.tenant not in _streets or _streets[row.tenant][0] != row.version:
            _streets[row.tenant] = (row.version, await _load_street(db, row.tenant))
    return {row.tenant: _streets[row.tenant][1] for row in rows}


async def _load_street(db: Database, tenant: str) -> Street:
    units = await db.rows(select(*_columns(UnitRow)).where(col(UnitRow.tenant) == tenant))
    members = await db.rows(select(*_columns(MemberRow)).where(col(MemberRow.tenant) == tenant))
    rows = await db.rows(select(*_columns(ResponsibilityRow)).where(col(ResponsibilityRow.tenant) == tenant))
    borders = shapely.from_wkb([u.border for u in units])
    return Street(
        tenant=tenant,
        units={
            u.code: Unit(
                u.code,
                Level(u.level),
                u.parent,
                u.name,
                u.org_id,
                OrgKind(u.org_kind),
                u.org_name,
                tuple(u.aliases),
                border,
            )
            for u, border in zip(units, borders, strict=True)
        },
        members={
            m.member_id: Member(
                m.member_id, m.name, MemberKind(m.kind), m.unit, m.org_id, frozenset(m.skills), m.workload_limit
            )
            for m in members
        },
        responsibilities={r.category: _responsibility(r) for r in rows},
    )


def _columns(model: type[SQLModel]) -> Any:
    return tuple(model.__table__.columns)  # type: ignore[attr-defined]


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


OPEN_ORDERS = text(
    """
    SELECT m.tenant, m.member_id, m.open_orders FROM members m
    JOIN unnest(CAST(:tenants AS text[]), CAST(:members AS text[])) AS asked (tenant, member_id)
        USING (tenant, member_id)
    WHERE m.open_orders > 0
    """
)
LOCK_MEMBERS = text(
    """
    SELECT 1 FROM members m
    JOIN unnest(CAST(:tenants AS text[]), CAST(:members AS text[])) AS asked (tenant, member_id)
        USING (tenant, member_id)
    ORDER BY m.tenant, m.member_id FOR UPDATE OF m
    """
)
ADD_OPEN_ORDERS = text(
    """
    UPDATE members m SET open_orders = m.open_orders + d.change
    FROM unnest(CAST(:tenants AS text[]), CAST(:members AS text[]), CAST(:changes AS int[]))
        AS d (tenant, member_id, change)
    WHERE m.tenant = d.tenant AND m.member_id = d.member_id
    """
)

Who = tuple[str, str]
"""(tenant, member_id)"""


async def workload_of(db: Database, members: Iterable[Who], *, lock: Iterable[Who] = ()) -> dict[str, dict[str, int]]:
    """Open orders by tenant and member; those in `lock` stay as they are until the transaction ends."""
    locked = sorted(set(lock))
    if locked:
        await db.rows(LOCK_MEMBERS, {"tenants": [t for t, _ in locked], "members": [m for _, m in locked]})
    asked = sorted({*members, *locked})
    rows = await db.rows(OPEN_ORDERS, {"tenants": [t for t, _ in asked], "members": [m for _, m in asked]})
    workload: dict[str, dict[str, int]] = {tenant: {} for tenant, _ in asked}
    for tenant, member_id, open_orders in rows:
        workload[tenant][member_id] = open_orders
    return workload


async def add_open_orders(db: Database, changes: Mapping[Who, int]) -> None:
    who = sorted(w for w, change in changes.items() if change)
    if who:
        await db.execute(
            ADD_OPEN_ORDERS,
            {"tenants": [t for t, _ in who], "members": [m for _, m in who], "changes": [changes[w] for w in who]},
        )


async def insert_orders(db: Database, orders: Sequence[Order]) -> set[UUID]:
    """The ids of those that are new: a case has one order for each time that it was opened."""
    rows = [{**_row(order), "note": "", "photos": []} for order in orders]
    return set(await db.insert(OrderRow, rows, skip_existing=True, returning="order_id"))


async def update_orders(db: Database, orders: Iterable[Order]) -> None:
    await db.update(OrderRow, ["order_id"], [_row(order) for order in orders])


async def record_evidence(db: Database, evidence: Mapping[UUID, tuple[str, Sequence[str]]]) -> None:
    rows = [{"order_id": o, "note": note, "photos": list(photos)} for o, (note, photos) in evidence.items()]
    await db.update(OrderRow, ["order_id"], rows)


_ORDER_FIELDS = tuple(f.name for f in fields(Order))


def _row(order: Order) -> dict[str, Any]:
    return {name: getattr(order, name) for name in _ORDER_FIELDS}


def _order(row: Record) -> Order:
    values = {name: getattr(row, name) for name in _ORDER_FIELDS}
    for name in ("offered_to", "given_back_by", "because"):
        values[name] = tuple(values[name])
    return Order(**{**values, "state": State(values["state"]), "level": Level(values["level"])})


async def orders_by_id(db: Database, ids: Iterable[UUID], *, lock: bool = True) -> dict[UUID, Order]:
    """The orders, locked until the transaction ends; in one sequence everywhere, against deadlocks."""
    statement = (
        select(*_columns(OrderRow)).where(among(col(OrderRow.order_id), set(ids))).order_by(col(OrderRow.order_id))
    )
    rows = await db.rows(statement.with_for_update() if lock else statement)
    return {row.order_id: _order(row) for row in rows}


async def list_orders(
    db: Database, tenant: str, state: str | None, member_id: str | None, after: UUID | None, limit: int
) -> Sequence[Record]:
    """By order id, which follows the time they were made in. With a member: what they may claim or have claimed."""
    statement = select(*_columns(OrderRow)).where(col(OrderRow.tenant) == tenant)
    if state is not None:
        statement = statement.where(col(OrderRow.state) == state)
    if member_id is not None:
        offered = (col(OrderRow.state) == "offered") & col(OrderRow.offered_to).contains([member_id])
        statement = statement.where(offered | (col(OrderRow.member_id) == member_id))
    if after is not None:
        statement = statement.where(col(OrderRow.order_id) > after)
    return await db.rows(statement.order_by(col(OrderRow.order_id)).limit(limit))


async def count_orders(db: Database, tenant: str) -> dict[str, int]:
    rows = await db.rows(
        text("SELECT state, count(*) AS orders FROM orders WHERE tenant = :tenant GROUP BY state"), {"tenant": tenant}
    )
    return {row.state: row.orders for row in rows}
