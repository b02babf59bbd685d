"""The tables that every service has beside its own: inbox, outbox, timers and retries, in the same database."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, MetaData, SmallInteger, text
from sqlmodel import Field, SQLModel

from libs.chassis.db.columns import bytes_column, json_column, text_column, time_column

NOW = text("now()")


class ChassisTable(SQLModel):
    metadata = MetaData()


class Inbox(ChassisTable, table=True):
    """The ids of messages that were handled. Kept longer than the stream keeps messages, so every copy is known."""

    __tablename__ = "inbox"
    __table_args__ = (Index("inbox_received_at", "received_at"),)

    message_id: UUID = Field(primary_key=True)
    received_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=NOW))


class Outbox(ChassisTable, table=True):
    """Facts that were committed, to be published by the relay. Sent rows are kept for a while, for a replay."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("outbox_unsent", "position", postgresql_where=text("sent_at IS NULL")),
        Index("outbox_sequence", "sequence", postgresql_where=text("sequence IS NOT NULL")),
    )

    position: int | None = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    partition: int = Field(sa_column=Column(SmallInteger, nullable=False))
    message_id: UUID
    subject: str = text_column()
    headers: dict[str, Any] = json_column()
    body: bytes = bytes_column()
    recorded_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=NOW))
    sent_at: datetime | None = time_column(nullable=True)
    sequence: int | None = Field(sa_column=Column(BigInteger))
    """Of the message in the stream."""
    replays: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False, server_default=text("0")))
    """How often it was put back, to be published again because the stream had lost it."""


class StreamSeen(ChassisTable, table=True):
    """The service's stream as it was last seen, and up to where each of its consumers had handled it."""

    __tablename__ = "stream_seen"

    stream: str = text_column(key=True)
    created_at: datetime = time_column()
    first_sequence: int = Field(sa_column=Column(BigInteger, nullable=False))
    last_sequence: int = Field(sa_column=Column(BigInteger, nullable=False))
    handled: dict[str, int] = json_column()


class StreamLoss(ChassisTable, table=True):
    """Sequences that the stream has lost: facts with them that were sent before `noticed_at` are published again."""

    __tablename__ = "stream_losses"

    id: int | None = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    after_sequence: int = Field(sa_column=Column(BigInteger, nullable=False))
    until_sequence: int = Field(sa_column=Column(BigInteger, nullable=False))
    expected: int = Field(sa_column=Column(BigInteger, nullable=False))
    """How many of them are still to be found in the outbox."""
    noticed_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=NOW))
    made_good_at: datetime | None = time_column(nullable=True)


class TimerRow(ChassisTable, table=True):
    """A timer of the domain's clock. The transaction that handles it deletes the row."""

    __tablename__ = "timers"
    __table_args__ = (Index("timers_due", "name", "due_at"),)

    name: str = text_column(key=True)
    key: str = text_column(key=True)
    due_at: datetime = time_column()
    body: dict[str, Any] = json_column()
    attempts: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False, server_default=text("0")))


class Retry(ChassisTable, table=True):
    """A message that could not be handled yet. `due_at` null: given up, a dead letter that an operator may replay."""

    __tablename__ = "retries"
    __table_args__ = (
        Index("retries_due_at", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index("retries_parked_at", "parked_at", postgresql_where=text("parked_at IS NOT NULL")),
    )

    id: UUID = Field(primary_key=True)
    subject: str = text_column()
    headers: dict[str, Any] = json_column()
    body: bytes = bytes_column()
    attempts: int = Field(sa_column=Column(SmallInteger, nullable=False))
    reason: str = text_column()
    due_at: datetime | None = time_column(nullable=True)
    parked_at: datetime | None = time_column(nullable=True)
    recorded_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=NOW))
