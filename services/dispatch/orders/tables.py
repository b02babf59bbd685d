"""Orders: every query on them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Column, Date, Interval, SmallInteger, text
from sqlmodel import Field

from libs.chassis.db.columns import json_column, select, text_column, time_column
from libs.chassis.db.database import Database, Record
from libs.contracts.particulars import Particulars
from libs.contracts.reasons import Reason
from libs.contracts.values import Answer, Level, Place, Reach, RequestKind
from services.dispatch.calendar.domain import Clock, Clocks, TimeUnit
from services.dispatch.components.domain.naming import Named
from services.dispatch.orders.domain.help import Help
from services.dispatch.orders.domain.order import Order, ReporterAnswer, State
from services.dispatch.table import DispatchTable


class OrderRow(DispatchTable, table=True):
    __tablename__ = "orders"

    order_id: UUID = Field(primary_key=True)
    tenant: str = text_column()
    case_id: UUID
    case_no: str = text_column()
    category: str = text_column()
    category_name: str = text_column()
    summary: str = text_column()
    state: str = text_column()
    unit: str = text_column()
    level: str = text_column()
    org_id: str = text_column()
    member_id: str | None = text_column(nullable=True)
    offered_to: list[str] = json_column()
    reach: str = text_column()
    offers: int = Field(sa_column=Column(SmallInteger, nullable=False))
    lease_ends_at: datetime | None = time_column(nullable=True)
    given_back_by: list[str] = json_column()
    held_by: list[str] = json_column()
    reported_by_member: str | None = text_column(nullable=True)
    place: dict[str, Any] = json_column()
    evidence: str = text_column()
    points: int
    claim_by: datetime = time_column()
    handle_by: datetime = time_column()
    check_by: datetime = time_column()
    clocks: dict[str, Any] = json_column()
    stage_began_at: datetime = time_column()
    moved_at: datetime = time_column()
    spent: timedelta = Field(sa_column=Column(Interval, nullable=False))
    extended_times: int = Field(sa_column=Column(SmallInteger, nullable=False))
    suspended_times: int = Field(sa_column=Column(SmallInteger, nullable=False))
    suspended_at: datetime | None = time_column(nullable=True)
    suspended_until: datetime | None = time_column(nullable=True)
    in_kpis: bool
    handled_at: datetime | None = time_column(nullable=True)
    note: str = text_column()
    photos: list[str] = json_column()
    rework_count: int = Field(sa_column=Column(SmallInteger, nullable=False))
    opening: int = Field(sa_column=Column(SmallInteger, nullable=False))
    because: list[dict[str, Any]] = json_column()
    appointment_starts_at: datetime | None = time_column(nullable=True)
    appointment_ends_at: datetime | None = time_column(nullable=True)
    particulars: dict[str, Any] = json_column()
    appointment_changes: int = Field(sa_column=Column(SmallInteger, nullable=False))
    corrections: int = Field(sa_column=Column(SmallInteger, nullable=False))
    result: str = text_column()
    component: dict[str, Any] | None = json_column(nullable=True)
    asked: int = Field(sa_column=Column(SmallInteger, nullable=False))
    answered: int = Field(sa_column=Column(SmallInteger, nullable=False))
    reporter_answers: list[dict[str, Any]] = json_column()
    paused_at: datetime | None = time_column(nullable=True)
    told_near: datetime | None = time_column(nullable=True)
    told_overdue: datetime | None = time_column(nullable=True)
    helpers: list[dict[str, Any]] = json_column()
    answer: str | None = text_column(nullable=True)
    planned_for: date | None = Field(default=None, sa_column=Column(Date))
    request_kind: str = text_column()
    responsibility_version: int | None
    skills: list[str] = json_column()
    may_lie_in: list[str] = json_column()


async def insert_orders(db: Database, orders: Sequence[Order]) -> set[UUID]:
    """The ids of those that are new: a case has one order for each time that it was opened."""
    rows = [{**_row(order), "note": "", "photos": []} for order in orders]
    return set(await db.insert(OrderRow, rows, skip_existing=True, returning="order_id"))


Evidence = Mapping[UUID, tuple[str, Sequence[str]]]
"""By order the note and the photos with which it was handed in."""


async def update_orders(db: Database, changes: Sequence[tuple[Order, Order]], evidence: Evidence) -> None:
    """Each order as it was read and as it is now, with its evidence: what none of them has changed is not written."""
    for proved in (False, True):
        some = [(before, now) for before, now in changes if (now.order_id in evidence) is proved]
        names = {n for before, now in some for n in _ORDER_FIELDS if getattr(before, n) != getattr(now, n)}
        names.add("order_id")
        rows = [{n: v for n, v in _row(now).items() if n in names} for _, now in some]
        if proved:
            rows = [{**row, **_evidence(evidence[row["order_id"]])} for row in rows]
        await db.update(OrderRow, ["order_id"], rows)


def _evidence(given: tuple[str, Sequence[str]]) -> dict[str, Any]:
    note, photos = given
    return {"note": note, "photos": list(photos)}


_HELPERS = TypeAdapter(tuple[Help, ...])
_ORDER_FIELDS = tuple(f.name for f in fields(Order))


def _row(order: Order) -> dict[str, Any]:
    same = {name: getattr(order, name) for name in _ORDER_FIELDS}
    return same | {
        "skills": sorted(order.skills),
        "helpers": _HELPERS.dump_python(order.helpers, mode="json"),
        "particulars": order.particulars.kept(),
    }


def order_of(row: Record) -> Order:
    values = {name: getattr(row, name) for name in _ORDER_FIELDS}
    for name in ("offered_to", "given_back_by", "held_by", "may_lie_in"):
        values[name] = tuple(values[name])
    values["because"] = tuple(Reason(each["reason"], each["values"]) for each in row.because)
    clocks = Clocks(**{stage: Clock(c["amount"], TimeUnit(c["unit"])) for stage, c in values["clocks"].items()})
    values["helpers"] = _HELPERS.validate_python(values["helpers"])
    typed = {"state": State, "level": Level, "reach": Reach, "request_kind": RequestKind, "skills": frozenset}
    values |= {name: of(values[name]) for name, of in typed.items()}
    values["answer"] = Answer(values["answer"]) if values["answer"] else None
    values["reporter_answers"] = tuple(
        ReporterAnswer(each["question"], each["words"], tuple(each["photos"])) for each in values["reporter_answers"]
    )
    component = values["component"] and Named(**values["component"])
    values["place"] = Place.model_validate(values["place"])
    values["particulars"] = Particulars.model_validate(values["particulars"])
    return Order(**{**values, "clocks": clocks, "component": component})


_BY_ID = "WHERE order_id = ANY(CAST(:ids AS uuid[])) ORDER BY order_id"
BY_ID = select(OrderRow, _BY_ID)
LOCK_BY_ID = select(OrderRow, f"{_BY_ID} FOR UPDATE")


async def orders_by_id(db: Database, ids: Iterable[UUID], *, lock: bool = True) -> dict[UUID, Order]:
    """The orders, locked until the transaction ends; in one sequence everywhere, against deadlocks."""
    rows = await db.rows(LOCK_BY_ID if lock else BY_ID, {"ids": sorted(set(ids))})
    return {row.order_id: order_of(row) for row in rows}


HandedIn = tuple[str, list[str]]
"""The note and the ids of the photos of the last hand-in; empty before the first."""
EVIDENCE = text("SELECT order_id, note, photos FROM orders WHERE order_id = ANY(CAST(:ids AS uuid[]))")


async def evidence_of(db: Database, ids: Sequence[UUID]) -> dict[UUID, HandedIn]:
    rows = await db.rows(EVIDENCE, {"ids": list(ids)})
    return {row.order_id: (row.note, row.photos) for row in rows}


OPENINGS = text(
    """
    SELECT * FROM orders WHERE (tenant, case_id, opening) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:cases AS uuid[]), CAST(:openings AS smallint[])))
    """
)


async def of_openings(db: Database, openings: Collection[tuple[str, UUID, int]]) -> dict[tuple[str, UUID, int], Order]:
    """By (tenant, case, opening) the order that was made when the case was opened for that time, not locked."""
    tenants, cases, numbers = zip(*openings, strict=True) if openings else ((), (), ())
    parameters = {"tenants": list(tenants), "cases": list(cases), "openings": list(numbers)}
    return {(r.tenant, r.case_id, r.opening): order_of(r) for r in await db.rows(OPENINGS, parameters)}


OF_ABSENT = text(
    """
    SELECT o.order_id FROM unnest(CAST(:tenants AS text[]), CAST(:members AS text[])) AS away (tenant, member_id)
        CROSS JOIN LATERAL (
            SELECT order_id FROM orders WHERE orders.tenant = away.tenant AND state = 'offered'
                AND offered_to @> jsonb_build_array(away.member_id)
            UNION ALL
            SELECT order_id FROM orders WHERE orders.tenant = away.tenant AND orders.member_id = away.member_id
                AND state IN ('claimed', 'handling')) o
    """
)


async def orders_of_absent(db: Database, members: Iterable[tuple[str, str]]) -> set[UUID]:
    """The ids of the orders that one of the members (tenant, member_id) is offered or has claimed."""
    away = sorted(members)
    rows = await db.rows(OF_ABSENT, {"tenants": [t for t, _ in away], "members": [m for _, m in away]})
    return {row.order_id for row in rows}
