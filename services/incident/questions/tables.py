"""Questions to reporters: every query on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, SmallInteger, text
from sqlmodel import Field

from libs.chassis.db.columns import columns_of, json_column, time_column
from libs.chassis.db.database import Database, Record
from services.incident.questions.domain import Question
from services.incident.table import IncidentTable


class QuestionRow(IncidentTable, table=True):
    __tablename__ = "questions"

    tenant: str = Field(primary_key=True)
    case_id: UUID = Field(primary_key=True)
    number: int = Field(sa_column=Column(SmallInteger, primary_key=True))
    question: str
    asked_by: str
    asked_at: datetime = time_column()
    answer_by: datetime = time_column()
    answer: str | None = None
    photos: list[str] = json_column()
    ended_at: datetime | None = time_column(nullable=True)


LAST = text(
    """
    SELECT last.* FROM unnest(CAST(:tenants AS text[]), CAST(:cases AS uuid[])) AS asked (tenant, case_id)
    CROSS JOIN LATERAL (
        SELECT * FROM questions q WHERE (q.tenant, q.case_id) = (asked.tenant, asked.case_id)
        ORDER BY number DESC LIMIT 1) last
    """
)
_FIELDS = tuple(field.name for field in fields(Question))


async def last_of(db: Database, cases: Iterable[tuple[str, UUID]]) -> dict[tuple[str, UUID], Question]:
    """By (tenant, case) the question that was put last; whoever changes one has locked the case."""
    tenants, ids = columns_of(sorted(set(cases)), 2)
    rows = await db.rows(LAST, {"tenants": tenants, "cases": ids})
    return {(row.tenant, row.case_id): _question(row) for row in rows}


async def add(db: Database, questions: Sequence[Question]) -> None:
    await db.insert(QuestionRow, [asdict(each) for each in questions])


async def end(db: Database, questions: Sequence[Question]) -> None:
    """Answered, or not in time."""
    rows = [
        {name: getattr(each, name) for name in ("tenant", "case_id", "number", "answer", "photos", "ended_at")}
        for each in questions
    ]
    await db.update(QuestionRow, ["tenant", "case_id", "number"], rows)


def _question(row: Record) -> Question:
    return Question(**{name: row[name] for name in _FIELDS} | {"photos": tuple(row.photos)})
