"""The rows of the scoring service. The migration has the constraints."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, MetaData, Text
from sqlmodel import Field, SQLModel


class ScoringTable(SQLModel):
    metadata = MetaData()


def _text(*, key: bool = False) -> Any:
    return Field(sa_column=Column(Text, primary_key=key, nullable=False))


def _text_or_none() -> Any:
    return Field(default=None, sa_column=Column(Text))


def _time(*, nullable: bool = False) -> Any:
    return Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=nullable))


class AccountRow(ScoringTable, table=True):
    """The sum of an account's postings in one dimension, kept in the transaction that posts."""

    __tablename__ = "accounts"

    tenant: str = _text(key=True)
    account: str = _text(key=True)
    dimension: str = _text(key=True)
    balance: int = Field(sa_column=Column(BigInteger, nullable=False))


class TransactionRow(ScoringTable, table=True):
    """Append-only. `day` is the street's day of `occurred_at`."""

    __tablename__ = "transactions"

    id: UUID = Field(primary_key=True)
    tenant: str = _text()
    kind: str = _text()
    rule: str = _text()
    rules_version: int
    dimension: str = _text()
    member_id: str = _text()
    org_id: str = _text()
    points: int
    cause_id: UUID
    case_id: UUID | None = None
    order_id: UUID | None = None
    occurred_at: datetime = _time()
    day: date
    reverses: UUID | None = Field(default=None, foreign_key="transactions.id", unique=True)
    because: str | None = _text_or_none()


class PostingRow(ScoringTable, table=True):
    """Append-only. The amounts of a transaction add up to zero."""

    __tablename__ = "postings"

    tenant: str = _text(key=True)
    account: str = _text(key=True)
    transaction_id: UUID = Field(primary_key=True, foreign_key="transactions.id")
    dimension: str = _text()
    amount: int


class OrderRow(ScoringTable, table=True):
    """Who did an order, once a check passed it; the heaviest fact that undid it; and its appeal. Any may come first."""

    __tablename__ = "orders"

    tenant: str = _text(key=True)
    order_id: UUID = Field(primary_key=True)
    case_id: UUID
    member_id: str | None = _text_or_none()
    org_id: str | None = _text_or_none()
    on_time: bool | None = None
    own_report: bool | None = None
    category_points: int | None = None
    passed_at: datetime | None = _time(nullable=True)
    passed_by: UUID | None = None
    undone_at: datetime | None = _time(nullable=True)
    undone_by: UUID | None = None
    undone_because: str | None = _text_or_none()
    appealed_at: datetime | None = _time(nullable=True)
    appealed_by: UUID | None = None


class MemberRow(ScoringTable, table=True):
    """A member as dispatch last told."""

    __tablename__ = "members"

    tenant: str = _text(key=True)
    member_id: str = _text(key=True)
    name: str = _text()
    unit: str = _text()
    org_id: str = _text()
    active: bool
    changed_at: datetime = _time()
    changed_by: UUID


class OrgRow(ScoringTable, table=True):
    """An organisation as dispatch last told."""

    __tablename__ = "orgs"

    tenant: str = _text(key=True)
    org_id: str = _text(key=True)
    name: str = _text()
    kind: str = _text()
    active: bool
    changed_at: datetime = _time()
    changed_by: UUID


class StreetEvaluationRow(ScoringTable, table=True):
    """What the street said of how an order was handled. `by_org`: the evaluator's own then, where it was known."""

    __tablename__ = "street_evaluations"

    tenant: str = _text(key=True)
    order_id: UUID = Field(primary_key=True)
    case_id: UUID
    org_id: str = _text()
    grade: str = _text()
    by_member: str = _text()
    by_org: str | None = _text_or_none()
    evaluated_at: datetime = _time()
