"""Who follows which case: every query on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Field

from libs.chassis.db.columns import columns_of, time_column
from libs.chassis.db.database import Database, Record
from services.incident.cases.tables import Case, LockedCase
from services.incident.following.domain import Follower
from services.incident.table import IncidentTable


class FollowerRow(IncidentTable, table=True):
    __tablename__ = "followers"

    tenant: str = Field(primary_key=True)
    case_id: UUID = Field(primary_key=True)
    follower_id: UUID = Field(primary_key=True)
    sender: str
    idempotency_key: str
    tracking_code: str
    followed_at: datetime = time_column()
    ended_at: datetime | None = time_column(nullable=True)


KNOWN = text(
    """
    SELECT f.*, c.case_no FROM followers f JOIN cases c USING (tenant, case_id)
    WHERE (f.tenant, f.sender, f.idempotency_key) IN (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:senders AS text[]), CAST(:keys AS text[])))
    """
)
BY_CODE = text(
    """
    SELECT f.*, c.case_no FROM followers f JOIN cases c USING (tenant, case_id)
    WHERE f.tracking_code = ANY(CAST(:codes AS text[]))
    """
)
_FIELDS = tuple(field.name for field in fields(Follower))


async def known(
    db: Database, scopes: Iterable[tuple[str, str, str]]
) -> dict[tuple[str, str, str], tuple[str, Follower]]:
    """By (tenant, sender, key) the number of the case and who follows it already."""
    tenants, senders, keys = columns_of(sorted(set(scopes)), 3)
    rows = await db.rows(KNOWN, {"tenants": tenants, "senders": senders, "keys": keys})
    return {(r.tenant, r.sender, r.idempotency_key): (r.case_no, _follower(r)) for r in rows}


async def by_code(db: Database, codes: Iterable[str]) -> dict[str, tuple[str, Follower]]:
    """By tracking code the number of the case and who follows it."""
    rows = await db.rows(BY_CODE, {"codes": sorted(set(codes))})
    return {r.tracking_code: (r.case_no, _follower(r)) for r in rows}


async def add(db: Database, new: Sequence[Follower]) -> None:
    await db.insert(FollowerRow, [asdict(each) for each in new])


async def end(db: Database, ended: Sequence[Follower]) -> None:
    keys = ("tenant", "case_id", "follower_id")
    rows = [{name: getattr(each, name) for name in (*keys, "ended_at")} for each in ended]
    await db.update(FollowerRow, keys, rows)


async def count(db: Database, cases: Iterable[LockedCase]) -> None:
    """Write how many follow the cases now."""
    rows = [{"tenant": c.tenant, "case_id": c.case_id, "followers": c.followers} for c in cases]
    await db.update(Case, ["tenant", "case_id"], rows)


def _follower(row: Record) -> Follower:
    return Follower(**{name: row[name] for name in _FIELDS})
