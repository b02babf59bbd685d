"""What dispatch keeps of campaigns: the classes of their tables."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Date, DateTime, Float, Integer, LargeBinary, SmallInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.dispatch.tables.rows import DispatchTable


def _text(nullable: bool = False) -> Any:
    return Field(sa_column=Column(Text, nullable=nullable))


def _json() -> Any:
    return Field(sa_column=Column(JSONB, nullable=False))


def _time(nullable: bool = False) -> Any:
    return Field(sa_column=Column(DateTime(timezone=True), nullable=nullable))


class CampaignRow(DispatchTable, table=True):
    """`plan` is what people said; a round keeps what of it matters for its visits."""

    __tablename__ = "campaigns"

    campaign_id: UUID = Field(primary_key=True)
    tenant: str = _text()
    plan: dict[str, Any] = _json()
    state: str = _text()
    next_at: datetime | None = _time(nullable=True)


class RoundRow(DispatchTable, table=True):
    __tablename__ = "patrol_rounds"

    round_id: UUID = Field(primary_key=True)
    tenant: str = _text()
    campaign_id: UUID
    name_zh: str = _text()
    name_en: str = _text()
    planned_at: datetime = _time()
    visit_by: datetime = _time()
    checklist: list[Any] = _json()
    category: str = _text()


class TaskRow(DispatchTable, table=True):
    """`day` of the street is the round's, for the days that coverage is asked for."""

    __tablename__ = "patrol_tasks"

    round_id: UUID = Field(primary_key=True)
    unit: str = Field(sa_column=Column(Text, primary_key=True))
    tenant: str = _text()
    day: date = Field(sa_column=Column(Date, nullable=False))
    member_id: str | None = _text(nullable=True)
    state: str = _text()


class VisitRow(DispatchTable, table=True):
    """The key is the sender's; by the fingerprint another visit under the same key is known."""

    __tablename__ = "visits"

    visit_id: UUID = Field(primary_key=True)
    tenant: str = _text()
    key: str = _text()
    fingerprint: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    round_id: UUID
    unit: str = _text()
    member_id: str = _text()
    org_id: str = _text()
    visited_at: datetime = _time()
    received_at: datetime = _time()
    longitude: float = Field(sa_column=Column(Float, nullable=False))
    latitude: float = Field(sa_column=Column(Float, nullable=False))
    metres_off: int | None = Field(sa_column=Column(Integer))
    in_place: bool
    on_time: bool
    first: bool
    answers: list[Any] = _json()


class FindingRow(DispatchTable, table=True):
    """`due_at`, in real time: when incident is asked for a case, or asked again; null when it has answered."""

    __tablename__ = "findings"

    finding_id: UUID = Field(primary_key=True)
    visit_id: UUID
    tenant: str = _text()
    category: str = _text()
    description: str = _text()
    longitude: float = Field(sa_column=Column(Float, nullable=False))
    latitude: float = Field(sa_column=Column(Float, nullable=False))
    photos: list[str] = _json()
    member_id: str = _text()
    found_at: datetime = _time()
    state: str = _text()
    attempts: int = Field(sa_column=Column(SmallInteger, nullable=False))
    due_at: datetime | None = _time(nullable=True)
    case_no: str | None = _text(nullable=True)
    case_id: UUID | None
    reason: str | None = _text(nullable=True)
