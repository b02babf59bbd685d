"""What dispatch keeps: the classes of its tables."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    TextClause,
    Time,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from libs.chassis.db.database import table_of


class DispatchTable(SQLModel):
    metadata = MetaData()


def _text() -> Any:
    return Field(sa_column=Column(Text, nullable=False))


def _json() -> Any:
    return Field(sa_column=Column(JSONB, nullable=False))


def _time(nullable: bool = False) -> Any:
    return Field(sa_column=Column(DateTime(timezone=True), nullable=nullable))


class StreetRow(DispatchTable, table=True):
    """The version counts the changes of the tree, the members or the responsibility list.

    `origin` tells the street from one of the same code in another database, whose versions are others.
    """

    __tablename__ = "streets"

    tenant: str = Field(sa_column=Column(Text, primary_key=True))
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    origin: UUID


class UnitRow(DispatchTable, table=True):
    """`version` is the street's with which the row came to be as it is."""

    __tablename__ = "units"

    tenant: str = Field(sa_column=Column(Text, primary_key=True))
    code: str = Field(sa_column=Column(Text, primary_key=True))
    level: str = _text()
    parent: str | None = Field(sa_column=Column(Text))
    name: str = _text()
    aliases: list[str] = _json()
    org_id: str = _text()
    org_kind: str = _text()
    org_name: str = _text()
    border: bytes | None = Field(sa_column=Column(LargeBinary))
    version: int = Field(sa_column=Column(BigInteger, nullable=False))


class MemberRow(DispatchTable, table=True):
    """`contact_digest` tells whether a contact has changed since it was sealed; the contact is not kept."""

    __tablename__ = "members"

    tenant: str = Field(sa_column=Column(Text, primary_key=True))
    member_id: str = Field(sa_column=Column(Text, primary_key=True))
    name: str = _text()
    kind: str = _text()
    unit: str = _text()
    org_id: str = _text()
    party_member: bool
    skills: list[str] = _json()
    workload_limit: int = Field(sa_column=Column(SmallInteger, nullable=False))
    contact_digest: str = _text()
    open_orders: int
    absent_until: datetime | None = _time(nullable=True)


class ResponsibilityVersionRow(DispatchTable, table=True):
    """A version of a street's responsibility list, made by an import.

    `told_at` is the moment as of which incident has been told what may be reported.
    """

    __tablename__ = "responsibility_versions"

    tenant: str = Field(sa_column=Column(Text, primary_key=True))
    version: int = Field(sa_column=Column(Integer, primary_key=True))
    imported_at: datetime = _time()
    told_at: datetime = _time()
    added: int
    changed: int
    removed: int


class ResponsibilityRow(DispatchTable, table=True):
    """A row of the list as it was from `version` on; it is never changed, but for the version that has it no more."""

    __tablename__ = "responsibilities"

    tenant: str = Field(sa_column=Column(Text, primary_key=True))
    category: str = Field(sa_column=Column(Text, primary_key=True))
    name_zh: str = _text()
    name_en: str = _text()
    area: str = _text()
    kind: str = _text()
    registration: str = _text()
    start_level: str = _text()
    org_kind: str = _text()
    skills: list[str] = _json()
    claim_amount: int
    claim_unit: str = _text()
    handle_amount: int
    handle_unit: str = _text()
    check_amount: int
    check_unit: str = _text()
    evidence: str = _text()
    points: int
    standard_ref: str = _text()
    condition: str = Field(sa_column=Column(Text, primary_key=True))
    effective_from: date = Field(sa_column=Column(Date, primary_key=True))
    effective_until: date = Field(sa_column=Column(Date, nullable=False))
    version: int = Field(sa_column=Column(Integer, primary_key=True))
    retired_version: int | None


class CalendarDayRow(DispatchTable, table=True):
    """A day that the street works or not, whatever the country does."""

    __tablename__ = "calendar_days"

    tenant: str = Field(sa_column=Column(Text, primary_key=True))
    day: date = Field(sa_column=Column(Date, primary_key=True))
    kind: str = _text()
    name: str = _text()


class HoursRow(DispatchTable, table=True):
    """Working hours of a day, from and until; a street without any has the usual ones."""

    __tablename__ = "working_hours"

    tenant: str = Field(sa_column=Column(Text, primary_key=True))
    opens: time = Field(sa_column=Column(Time, primary_key=True))
    closes: time = Field(sa_column=Column(Time, nullable=False))


class PlaceRow(DispatchTable, table=True):
    """An entry of the street's gazetteer: it lies in a unit, or has a point."""

    __tablename__ = "places"

    tenant: str = Field(sa_column=Column(Text, primary_key=True))
    place_id: str = Field(sa_column=Column(Text, primary_key=True))
    name: str = _text()
    kind: str = _text()
    aliases: list[str] = _json()
    former_names: list[str] = _json()
    unit: str | None = Field(sa_column=Column(Text))
    longitude: float | None
    latitude: float | None


class RoutingRuleRow(DispatchTable, table=True):
    __tablename__ = "routing_rules"

    tenant: str = Field(sa_column=Column(Text, primary_key=True))
    number: int = Field(sa_column=Column(SmallInteger, primary_key=True))
    category: str = _text()
    area: str = _text()
    request_kind: str | None = Field(sa_column=Column(Text))
    within: str | None = Field(sa_column=Column(Text))
    to_unit: str | None = Field(sa_column=Column(Text))
    to_org_kind: str | None = Field(sa_column=Column(Text))
    note: str = _text()


class OrderRow(DispatchTable, table=True):
    __tablename__ = "orders"

    order_id: UUID = Field(primary_key=True)
    tenant: str = _text()
    case_id: UUID
    case_no: str = _text()
    category: str = _text()
    category_name: str = _text()
    summary: str = _text()
    state: str = _text()
    unit: str = _text()
    level: str = _text()
    org_id: str = _text()
    member_id: str | None = Field(sa_column=Column(Text))
    offered_to: list[str] = _json()
    reach: str = _text()
    offers: int = Field(sa_column=Column(SmallInteger, nullable=False))
    lease_ends_at: datetime | None = _time(nullable=True)
    given_back_by: list[str] = _json()
    held_by: list[str] = _json()
    reported_by_member: str | None = Field(sa_column=Column(Text))
    place: dict[str, Any] = _json()
    evidence: str = _text()
    points: int
    claim_by: datetime = _time()
    handle_by: datetime = _time()
    check_by: datetime = _time()
    clocks: dict[str, Any] = _json()
    stage_began_at: datetime = _time()
    moved_at: datetime = _time()
    spent: timedelta = Field(sa_column=Column(Interval, nullable=False))
    extended_times: int = Field(sa_column=Column(SmallInteger, nullable=False))
    suspended_times: int = Field(sa_column=Column(SmallInteger, nullable=False))
    suspended_at: datetime | None = _time(nullable=True)
    suspended_until: datetime | None = _time(nullable=True)
    in_kpis: bool
    handled_at: datetime | None = _time(nullable=True)
    note: str = _text()
    photos: list[str] = _json()
    rework_count: int = Field(sa_column=Column(SmallInteger, nullable=False))
    opening: int = Field(sa_column=Column(SmallInteger, nullable=False))
    because: list[str] = _json()
    appointment_starts_at: datetime | None = _time(nullable=True)
    appointment_ends_at: datetime | None = _time(nullable=True)
    documents: list[str] = _json()
    appointment_changes: int = Field(sa_column=Column(SmallInteger, nullable=False))
    request_kind: str = _text()
    responsibility_version: int | None
    skills: list[str] = _json()


class ApprovalRow(DispatchTable, table=True):
    __tablename__ = "approvals"

    approval_id: UUID = Field(primary_key=True)
    tenant: str = _text()
    order_id: UUID
    case_no: str = _text()
    kind: str = _text()
    state: str = _text()
    reason: str = _text()
    note: str = _text()
    amount: int = Field(sa_column=Column(SmallInteger, nullable=False))
    asked_by: str = _text()
    asked_by_org: str = _text()
    asked_at: datetime = _time()
    unit: str = _text()
    org_id: str = _text()
    decided_by: str | None = Field(sa_column=Column(Text))
    decided_at: datetime | None = _time(nullable=True)
    answer: str = _text()


class InspectionRow(DispatchTable, table=True):
    __tablename__ = "inspections"

    inspection_id: UUID = Field(primary_key=True)
    tenant: str = _text()
    kind: str = _text()
    state: str = _text()
    case_id: UUID
    case_no: str = _text()
    order_id: UUID | None
    category: str = _text()
    category_name: str = _text()
    skills: list[str] = _json()
    summary: str = _text()
    unit: str = _text()
    org_id: str = _text()
    member_id: str | None = Field(sa_column=Column(Text))
    asked: list[str] = _json()
    without: list[str] = _json()
    lapses: int = Field(sa_column=Column(SmallInteger, nullable=False))
    clock: dict[str, Any] = _json()
    made_at: datetime = _time()
    due_at: datetime = _time()
    done_by: str | None = Field(sa_column=Column(Text))
    done_at: datetime | None = _time(nullable=True)
    holds: bool | None
    note: str = _text()
    photos: list[str] = _json()


def select(model: type[SQLModel], rest: str, without: Collection[str] = ()) -> TextClause:
    """Each column of the rows by its name: what a later version adds to the table changes no answer."""
    table = table_of(model)
    names = ", ".join(f'"{column.name}"' for column in table.columns if column.name not in without)
    return text(f'SELECT {names} FROM "{table.name}" {rest}')
