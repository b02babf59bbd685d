"""What is read: a case for staff, a case for who reported it, lists and counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, text

from libs.chassis.database import Database
from services.incident.domain.history import Entry

_CASE = """
    SELECT cases.*, categories.name_en AS category_name_en FROM cases
    LEFT JOIN categories USING (tenant, category) WHERE {condition}
"""
BY_NUMBER = text(_CASE.format(condition="tenant = :tenant AND case_no = :case_no"))
BY_CODE = text(_CASE.format(condition="tracking_code = :code"))
TIMELINE = text(
    """
    SELECT tenant, case_id, position, entry_id, step, happened_at, recorded_at, details, hash FROM timeline
    WHERE tenant = :tenant AND case_id = :case_id ORDER BY position
    """
)
EVALUATION = text(
    """
    SELECT satisfied, words, reopened, evaluated_at FROM evaluations
    WHERE tenant = :tenant AND case_id = :case_id AND closing = :closing
    """
)
# A page of each state, by cases_state; the newest of all states are among them. No id is null: NULLS LAST keeps the
# primary key out, by which PostgreSQL would look for the few cases of a rare state among all that there are.
LIST = text(
    """
    SELECT case_no, newest.state, request_kind, category, category_name, place_name, reported_at, handle_by,
        reopened_times
    FROM unnest(CAST(:states AS text[])) AS wanted (state) CROSS JOIN LATERAL (
        SELECT * FROM cases WHERE tenant = :tenant AND state = wanted.state
        ORDER BY case_id DESC NULLS LAST LIMIT :limit) newest
    ORDER BY case_id DESC LIMIT :limit
    """
)
COUNTS = text("SELECT state, count(*) AS count FROM cases WHERE tenant = :tenant GROUP BY state")
CATEGORIES = text(
    """
    SELECT category, name_zh, name_en, area, registration FROM categories
    WHERE tenant = :tenant AND active ORDER BY category
    """
)


async def case_by_number(db: Database, tenant: str, case_no: str) -> Row[Any] | None:
    return await db.one(BY_NUMBER, {"tenant": tenant, "case_no": case_no})


async def case_by_code(db: Database, code: str) -> Row[Any] | None:
    return await db.one(BY_CODE, {"code": code})


async def timeline(db: Database, case: Row[Any]) -> list[Entry]:
    """In the order of recording."""
    rows = await db.rows(TIMELINE, {"tenant": case.tenant, "case_id": case.case_id})
    return [entry_of(row) for row in rows]


def entry_of(row: Row[Any]) -> Entry:
    return Entry(
        row.tenant, row.case_id, row.position, row.entry_id, row.step, row.happened_at, row.recorded_at, row.details
    )


async def evaluation(db: Database, case: Row[Any]) -> Row[Any] | None:
    """The evaluation of the latest closing."""
    return await db.one(EVALUATION, {"tenant": case.tenant, "case_id": case.case_id, "closing": case.closed_by})


async def newest_cases(db: Database, tenant: str, states: Sequence[str], limit: int) -> Sequence[Mapping[str, Any]]:
    rows = await db.rows(LIST, {"tenant": tenant, "states": list(states), "limit": limit})
    return [dict(row._mapping) for row in rows]


async def counts(db: Database, tenant: str) -> dict[str, int]:
    """Cases per state; a state without cases is not there."""
    return {row.state: row._mapping["count"] for row in await db.rows(COUNTS, {"tenant": tenant})}


async def categories(db: Database, tenant: str) -> Sequence[Mapping[str, Any]]:
    return [dict(row._mapping) for row in await db.rows(CATEGORIES, {"tenant": tenant})]
