"""Findings that wait for their case: leased, asked for, and marked with the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Float, SmallInteger, text
from sqlmodel import Field

from libs.chassis.db.columns import json_column, text_column, time_column
from libs.chassis.db.database import Database, Record
from services.dispatch.findings.domain import AskAgain, NotACase, Outcome, Reported
from services.dispatch.orders.batch import HelpWithCase
from services.dispatch.table import DispatchTable


class FindingRow(DispatchTable, table=True):
    """`due_at`, in real time: when incident is asked for a case, or asked again; null when it has answered."""

    __tablename__ = "findings"

    finding_id: UUID = Field(primary_key=True)
    visit_id: UUID
    tenant: str = text_column()
    category: str = text_column()
    description: str = text_column()
    longitude: float = Field(sa_column=Column(Float, nullable=False))
    latitude: float = Field(sa_column=Column(Float, nullable=False))
    photos: list[str] = json_column()
    member_id: str = text_column()
    found_at: datetime = time_column()
    state: str = text_column()
    attempts: int = Field(sa_column=Column(SmallInteger, nullable=False))
    due_at: datetime | None = time_column(nullable=True)
    case_no: str | None = text_column(nullable=True)
    case_id: UUID | None
    reason: str | None = text_column(nullable=True)


LEASE_SECONDS = 60

LEASE = text(
    """
    UPDATE findings SET due_at = now() + make_interval(secs => :lease), attempts = LEAST(attempts + 1, 1000)
    WHERE finding_id = ANY(ARRAY(
        SELECT finding_id FROM findings WHERE due_at <= now() ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED))
    RETURNING *
    """
)
ANSWERED = text(
    """
    UPDATE findings f SET state = a.state, case_id = a.case_id, case_no = a.case_no, reason = a.reason,
        due_at = now() + make_interval(secs => a.delay)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:states AS text[]), CAST(:cases AS uuid[]), CAST(:numbers AS text[]),
                CAST(:reasons AS text[]), CAST(:delays AS float8[])) AS a (id, state, case_id, case_no, reason, delay)
    WHERE f.finding_id = a.id AND f.state = 'pending'
    """
)


async def lease_due(db: Database, limit: int) -> Sequence[Record]:
    """The findings whose time has come; should this process die, another asks for them after a minute."""
    return await db.rows(LEASE, {"lease": LEASE_SECONDS, "limit": limit})


async def record(db: Database, outcomes: Mapping[UUID, Outcome]) -> None:
    """What incident said of each. An answer that another process has noted already stays."""
    if not outcomes:
        return
    rows = [(finding_id, *_columns(outcome)) for finding_id, outcome in outcomes.items()]
    names = ("ids", "states", "cases", "numbers", "reasons", "delays")
    await db.execute(ANSWERED, dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


def _columns(outcome: Outcome) -> tuple[str, UUID | None, str | None, str | None, float | None]:
    match outcome:
        case Reported(case_id, case_no):
            return ("reported", case_id, case_no, None, None)
        case NotACase(reason):
            return ("refused", None, None, reason, None)
        case AskAgain(delay):
            return ("pending", None, None, None, delay.total_seconds())


JOINT = text(
    """
    SELECT f.tenant, f.case_id, r.helpers, r.name_zh FROM findings f
        JOIN visits USING (visit_id) JOIN patrol_rounds r USING (round_id)
    WHERE f.finding_id = ANY(CAST(:ids AS uuid[])) AND f.state = 'reported' AND r.helpers <> '[]'
    """
)


async def to_be_helped_with(db: Database, findings: Sequence[UUID], now: datetime) -> list[HelpWithCase]:
    """Of those that have become cases the ones whose campaign has helpers."""
    return [
        HelpWithCase(tenant=row.tenant, due_at=now, case_id=row.case_id, units=tuple(row.helpers), task=row.name_zh)
        for row in await db.rows(JOINT, {"ids": list(findings)})
    ]


async def insert_findings(db: Database, findings: Sequence[Mapping[str, Any]]) -> None:
    await db.insert(FindingRow, findings)
