"""What reporters said of closings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Field

from libs.chassis.db.columns import columns_of, time_column
from libs.chassis.db.database import Database, Record
from services.incident.cases.domain.case import Closing
from services.incident.cases.tables import LockedCase
from services.incident.feedback.domain import Evaluation
from services.incident.table import IncidentTable


class EvaluationRow(IncidentTable, table=True):
    """What a reporter said about one closing, which is named by the check that closed the case. `by_case` is the
    number under which they reported: another than the case's own where that was merged into it."""

    __tablename__ = "evaluations"

    tenant: str = Field(primary_key=True)
    case_id: UUID = Field(primary_key=True)
    closing: UUID = Field(primary_key=True)
    by_case: str = Field(primary_key=True)
    satisfied: bool
    words: str | None = None
    reopened: bool
    evaluated_at: datetime = time_column()


EVALUATION = text(
    """
    SELECT satisfied, words, reopened, evaluated_at FROM evaluations
    WHERE tenant = :tenant AND case_id = :case_id AND closing = :closing AND by_case = :by_case
    """
)
EVALUATIONS = text(
    """
    SELECT case_id, by_case, satisfied, words, reopened FROM evaluations
    WHERE (tenant, case_id, closing) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:ids AS uuid[]), CAST(:closings AS uuid[])))
    """
)


async def evaluation(db: Database, case: Record, by_case: str) -> Record | None:
    """The evaluation of the latest closing by who reported under that number."""
    closing = {"tenant": case.tenant, "case_id": case.case_id, "closing": case.closed_by, "by_case": by_case}
    return await db.one(EVALUATION, closing)


class Evaluations:
    """Of the latest closings of some cases: those that were given, and those that a batch adds."""

    def __init__(self, given: dict[UUID, dict[str, Evaluation]]) -> None:
        self._given = given
        self._new: list[dict[str, Any]] = []

    def of(self, case: LockedCase) -> Mapping[str, Evaluation]:
        """By the number under which they were given."""
        return self._given.get(case.case_id, {})

    def add(self, case: LockedCase, by_case: str, closing: Closing, evaluation: Evaluation, now: datetime) -> None:
        self._given.setdefault(case.case_id, {})[by_case] = evaluation
        self._new.append(
            {
                "tenant": case.tenant,
                "case_id": case.case_id,
                "closing": closing.by,
                "by_case": by_case,
                "satisfied": evaluation.satisfied,
                "words": evaluation.words,
                "reopened": evaluation.reopened,
                "evaluated_at": now,
            }
        )

    async def write(self, db: Database) -> None:
        await db.insert(EvaluationRow, self._new)


async def evaluations(db: Database, cases: Iterable[LockedCase]) -> Evaluations:
    """Those of the latest closing of each case."""
    closed = [(c.tenant, c.case_id, c.standing.closing.by) for c in cases if c.standing.closing]
    tenants, ids, closings = columns_of(closed, 3)
    rows = await db.rows(EVALUATIONS, {"tenants": tenants, "ids": ids, "closings": closings})
    found: dict[UUID, dict[str, Evaluation]] = {}
    for row in rows:
        found.setdefault(row.case_id, {})[row.by_case] = Evaluation(row.satisfied, row.words, row.reopened)
    return Evaluations(found)
