"""What the street said of closings, and which organisations had handled them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Field

from libs.chassis.db.columns import columns_of, time_column
from libs.chassis.db.database import Database, Record
from libs.contracts.incident import Grade
from services.incident.cases.tables import LockedCase
from services.incident.street_evaluations.domain import StreetEvaluation
from services.incident.table import IncidentTable


class StreetEvaluationRow(IncidentTable, table=True):
    """What the street said of one closing."""

    __tablename__ = "street_evaluations"

    tenant: str = Field(primary_key=True)
    case_id: UUID = Field(primary_key=True)
    closing: UUID = Field(primary_key=True)
    grade: str
    words: str | None = None
    by_member: str
    evaluated_at: datetime = time_column()


# The check that closed a case is in its timeline, and names the organisation.
OF_CLOSINGS = text(
    """
    SELECT closed.case_id, timeline.details ->> 'org_id' AS org_id, grade, words, by_member
    FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS uuid[]), CAST(:closings AS uuid[]))
        AS closed (tenant, case_id, closing)
    JOIN timeline ON timeline.tenant = closed.tenant AND timeline.case_id = closed.case_id
        AND timeline.entry_id = closed.closing
    LEFT JOIN street_evaluations ON street_evaluations.tenant = closed.tenant
        AND street_evaluations.case_id = closed.case_id AND street_evaluations.closing = closed.closing
    """
)
OF_CASE = text(
    """
    SELECT grade, words, by_member, evaluated_at FROM street_evaluations
    WHERE tenant = :tenant AND case_id = :case_id AND closing = :closing
    """
)


async def of_closings(db: Database, cases: Iterable[LockedCase]) -> dict[UUID, tuple[str, StreetEvaluation | None]]:
    """By closed case who handled it, and what the street said of its latest closing."""
    closed = [(c.tenant, c.case_id, c.standing.closing.by) for c in cases if c.standing.closing]
    tenants, ids, closings = columns_of(closed, 3)
    rows = await db.rows(OF_CLOSINGS, {"tenants": tenants, "ids": ids, "closings": closings})
    return {
        r.case_id: (r.org_id, StreetEvaluation(Grade(r.grade), r.words, r.by_member) if r.grade else None) for r in rows
    }


async def of_case(db: Database, case: Record) -> Record | None:
    """Of the latest closing."""
    closing = {"tenant": case.tenant, "case_id": case.case_id, "closing": case.closed_by}
    return await db.one(OF_CASE, closing)


async def insert(db: Database, rows: Sequence[Mapping[str, Any]]) -> None:
    await db.insert(StreetEvaluationRow, rows)
