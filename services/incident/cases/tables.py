"""Cases and their timelines: how one is read, locked, moved and added to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Date, Float, SmallInteger, text
from sqlmodel import Field

from libs.chassis.db.columns import bytes_column, columns_of, json_column, text_column, time_column
from libs.chassis.db.database import Database, Record
from libs.contracts.values import Answer
from services.incident.cases.domain.case import Closing, MoveStamp, Promise, Standing, State
from services.incident.cases.domain.content import Content
from services.incident.cases.domain.history import Entry, Head
from services.incident.table import IncidentTable


class Case(IncidentTable, table=True):
    """A report and what became of it. The contact of who sent it is not here: notify alone keeps it."""

    __tablename__ = "cases"

    tenant: str = Field(primary_key=True)
    case_id: UUID = Field(primary_key=True)
    case_no: str
    tracking_code: str
    sender: str
    idempotency_key: str
    fingerprint: bytes = bytes_column()
    request_kind: str
    category: str
    category_name: str
    text: str = text_column()
    longitude: float | None = Field(default=None, sa_column=Column(Float(53)))
    latitude: float | None = Field(default=None, sa_column=Column(Float(53)))
    accuracy_m: float | None = Field(default=None, sa_column=Column(Float(53)))
    place_name: str | None = None
    component: str | None = None
    reporter_id: UUID | None = None
    reported_by_member: str | None = None
    reported_at: datetime = time_column()
    state: str
    moved_at: datetime | None = time_column(nullable=True)
    moved_rank: int | None = Field(default=None, sa_column=Column(SmallInteger))
    moved_by: UUID | None = None
    closed_at: datetime | None = time_column(nullable=True)
    closed_by: UUID | None = None
    closed_order_id: UUID | None = None
    result: str = text_column()
    answer: str | None = None
    planned_for: date | None = Field(default=None, sa_column=Column(Date))
    carried_out_at: datetime | None = time_column(nullable=True)
    meeting_id: UUID | None = None
    promised_at: datetime | None = time_column(nullable=True)
    handle_by: datetime | None = time_column(nullable=True)
    reopened_times: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False))
    opened: int = Field(sa_column=Column(SmallInteger, nullable=False))
    merged_into: str | None = None
    parent: str | None = None
    settled_at: datetime | None = time_column(nullable=True)
    appointment_starts_at: datetime | None = time_column(nullable=True)
    appointment_ends_at: datetime | None = time_column(nullable=True)
    particulars: dict[str, Any] = json_column()
    appointment_changes: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False))
    corrections: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False))
    followers: int = 0
    timeline_length: int
    timeline_hash: bytes = bytes_column()
    changed_at: datetime = time_column()


class TimelineEntry(IncidentTable, table=True):
    """One step of a case, appended and never changed; `hash` covers the entry before. A fact's has the fact's id."""

    __tablename__ = "timeline"

    tenant: str = Field(primary_key=True)
    case_id: UUID = Field(primary_key=True)
    position: int = Field(primary_key=True)
    entry_id: UUID
    step: str
    happened_at: datetime = time_column()
    recorded_at: datetime = time_column()
    details: dict[str, Any] = json_column()
    hash: bytes = bytes_column()


@dataclass(frozen=True, slots=True)
class LockedCase:
    """A case that is locked for a change: what it is, how it stands, and where its timeline ends."""

    tenant: str
    case_id: UUID
    case_no: str
    sender: str
    reporter_id: UUID | None
    content: Content
    appointment_changes: int
    corrections: int
    followers: int
    standing: Standing
    head: Head


_CASE = """
    SELECT cases.*, categories.name_en AS category_name_en FROM cases
    LEFT JOIN categories USING (tenant, category) WHERE {condition}
"""
BY_NUMBER = text(_CASE.format(condition="tenant = :tenant AND case_no = :case_no"))
BY_CODE = text(_CASE.format(condition="tracking_code = :code"))
TIMELINE = text(
    """
    SELECT tenant, case_id, position, entry_id, step, happened_at, recorded_at, details, hash FROM timeline
    WHERE tenant = :tenant AND case_id = :case_id ORDER BY position
    """
)
_LOCKED = """
    SELECT tenant, case_id, case_no, sender, category, category_name, request_kind, text, longitude, latitude,
        accuracy_m, place_name, component, reporter_id, reported_by_member, state, moved_at, moved_rank, moved_by,
        closed_at, closed_by, closed_order_id, result, answer, planned_for, carried_out_at,
        promised_at, handle_by, reopened_times, opened, merged_into,
        parent, settled_at, appointment_starts_at, appointment_ends_at, appointment_changes, particulars,
        corrections, followers,
        timeline_length, timeline_hash, changed_at
    FROM cases WHERE {condition} ORDER BY tenant, case_id FOR UPDATE
"""
LOCK_BY_ID = text(
    _LOCKED.format(
        condition="(tenant, case_id) IN (SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS uuid[])))"
    )
)
LOCK_BY_NUMBER = text(
    _LOCKED.format(
        condition="(tenant, case_no) IN (SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:numbers AS text[])))"
    )
)
# The number of the case whose progress and feedback are those of a tracking code.
FOLLOWED = text(
    """
    SELECT tracking_code, tenant, case_no, coalesce(merged_into, case_no) AS followed FROM cases
    WHERE tracking_code = ANY(CAST(:codes AS text[]))
    """
)


async def case_by_number(db: Database, tenant: str, case_no: str) -> Record | None:
    return await db.one(BY_NUMBER, {"tenant": tenant, "case_no": case_no})


async def case_by_code(db: Database, code: str) -> Record | None:
    return await db.one(BY_CODE, {"code": code})


async def timeline(db: Database, case: Record) -> list[Entry]:
    """In the order of recording."""
    rows = await db.rows(TIMELINE, {"tenant": case.tenant, "case_id": case.case_id})
    return [entry_of(row) for row in rows]


def entry_of(row: Record) -> Entry:
    return Entry(
        row.tenant, row.case_id, row.position, row.entry_id, row.step, row.happened_at, row.recorded_at, row.details
    )


async def lock_by_id(db: Database, keys: Iterable[tuple[str, UUID]]) -> dict[tuple[str, UUID], LockedCase]:
    tenants, ids = columns_of(sorted(set(keys)), 2)
    found = [_locked(row) for row in await db.rows(LOCK_BY_ID, {"tenants": tenants, "ids": ids})]
    return {(case.tenant, case.case_id): case for case in found}


async def lock_by_number(db: Database, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], LockedCase]:
    tenants, numbers = columns_of(sorted(set(keys)), 2)
    found = [_locked(r) for r in await db.rows(LOCK_BY_NUMBER, {"tenants": tenants, "numbers": numbers})]
    return {(case.tenant, case.case_no): case for case in found}


async def followed(db: Database, codes: Iterable[str]) -> dict[str, tuple[str, str, str]]:
    """By tracking code (street, the reporter's own case, the case that it follows): two where it was merged."""
    rows = await db.rows(FOLLOWED, {"codes": sorted(set(codes))})
    return {row.tracking_code: (row.tenant, row.case_no, row.followed) for row in rows}


async def move(db: Database, cases: Sequence[tuple[LockedCase, Standing, Head]]) -> None:
    """Write how the cases stand now, and where their timelines end."""
    rows = [
        {
            "tenant": case.tenant,
            "case_id": case.case_id,
            "state": now.state.value,
            "moved_at": now.moved.at if now.moved else None,
            "moved_rank": now.moved.rank if now.moved else None,
            "moved_by": now.moved.by if now.moved else None,
            "closed_at": now.closing.at if now.closing else None,
            "closed_by": now.closing.by if now.closing else None,
            "closed_order_id": now.closing.order_id if now.closing else None,
            "result": now.closing.result if now.closing else "",
            "answer": now.closing.answer if now.closing else None,
            "planned_for": now.closing.planned_for if now.closing else None,
            "carried_out_at": now.carried_out_at,
            "promised_at": now.promise.at if now.promise else None,
            "handle_by": now.promise.handle_by if now.promise else None,
            "reopened_times": now.reopened_times,
            "opened": now.opened,
            "merged_into": now.merged_into,
            "parent": now.parent,
            "settled_at": now.settled_at,
            "timeline_length": head.length,
            "timeline_hash": head.hash,
            "changed_at": head.at,
        }
        for case, now, head in cases
    ]
    await db.update(Case, ["tenant", "case_id"], rows)


_ENTRY = tuple(field.name for field in fields(Entry))


async def append(db: Database, entries: Sequence[tuple[Entry, bytes]]) -> None:
    """Add entries with their hashes to the timelines."""
    await db.insert(TimelineEntry, [{**{f: getattr(e, f) for f in _ENTRY}, "hash": hash} for e, hash in entries])


def _closing(row: Record) -> Closing:
    answer = Answer(row["answer"]) if row["answer"] else None
    return Closing(
        row["closed_at"], row["closed_by"], row["closed_order_id"], row["result"], answer, row["planned_for"]
    )


def _locked(row: Record) -> LockedCase:
    standing = Standing(
        state=State(row["state"]),
        moved=MoveStamp(row["moved_at"], row["moved_rank"], row["moved_by"]) if row["moved_at"] else None,
        closing=_closing(row) if row["closed_at"] else None,
        promise=Promise(row["promised_at"], row["handle_by"]) if row["promised_at"] else None,
        reopened_times=row["reopened_times"],
        opened=row["opened"],
        merged_into=row["merged_into"],
        parent=row["parent"],
        settled_at=row["settled_at"],
        carried_out_at=row["carried_out_at"],
    )
    return LockedCase(
        tenant=row["tenant"],
        case_id=row["case_id"],
        case_no=row["case_no"],
        sender=row["sender"],
        reporter_id=row["reporter_id"],
        content=Content.from_columns(row),
        appointment_changes=row["appointment_changes"],
        corrections=row["corrections"],
        followers=row["followers"],
        standing=standing,
        head=Head(row["timeline_length"], bytes(row["timeline_hash"]), row["changed_at"]),
    )
