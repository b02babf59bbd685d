"""The rows of the incident service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, DateTime, Float, LargeBinary, MetaData, SmallInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class IncidentTable(SQLModel):
    metadata = MetaData()


def _time(nullable: bool = False) -> Any:
    return Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=nullable))


class Category(IncidentTable, table=True):
    """A row of the responsibility list as dispatch last told it."""

    __tablename__ = "categories"

    tenant: str = Field(primary_key=True)
    category: str = Field(primary_key=True)
    name_zh: str
    name_en: str
    area: str
    registration: str
    active: bool
    changed_at: datetime = _time()
    changed_by: UUID


class Case(IncidentTable, table=True):
    """A report and what became of it. The contact of who sent it is not here: notify alone keeps it."""

    __tablename__ = "cases"

    tenant: str = Field(primary_key=True)
    case_id: UUID = Field(primary_key=True)
    case_no: str
    tracking_code: str
    sender: str
    idempotency_key: str
    fingerprint: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    request_kind: str
    category: str
    category_name: str
    text: str = Field(sa_column=Column(Text, nullable=False))
    longitude: float | None = Field(default=None, sa_column=Column(Float(53)))
    latitude: float | None = Field(default=None, sa_column=Column(Float(53)))
    place_name: str | None = None
    reporter_id: UUID | None = None
    reported_by_member: str | None = None
    reported_at: datetime = _time()
    state: str
    moved_at: datetime | None = _time(nullable=True)
    moved_rank: int | None = Field(default=None, sa_column=Column(SmallInteger))
    moved_by: UUID | None = None
    closed_at: datetime | None = _time(nullable=True)
    closed_by: UUID | None = None
    closed_order_id: UUID | None = None
    promised_at: datetime | None = _time(nullable=True)
    handle_by: datetime | None = _time(nullable=True)
    reopened_times: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False))
    opened: int = Field(sa_column=Column(SmallInteger, nullable=False))
    merged_into: str | None = None
    parent: str | None = None
    settled_at: datetime | None = _time(nullable=True)
    appointment_starts_at: datetime | None = _time(nullable=True)
    appointment_ends_at: datetime | None = _time(nullable=True)
    documents: list[str] = Field(sa_column=Column(JSONB, nullable=False))
    appointment_changes: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False))
    timeline_length: int
    timeline_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    changed_at: datetime = _time()


class TimelineEntry(IncidentTable, table=True):
    """One step of a case, appended and never changed; `hash` covers the entry before. A fact's has the fact's id."""

    __tablename__ = "timeline"

    tenant: str = Field(primary_key=True)
    case_id: UUID = Field(primary_key=True)
    position: int = Field(primary_key=True)
    entry_id: UUID
    step: str
    happened_at: datetime = _time()
    recorded_at: datetime = _time()
    details: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


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
    evaluated_at: datetime = _time()


class StreetEvaluationRow(IncidentTable, table=True):
    """What the street said of one closing."""

    __tablename__ = "street_evaluations"

    tenant: str = Field(primary_key=True)
    case_id: UUID = Field(primary_key=True)
    closing: UUID = Field(primary_key=True)
    grade: str
    words: str | None = None
    by_member: str
    evaluated_at: datetime = _time()


def columns_of(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Rows turned into columns, as `unnest` wants them."""
    return [[row[n] for row in rows] for n in range(width)]
