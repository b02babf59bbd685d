"""Who reported a case, and who follows one: how it is kept and read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Field

from libs.chassis.db.columns import bytes_column, columns_of, text_column, time_column
from libs.chassis.db.database import Database
from services.notify.table import NotifyTable


class CaseRow(NotifyTable, table=True):
    """Who reported a case, and the encrypted code by which they follow it; or who follows one that others reported.

    Of a follower `case_id` is the follower's own id, and `follower_of` the case. `follows` is the case of which they
    hear: that one, or the one that it was merged into.
    """

    __tablename__ = "cases"

    tenant: str = text_column(key=True)
    case_id: UUID = Field(primary_key=True)
    case_no: str = text_column()
    recipient_id: str | None = text_column(nullable=True)
    tracking: bytes | None = bytes_column(nullable=True)
    reported_at: datetime = time_column()
    follows: UUID | None = None
    follows_since: datetime | None = time_column(nullable=True)
    follower_of: UUID | None = None


CaseKey = tuple[str, UUID]
"""(tenant, case_id)"""

# Who tells something of a case holds it and then reads who follows it; who begins to follow it holds it alone
# (audience.tables.HOLD_FOLLOWED) and then reads what was told. So of two at once one sees the other.
REPORTERS = text(
    """
    SELECT tenant, case_id, recipient_id FROM cases
    JOIN unnest(CAST(:tenants AS text[]), CAST(:cases AS uuid[])) AS asked (tenant, case_id) USING (tenant, case_id)
    ORDER BY tenant, case_id FOR KEY SHARE OF cases
    """
)
FOLLOWING = text(
    """
    SELECT c.tenant, c.follows AS case_id, c.recipient_id
    FROM unnest(CAST(:tenants AS text[]), CAST(:cases AS uuid[])) AS asked (tenant, case_id)
    JOIN cases c ON c.tenant = asked.tenant AND c.follows = asked.case_id
    """
)
_FOLLOW = """
    UPDATE cases c SET follows = {follows}, follows_since = f.since
    FROM unnest(CAST(:tenants AS text[]), CAST(:cases AS uuid[]), CAST(:follows AS uuid[]),
                CAST(:since AS timestamptz[])) AS f (tenant, case_id, follows, since)
    WHERE c.tenant = f.tenant AND c.{of} = f.case_id AND (c.follows_since IS NULL OR c.follows_since < f.since)
"""
FOLLOW = text(_FOLLOW.format(follows="f.follows", of="case_id"))
FOLLOW_ON = text(_FOLLOW.format(follows="coalesce(f.follows, f.case_id)", of="follower_of"))
FOLLOWERS = text(
    """
    INSERT INTO cases (tenant, case_id, case_no, recipient_id, tracking, reported_at, follows, follows_since,
        follower_of)
    SELECT f.tenant, f.id, f.case_no, f.recipient_id, f.tracking, f.since, coalesce(c.follows, c.case_id),
        coalesce(c.follows_since, f.since), c.case_id
    FROM unnest(CAST(:tenant AS text[]), CAST(:case_id AS uuid[]), CAST(:follower_id AS uuid[]),
        CAST(:case_no AS text[]), CAST(:recipient_id AS text[]), CAST(:tracking AS bytea[]),
        CAST(:followed_at AS timestamptz[])) AS f (tenant, case_id, id, case_no, recipient_id, tracking, since)
    JOIN cases c USING (tenant, case_id)
    ON CONFLICT DO NOTHING
    """
)
UNFOLLOW = text(
    """
    DELETE FROM cases c USING unnest(CAST(:tenants AS text[]), CAST(:ids AS uuid[])) AS f (tenant, id)
    WHERE (c.tenant, c.case_id) = (f.tenant, f.id) AND c.follower_of IS NOT NULL
    RETURNING c.tenant, c.case_id
    """
)


async def keep_cases(db: Database, rows: Sequence[Mapping[str, Any]]) -> None:
    await db.insert(CaseRow, rows, skip_existing=True)


async def keep_followers(db: Database, rows: Sequence[Mapping[str, Any]]) -> None:
    """Of cases that are known here."""
    if rows:
        await db.execute(FOLLOWERS, {column: [row[column] for row in rows] for column in rows[0]})


async def forget_followers(db: Database, followers: Sequence[tuple[str, UUID]]) -> set[tuple[str, UUID]]:
    """Those that were known."""
    tenants, ids = columns_of(followers, 2)
    return {(row.tenant, row.case_id) for row in await db.rows(UNFOLLOW, {"tenants": tenants, "ids": ids})}


async def follow(db: Database, merged: Sequence[tuple[str, UUID, UUID | None, datetime]]) -> None:
    """(tenant, case, case that it was merged into or None, since): the latest stays, in whichever order they come."""
    latest = {(tenant, case_id): (follows, since) for tenant, case_id, follows, since in sorted(merged, key=_since)}
    if not latest:
        return
    merged_on = {
        "tenants": [tenant for tenant, _ in latest],
        "cases": [case_id for _, case_id in latest],
        "follows": [follows for follows, _ in latest.values()],
        "since": [since for _, since in latest.values()],
    }
    await db.execute(FOLLOW, merged_on)
    await db.execute(FOLLOW_ON, merged_on)


def _since(merged: tuple[str, UUID, UUID | None, datetime]) -> datetime:
    return merged[3]


async def reporters_of(db: Database, cases: Sequence[CaseKey]) -> dict[CaseKey, list[str]]:
    """Who reported each case that is known here, or one that was merged into it; nobody where none left a contact."""
    tenants, ids = columns_of(sorted(set(cases)), 2)
    asked = {"tenants": tenants, "cases": ids}
    rows = [*await db.rows(REPORTERS, asked), *await db.rows(FOLLOWING, asked)]
    found: dict[CaseKey, list[str]] = {}
    for row in rows:
        reporters = found.setdefault((row.tenant, row.case_id), [])
        if row.recipient_id is not None:
            reporters.append(row.recipient_id)
    return found
