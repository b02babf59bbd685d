"""Inspections: every query on them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, SmallInteger, text
from sqlmodel import Field

from libs.chassis.db.columns import json_column, text_column, time_column
from libs.chassis.db.database import Database, Record
from libs.chassis.pages import Slice, counter, slice_page
from libs.contracts.dispatch import InspectionKind
from libs.contracts.values import Place
from services.dispatch.calendar.domain import Clock, TimeUnit
from services.dispatch.inspections.domain.inspection import Inspection, State
from services.dispatch.table import DispatchTable
from services.dispatch.workload import tables as workload_tables
from services.dispatch.workload.domain import Workload
from services.dispatch.workload.tables import MemberKey


class InspectionRow(DispatchTable, table=True):
    __tablename__ = "inspections"

    inspection_id: UUID = Field(primary_key=True)
    tenant: str = text_column()
    kind: str = text_column()
    state: str = text_column()
    case_id: UUID
    case_no: str = text_column()
    order_id: UUID | None
    category: str = text_column()
    category_name: str = text_column()
    skills: list[str] = json_column()
    summary: str = text_column()
    place: dict[str, Any] = json_column()
    unit: str = text_column()
    org_id: str = text_column()
    member_id: str | None = text_column(nullable=True)
    asked: list[str] = json_column()
    without: list[str] = json_column()
    lapses: int = Field(sa_column=Column(SmallInteger, nullable=False))
    clock: dict[str, Any] = json_column()
    made_at: datetime = time_column()
    due_at: datetime = time_column()
    done_by: str | None = text_column(nullable=True)
    done_at: datetime | None = time_column(nullable=True)
    holds: bool | None
    note: str = text_column()
    photos: list[str] = json_column()


# Locked by their ids everywhere, and after the orders that they are about.
BY_ID = text(
    "SELECT * FROM inspections WHERE inspection_id = ANY(CAST(:ids AS uuid[])) ORDER BY inspection_id FOR UPDATE"
)
OPEN_CHECKS = text(
    """
    SELECT * FROM inspections WHERE order_id = ANY(CAST(:orders AS uuid[])) AND state IN ('assigned', 'raised')
    ORDER BY inspection_id FOR UPDATE
    """
)
VERIFYING = text(
    """
    SELECT * FROM inspections WHERE kind = 'verify' AND (tenant, case_id) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:cases AS uuid[])))
    ORDER BY inspection_id FOR UPDATE
    """
)
OF_ABSENT = text(
    """
    SELECT * FROM inspections WHERE state = 'assigned' AND (tenant, member_id) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:members AS text[])))
    ORDER BY inspection_id FOR UPDATE
    """
)
LAST_CHECKS = text(
    """
    SELECT last.* FROM unnest(CAST(:orders AS uuid[])) AS asked (order_id) CROSS JOIN LATERAL (
        SELECT * FROM inspections i WHERE i.order_id = asked.order_id ORDER BY inspection_id DESC LIMIT 1) last
    """
)
LOADS = text(
    """
    SELECT tenant, member_id, count(*) AS inspections FROM inspections WHERE state = 'assigned' AND (tenant, member_id)
        IN (SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:members AS text[])))
    GROUP BY tenant, member_id
    """
)
OF_ORDER = text("SELECT * FROM inspections WHERE order_id = :order_id AND tenant = :tenant ORDER BY inspection_id")
ONE = text("SELECT * FROM inspections WHERE inspection_id = :inspection_id AND tenant = :tenant")

_AND = """
    AND inspection_id > :after
    AND (CAST(:kind AS text) IS NULL OR kind = :kind)
    AND (CAST(:org_id AS text) IS NULL OR org_id = :org_id)
"""
# As for orders: a page of each state. No id is null, and NULLS FIRST keeps the primary key out.
_OF_STREET = f"""
    FROM unnest(CAST(:states AS text[])) AS wanted (state) CROSS JOIN LATERAL (
        SELECT * FROM inspections WHERE tenant = :tenant AND state = wanted.state {_AND}
        ORDER BY inspection_id NULLS FIRST LIMIT :limit) found
"""
_OF_MEMBER = f"""
    FROM unnest(CAST(:states AS text[])) AS wanted (state) CROSS JOIN LATERAL (
        SELECT * FROM inspections WHERE tenant = :tenant AND member_id = :member_id AND state = wanted.state {_AND}
        ORDER BY inspection_id LIMIT :limit) found
"""
OF_STREET = text(f"SELECT found.* {_OF_STREET} ORDER BY inspection_id LIMIT :limit")
OF_MEMBER = text(f"SELECT found.* {_OF_MEMBER} ORDER BY inspection_id LIMIT :limit")
COUNT_OF_STREET = text(f"SELECT count(*) FROM (SELECT 1 {_OF_STREET} LIMIT :limit) AS counted".replace("limit", "most"))
COUNT_OF_MEMBER = text(f"SELECT count(*) FROM (SELECT 1 {_OF_MEMBER} LIMIT :limit) AS counted".replace("limit", "most"))

_FIELDS = tuple(f.name for f in fields(Inspection))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which inspections of a street. `org_id`: those that are, or may come to be, up to this organisation."""

    tenant: str
    states: Sequence[State]
    kind: InspectionKind | None = None
    member_id: str | None = None
    org_id: str | None = None


async def add(db: Database, new: Sequence[Inspection]) -> set[UUID]:
    """The ids of those that are new: a report is verified once, an order has one open check."""
    rows = [_row(each) for each in new]
    return set(await db.insert(InspectionRow, rows, skip_existing=True, returning="inspection_id"))


async def record(db: Database, changed: Iterable[Inspection]) -> None:
    await db.update(InspectionRow, ["inspection_id"], [_row(each) for each in changed])


async def by_id(db: Database, ids: Iterable[UUID]) -> dict[UUID, Inspection]:
    """Locked until the transaction ends."""
    return {each.inspection_id: each for each in map(_inspection, await db.rows(BY_ID, {"ids": sorted(set(ids))}))}


async def open_checks(db: Database, orders: Collection[UUID]) -> dict[UUID, Inspection]:
    """By order, locked until the transaction ends."""
    found = await db.rows(OPEN_CHECKS, {"orders": sorted(orders)})
    return {each.order_id: each for each in map(_inspection, found) if each.order_id is not None}


async def last_checks(db: Database, orders: Collection[UUID]) -> dict[UUID, Inspection]:
    """By order, the check that was asked for last."""
    found = await db.rows(LAST_CHECKS, {"orders": sorted(orders)})
    return {each.order_id: each for each in map(_inspection, found) if each.order_id is not None}


async def verifying(db: Database, cases: Iterable[tuple[str, UUID]]) -> dict[tuple[str, UUID], Inspection]:
    """By (tenant, case), locked until the transaction ends."""
    asked = sorted(set(cases))
    rows = await db.rows(VERIFYING, {"tenants": [t for t, _ in asked], "cases": [c for _, c in asked]})
    return {(each.tenant, each.case_id): each for each in map(_inspection, rows)}


async def of_absent(db: Database, members: Iterable[MemberKey]) -> list[Inspection]:
    """What these members were asked to look at, locked until the transaction ends."""
    return [_inspection(row) for row in await db.rows(OF_ABSENT, _columns(members))]


async def loads_of(db: Database, members: Collection[MemberKey], now: datetime) -> dict[str, Workload]:
    """By tenant, what its members have to do: open orders, and what they are to look at."""
    if not members:
        return {}
    loads = await workload_tables.workload_of(db, members, now)
    for tenant, member_id, inspections in await db.rows(LOADS, _columns(members)):
        loads[tenant][member_id] = loads[tenant].get(member_id, 0) + inspections
    return loads


async def of_order(db: Database, tenant: str, order_id: UUID) -> list[Inspection]:
    """Every check of an order, in the sequence in which they were asked for."""
    return [_inspection(row) for row in await db.rows(OF_ORDER, {"tenant": tenant, "order_id": order_id})]


async def one(db: Database, tenant: str, inspection_id: UUID) -> Inspection | None:
    row = await db.one(ONE, {"tenant": tenant, "inspection_id": inspection_id})
    return _inspection(row) if row is not None else None


async def page(db: Database, wanted: Wanted, after: UUID | None, limit: int) -> Slice[Inspection]:
    """By inspection id, which follows the time they were made in."""
    of_member = wanted.member_id is not None
    asked: dict[str, Any] = {name: getattr(wanted, name) for name in ("tenant", "kind", "org_id")}
    asked |= {"states": [str(state) for state in wanted.states], "after": UUID(int=0)}
    asked |= {"member_id": wanted.member_id} if of_member else {}
    shown = {**asked, "after": after or UUID(int=0), "limit": limit + 1}
    rows = [_inspection(row) for row in await db.rows(OF_MEMBER if of_member else OF_STREET, shown)]
    count = counter(db, COUNT_OF_MEMBER if of_member else COUNT_OF_STREET, asked) if after is None else None
    return await slice_page(rows, limit, "inspection_id", count)


def _columns(members: Iterable[MemberKey]) -> Mapping[str, list[str]]:
    asked = sorted(set(members))
    return {"tenants": [t for t, _ in asked], "members": [m for _, m in asked]}


def _row(inspection: Inspection) -> dict[str, Any]:
    return {name: getattr(inspection, name) for name in _FIELDS} | {"skills": sorted(inspection.skills)}


def _inspection(row: Record) -> Inspection:
    values = {name: getattr(row, name) for name in _FIELDS}
    for name in ("asked", "without", "photos"):
        values[name] = tuple(values[name])
    clock = Clock(values["clock"]["amount"], TimeUnit(values["clock"]["unit"]))
    typed = {"kind": InspectionKind, "state": State, "skills": frozenset}
    values |= {name: of(values[name]) for name, of in typed.items()}
    return Inspection(**{**values, "clock": clock, "place": Place.model_validate(values["place"])})
