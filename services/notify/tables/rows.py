"""What notify keeps. Every address and tracking code is ciphertext under the key of its person."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, DateTime, Integer, LargeBinary, MetaData, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class NotifyTable(SQLModel):
    metadata = MetaData()


def _key() -> Any:
    return Field(sa_column=Column(Text, primary_key=True))


def _text(nullable: bool = False) -> Any:
    return Field(sa_column=Column(Text, nullable=nullable))


def _time(nullable: bool = False) -> Any:
    return Field(sa_column=Column(DateTime(timezone=True), nullable=nullable))


def _bytes(nullable: bool = False) -> Any:
    return Field(sa_column=Column(LargeBinary, nullable=nullable))


class PersonKey(NotifyTable, table=True):
    """The key of a person; none since they were erased, unless they gave a contact after that."""

    __tablename__ = "person_keys"

    tenant: str = _key()
    recipient_id: str = _key()
    key: bytes | None = _bytes(nullable=True)
    since: datetime | None = _time(nullable=True)
    erased_at: datetime | None = _time(nullable=True)


class ContactRow(NotifyTable, table=True):
    """The contact that was given last, by the time of the domain."""

    __tablename__ = "contacts"

    tenant: str = _key()
    recipient_id: str = _key()
    ciphertext: bytes = _bytes()
    has_email: bool
    has_webhook: bool
    language: str = _text()
    updated_at: datetime = _time()


class Preference(NotifyTable, table=True):
    """What a recipient has said; null where the default of their kind holds."""

    __tablename__ = "preferences"

    tenant: str = _key()
    recipient_id: str = _key()
    in_app: bool | None
    email: bool | None
    webhook: bool | None
    language: str | None = _text(nullable=True)


class CaseRow(NotifyTable, table=True):
    """Who reported a case, and the encrypted code by which they follow it."""

    __tablename__ = "cases"

    tenant: str = _key()
    case_id: UUID = Field(primary_key=True)
    case_no: str = _text()
    recipient_id: str | None = _text(nullable=True)
    tracking: bytes | None = _bytes(nullable=True)
    reported_at: datetime = _time()
    follows: UUID | None = None
    follows_since: datetime | None = _time(nullable=True)


class Notice(NotifyTable, table=True):
    """What there is to tell about one fact, in parameters: words are made of it when it is sent or read."""

    __tablename__ = "notices"

    tenant: str = _key()
    event_id: UUID = Field(primary_key=True)
    template: str = _text()
    parameters: dict[str, str] = Field(sa_column=Column(JSONB, nullable=False))
    case_id: UUID | None
    correlation_id: UUID
    traceparent: str | None = _text(nullable=True)
    occurred_at: datetime = _time()
    queued_at: datetime = _time()


class Delivery(NotifyTable, table=True):
    """One notice to one recipient over one channel.

    `due_at`: when it is taken up next; while it is being sent, when the lease of the sender ends. `created_at`,
    `due_at`, `ended_at` and `read_at` are real time, `first_attempt_at` is the domain's.
    """

    __tablename__ = "deliveries"

    delivery_id: UUID = Field(primary_key=True)
    tenant: str = _text()
    event_id: UUID
    recipient_id: str = _text()
    channel: str = _text()
    state: str = _text()
    attempts: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))
    due_at: datetime | None = _time(nullable=True)
    reason: str | None = _text(nullable=True)
    created_at: datetime = Field(
        sa_column=Column(DateTime(timezone=True), nullable=False, server_default=text("now()"))
    )
    first_attempt_at: datetime | None = _time(nullable=True)
    ended_at: datetime | None = _time(nullable=True)
    read_at: datetime | None = _time(nullable=True)
