"""Absences: every query on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Field

from libs.chassis.db.columns import text_column, time_column
from libs.chassis.db.database import Database, Record
from services.dispatch.absences.domain import Absence, AbsenceReason
from services.dispatch.table import DispatchTable


class AbsenceRow(DispatchTable, table=True):
    __tablename__ = "absences"

    absence_id: UUID = Field(primary_key=True)
    tenant: str = text_column()
    member_id: str = text_column()
    from_at: datetime = time_column()
    until_at: datetime = time_column()
    reason: str = text_column()


DELETE = text("DELETE FROM absences WHERE absence_id = ANY(CAST(:ids AS uuid[]))")
BY_ID = text("SELECT * FROM absences WHERE absence_id = ANY(CAST(:ids AS uuid[]))")
NOT_OVER = text(
    """
    SELECT a.* FROM absences a
    JOIN unnest(CAST(:tenants AS text[]), CAST(:members AS text[])) AS asked (tenant, member_id)
        USING (tenant, member_id)
    WHERE a.until_at > :now ORDER BY a.tenant, a.member_id, a.from_at
    """
)
AWAY = text(
    """
    SELECT tenant, member_id FROM absences
    WHERE tenant = ANY(CAST(:tenants AS text[])) AND from_at <= :now AND until_at > :now
    """
)
OF_STREET = text(
    """
    SELECT * FROM absences
    WHERE tenant = :tenant AND until_at > :now AND (CAST(:member_id AS text) IS NULL OR member_id = :member_id)
    ORDER BY from_at, absence_id LIMIT :limit
    """
)


async def insert(db: Database, absences: Sequence[Absence]) -> None:
    await db.insert(AbsenceRow, [asdict(absence) for absence in absences])


async def shorten(db: Database, absences: Sequence[Absence]) -> None:
    rows = [{"absence_id": absence.absence_id, "until_at": absence.until_at} for absence in absences]
    await db.update(AbsenceRow, ["absence_id"], rows)


async def delete(db: Database, absences: Sequence[Absence]) -> None:
    await db.execute(DELETE, {"ids": [absence.absence_id for absence in absences]})


async def of_street(db: Database, tenant: str, member_id: str | None, now: datetime, limit: int) -> list[Absence]:
    """Those that are not over, by when they begin."""
    asked = {"tenant": tenant, "member_id": member_id, "now": now, "limit": limit}
    return [_absence(row) for row in await db.rows(OF_STREET, asked)]


async def by_id(db: Database, ids: Iterable[UUID]) -> dict[UUID, Absence]:
    return {row.absence_id: _absence(row) for row in await db.rows(BY_ID, {"ids": sorted(set(ids))})}


async def not_over(
    db: Database, members: Iterable[tuple[str, str]], now: datetime
) -> dict[tuple[str, str], list[Absence]]:
    """By (tenant, member_id), the absences that go on at `now` or are still to come."""
    asked = sorted(set(members))
    found: dict[tuple[str, str], list[Absence]] = {who: [] for who in asked}
    parameters = {"tenants": [t for t, _ in asked], "members": [m for _, m in asked], "now": now}
    for row in await db.rows(NOT_OVER, parameters):
        found[row.tenant, row.member_id].append(_absence(row))
    return found


async def away(db: Database, tenants: Iterable[str], now: datetime) -> dict[str, frozenset[str]]:
    """Who of each street is away now."""
    asked = sorted(set(tenants))
    found: dict[str, set[str]] = {tenant: set() for tenant in asked}
    for row in await db.rows(AWAY, {"tenants": asked, "now": now}):
        found[row.tenant].add(row.member_id)
    return {tenant: frozenset(members) for tenant, members in found.items()}


def _absence(row: Record) -> Absence:
    return Absence(row.absence_id, row.tenant, row.member_id, row.from_at, row.until_at, AbsenceReason(row.reason))
