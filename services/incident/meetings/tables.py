"""Meetings, what they were told of standing matters, and what the next one hears of: every query on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Float, text
from sqlmodel import Field

from libs.chassis.db.columns import bytes_column, columns_of, time_column
from libs.chassis.db.database import Database, Record
from libs.contracts.incident import Receipt
from services.incident.meetings.domain import Scope
from services.incident.table import IncidentTable
from services.incident.units.tables import BELOW


class MeetingRow(IncidentTable, table=True):
    __tablename__ = "meetings"

    tenant: str = Field(primary_key=True)
    meeting_id: UUID = Field(primary_key=True)
    sender: str
    idempotency_key: str
    fingerprint: bytes = bytes_column()
    kind: str
    unit: str
    held_at: datetime = time_column()
    longitude: float | None = Field(default=None, sa_column=Column(Float(53)))
    latitude: float | None = Field(default=None, sa_column=Column(Float(53)))
    accuracy_m: float | None = Field(default=None, sa_column=Column(Float(53)))
    place_name: str | None = None
    by_member: str
    recorded_at: datetime = time_column()


class StandingRow(IncidentTable, table=True):
    """What a meeting was told of a proposal."""

    __tablename__ = "standing_matters"

    tenant: str = Field(primary_key=True)
    case_id: UUID = Field(primary_key=True)
    meeting_id: UUID = Field(primary_key=True)
    words: str


KNOWN = text(
    """
    SELECT tenant, sender, idempotency_key, fingerprint, meeting_id FROM meetings
    WHERE (tenant, sender, idempotency_key) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:senders AS text[]), CAST(:keys AS text[])))
    """
)
RECEIPTS = text(
    """
    SELECT meeting_id, case_id, case_no, tracking_code FROM cases
    WHERE (tenant, meeting_id) IN (SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS uuid[])))
    ORDER BY meeting_id, idempotency_key
    """
)
MEETING = text("SELECT * FROM meetings WHERE tenant = :tenant AND meeting_id = :meeting_id")
RAISED = text(
    """
    SELECT case_no, category, category_name, text, state, answer, planned_for FROM cases
    WHERE tenant = :tenant AND meeting_id = :meeting_id ORDER BY idempotency_key
    """
)
STANDING = text(
    """
    SELECT c.case_no, c.state, s.words FROM standing_matters s JOIN cases c USING (tenant, case_id)
    WHERE s.tenant = :tenant AND s.meeting_id = :meeting_id ORDER BY c.case_id
    """
)
_HELD = """
    FROM below CROSS JOIN LATERAL (
        SELECT * FROM meetings WHERE tenant = :tenant AND unit = below.code
            AND (CAST(:after AS uuid) IS NULL OR meeting_id < :after)
        ORDER BY meeting_id DESC LIMIT :limit) m
"""
MEETINGS = text(f"{BELOW} SELECT m.* {_HELD} ORDER BY m.meeting_id DESC LIMIT :limit")
# Where a matter belongs: to the unit whose meeting raised it, else where its order went by its place.
AGENDA = text(
    f"""
    {BELOW}
    SELECT c.case_id, c.case_no, c.category, c.category_name, c.text, c.state, c.reported_at, c.handle_by,
        c.answer, c.planned_for, c.result, CASE WHEN c.state = 'closed' THEN c.closed_at END AS answered_at,
        c.meeting_id, belongs.unit, heard.times + CAST(c.meeting_id IS NOT NULL AS integer) AS meetings
    FROM cases c
    CROSS JOIN LATERAL (
        SELECT coalesce(
            (SELECT m.unit FROM meetings m WHERE m.tenant = c.tenant AND m.meeting_id = c.meeting_id),
            (SELECT t.details ->> 'unit' FROM timeline t WHERE t.tenant = c.tenant AND t.case_id = c.case_id
                AND t.step IN ('dispatched', 'order_moved', 'order_corrected', 'passed_on')
                ORDER BY t.happened_at DESC, t.position DESC LIMIT 1)) AS unit) belongs
    CROSS JOIN LATERAL (
        SELECT count(*) AS times, coalesce(bool_or(m.held_at > c.closed_at), false) AS since_closed
        FROM standing_matters s JOIN meetings m USING (tenant, meeting_id)
        WHERE s.tenant = c.tenant AND s.case_id = c.case_id) heard
    WHERE c.tenant = :tenant AND c.request_kind = 'proposal' AND c.carried_out_at IS NULL
        AND (c.state IN ('reported', 'verifying', 'registered', 'in_progress', 'resolved')
            OR c.state = 'closed' AND c.answer = 'planned')
        AND (c.state <> 'closed' OR c.planned_for < :today OR NOT heard.since_closed)
        AND c.case_id > coalesce(CAST(:after AS uuid), '00000000-0000-0000-0000-000000000000')
        AND belongs.unit IN (SELECT code FROM below)
    ORDER BY c.case_id LIMIT :limit
    """
)


async def insert(db: Database, rows: Sequence[Mapping[str, Any]]) -> set[UUID]:
    """The ids of the meetings that are new; one whose key is taken is left out."""
    return set(await db.insert(MeetingRow, rows, skip_existing=True, returning="meeting_id"))


async def add_standing(db: Database, rows: Sequence[Mapping[str, Any]]) -> None:
    await db.insert(StandingRow, rows)


async def known(db: Database, scopes: Iterable[Scope]) -> dict[Scope, tuple[bytes, UUID]]:
    """(fingerprint, id) of the meetings that were recorded under these keys."""
    tenants, senders, keys = columns_of(sorted(set(scopes)), 3)
    rows = await db.rows(KNOWN, {"tenants": tenants, "senders": senders, "keys": keys})
    return {(r.tenant, r.sender, r.idempotency_key): (bytes(r.fingerprint), r.meeting_id) for r in rows}


async def receipts(db: Database, meetings: Iterable[tuple[str, UUID]]) -> dict[UUID, tuple[Receipt, ...]]:
    """By meeting (tenant, id) the cases that its matters have become, in their sequence."""
    tenants, ids = columns_of(sorted(set(meetings)), 2)
    found: defaultdict[UUID, tuple[Receipt, ...]] = defaultdict(tuple)
    for r in await db.rows(RECEIPTS, {"tenants": tenants, "ids": ids}):
        found[r.meeting_id] += (Receipt(case_id=r.case_id, case_no=r.case_no, tracking_code=r.tracking_code),)
    return found


async def meeting(db: Database, tenant: str, meeting_id: UUID) -> Record | None:
    return await db.one(MEETING, {"tenant": tenant, "meeting_id": meeting_id})


async def raised(db: Database, tenant: str, meeting_id: UUID) -> Sequence[Record]:
    return await db.rows(RAISED, {"tenant": tenant, "meeting_id": meeting_id})


async def standing(db: Database, tenant: str, meeting_id: UUID) -> Sequence[Record]:
    return await db.rows(STANDING, {"tenant": tenant, "meeting_id": meeting_id})


async def meetings(db: Database, tenant: str, unit: str, after: UUID | None, limit: int) -> Sequence[Record]:
    """A page of the unit's meetings and of those below it, the latest recorded first, and one more if there is one."""
    return await db.rows(MEETINGS, {"tenant": tenant, "unit": unit, "after": after, "limit": limit + 1})


async def agenda(db: Database, tenant: str, unit: str, today: date, after: UUID | None, limit: int) -> Sequence[Record]:
    """A page of what the next meeting of the unit hears of, the oldest first, and one more if there is one."""
    asked = {"tenant": tenant, "unit": unit, "today": today, "after": after, "limit": limit + 1}
    return await db.rows(AGENDA, asked)
