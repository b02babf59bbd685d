"""Cases of a street, by what is wanted of them, and those that belong to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text

from libs.chassis.db.database import Database, Record

JOINED = text("SELECT case_no FROM cases WHERE tenant = :tenant AND merged_into = :case_no ORDER BY case_no")
CHILDREN = text("SELECT case_no, state FROM cases WHERE tenant = :tenant AND parent = :case_no ORDER BY case_no")
# For each state its first cases by the index cases_state, of one sender by cases_sender; the first of all states are
# among them. NULLS is a hint to the planner, since no id is null: without it the whole primary key would be read for
# the cases of a rare state.
_WANTED = """
    FROM unnest(CAST(:states AS text[])) AS wanted (state) CROSS JOIN LATERAL (
        SELECT * FROM cases WHERE tenant = :tenant AND {of}state = wanted.state AND {beyond}
            AND (CAST(:category AS text) IS NULL OR category = :category)
            AND (CAST(:request_kind AS text) IS NULL OR request_kind = :request_kind)
            AND (CAST(:since AS timestamptz) IS NULL OR reported_at >= :since)
            AND (CAST(:until AS timestamptz) IS NULL OR reported_at < :until)
            AND (CAST(:words AS text) IS NULL OR position(lower(:words) IN lower(cases.text)) > 0)
            AND (CAST(:settled AS boolean) IS NULL OR (settled_at IS NOT NULL) = :settled)
        {order}) found
"""
_LINE = """
    SELECT case_id, case_no, found.state, sender, request_kind, category, category_name, place_name, component,
        reported_at, handle_by, reopened_times, changed_at, followers, particulars, text
"""
_NEWEST = "case_id DESC NULLS LAST"
_OLDEST = "case_id NULLS FIRST"
_OF_SENDER = "sender = :sender AND "
_BEFORE = "(CAST(:after AS uuid) IS NULL OR case_id < :after)"
_AFTER = "case_id > coalesce(CAST(:after AS uuid), '00000000-0000-0000-0000-000000000000')"


def _page(of: str, beyond: str, order: str) -> TextClause:
    ordered = f"ORDER BY {order} LIMIT :limit"
    return text(_LINE + _WANTED.format(of=of, beyond=beyond, order=ordered) + ordered)


def _counted(of: str) -> TextClause:
    most = _WANTED.format(of=of, beyond="true", order=f"ORDER BY {_NEWEST} LIMIT :most")
    return text(f"SELECT count(*) FROM (SELECT 1 {most} LIMIT :most) AS counted")


def _all(of: str) -> TextClause:
    return text("SELECT found.*" + _WANTED.format(of=of, beyond="true", order="") + "ORDER BY case_id")


NEWEST, NEWEST_OF_SENDER = _page("", _BEFORE, _NEWEST), _page(_OF_SENDER, _BEFORE, _NEWEST)
OLDEST, OLDEST_OF_SENDER = _page("", _AFTER, _OLDEST), _page(_OF_SENDER, _AFTER, _OLDEST)
COUNT, COUNT_OF_SENDER = _counted(""), _counted(_OF_SENDER)
EXPORT, EXPORT_OF_SENDER = _all(""), _all(_OF_SENDER)
COUNTS = text("SELECT state, count(*) AS count FROM cases WHERE tenant = :tenant GROUP BY state")


async def joined(db: Database, case: Record) -> list[str]:
    """The cases that were merged into the case."""
    rows = await db.rows(JOINED, {"tenant": case.tenant, "case_no": case.case_no})
    return [row.case_no for row in rows]


async def children(db: Database, case: Record) -> list[dict[str, Any]]:
    rows = await db.rows(CHILDREN, {"tenant": case.tenant, "case_no": case.case_no})
    return [dict(row) for row in rows]


async def cases(
    db: Database, wanted: Mapping[str, Any], after: UUID | None, limit: int, *, newest: bool
) -> Sequence[Record]:
    """A page of the cases that are wanted (see _WANTED), and one more where there is one."""
    if wanted["sender"] is None:
        statement = NEWEST if newest else OLDEST
    else:
        statement = NEWEST_OF_SENDER if newest else OLDEST_OF_SENDER
    return await db.rows(statement, {**wanted, "after": after, "limit": limit + 1})


def count_of(wanted: Mapping[str, Any]) -> TextClause:
    """The statement that counts what is wanted."""
    return COUNT if wanted["sender"] is None else COUNT_OF_SENDER


def export_of(wanted: Mapping[str, Any]) -> TextClause:
    """The statement that reads all of what is wanted, every column."""
    return EXPORT if wanted["sender"] is None else EXPORT_OF_SENDER


async def counts(db: Database, tenant: str) -> dict[str, int]:
    """Cases per state; a state without cases is not there."""
    return {row.state: row["count"] for row in await db.rows(COUNTS, {"tenant": tenant})}
