"""What is read: a case for staff, a case for who reported it, lists and counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import text

from libs.chassis.db.database import Database, Record
from services.incident.domain import likeness
from services.incident.domain.history import Entry
from services.incident.domain.likeness import LATELY, Box, Candidate, Sighting, box_around

COMPARED_AT_MOST = 500
NOWHERE = Box(0.0, 0.0, -1.0, -1.0)
"""Holds no point: a report without one is compared by the name of its place."""

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
    WHERE tenant = :tenant AND case_id = :case_id AND closing = :closing AND by_case = :by_case
    """
)
JOINED = text("SELECT case_no FROM cases WHERE tenant = :tenant AND merged_into = :case_no ORDER BY case_no")
CHILDREN = text("SELECT case_no, state FROM cases WHERE tenant = :tenant AND parent = :case_no ORDER BY case_no")
# Only what is under way: of that there is an index, which stays small. What is over is reported anew.
NEAR = text(
    """
    SELECT case_no, state, category_name, longitude, latitude, place_name, reported_at, handle_by, text FROM cases
    WHERE tenant = :tenant AND category = :category AND reported_at BETWEEN :since AND :until
        AND state IN ('reported', 'verifying', 'registered', 'in_progress', 'resolved')
        AND (longitude BETWEEN :west AND :east AND latitude BETWEEN :south AND :north OR place_name = :place_name)
    ORDER BY reported_at DESC LIMIT :limit
    """
)
# What is wanted of each state, by cases_state; the first of all states are among them. No id is null: NULLS keeps the
# primary key out, by which PostgreSQL would look for the few cases of a rare state among all that there are.
_WANTED = """
    FROM unnest(CAST(:states AS text[])) AS wanted (state) CROSS JOIN LATERAL (
        SELECT * FROM cases WHERE tenant = :tenant AND state = wanted.state AND {beyond}
            AND (CAST(:category AS text) IS NULL OR category = :category)
            AND (CAST(:request_kind AS text) IS NULL OR request_kind = :request_kind)
            AND (CAST(:since AS timestamptz) IS NULL OR reported_at >= :since)
            AND (CAST(:until AS timestamptz) IS NULL OR reported_at < :until)
            AND (CAST(:words AS text) IS NULL OR position(lower(:words) IN lower(cases.text)) > 0)
            AND (CAST(:settled AS boolean) IS NULL OR (settled_at IS NOT NULL) = :settled)
        {order}) found
"""
_LINE = """
    SELECT case_id, case_no, found.state, request_kind, category, category_name, place_name, reported_at, handle_by,
        reopened_times, changed_at, text
"""
_NEWEST = "case_id DESC NULLS LAST"
_OLDEST = "case_id NULLS FIRST"
NEWEST = text(
    _LINE
    + _WANTED.format(
        beyond="(CAST(:after AS uuid) IS NULL OR case_id < :after)", order=f"ORDER BY {_NEWEST} LIMIT :limit"
    )
    + f"ORDER BY {_NEWEST} LIMIT :limit"
)
OLDEST = text(
    _LINE
    + _WANTED.format(
        beyond="case_id > coalesce(CAST(:after AS uuid), '00000000-0000-0000-0000-000000000000')",
        order=f"ORDER BY {_OLDEST} LIMIT :limit",
    )
    + f"ORDER BY {_OLDEST} LIMIT :limit"
)
_MOST = _WANTED.format(beyond="true", order=f"ORDER BY {_NEWEST} LIMIT :most")
COUNT = text(f"SELECT count(*) FROM (SELECT 1 {_MOST} LIMIT :most) AS counted")
EXPORT = text(_LINE + _WANTED.format(beyond="true", order="") + "ORDER BY case_id")
COUNTS = text("SELECT state, count(*) AS count FROM cases WHERE tenant = :tenant GROUP BY state")
CATEGORIES = text(
    """
    SELECT category, name_zh, name_en, area, registration FROM categories
    WHERE tenant = :tenant AND active ORDER BY category
    """
)


async def case_by_number(db: Database, tenant: str, case_no: str) -> Record | None:
    return await db.one(BY_NUMBER, {"tenant": tenant, "case_no": case_no})


async def case_by_code(db: Database, code: str) -> Record | None:
    return await db.one(BY_CODE, {"code": code})


async def timeline(db: Database, case: Record) -> list[Entry]:
    """In the order of recording."""
    rows = await db.rows(TIMELINE, {"tenant": case.tenant, "case_id": case.case_id})
    return [entry_of(row) for row in rows]


def entry_of(row: Record) -> Entry:
    return Entry(
        row.tenant, row.case_id, row.position, row.entry_id, row.step, row.happened_at, row.recorded_at, row.details
    )


async def evaluation(db: Database, case: Record, by_case: str) -> Record | None:
    """The evaluation of the latest closing by who reported under that number."""
    closing = {"tenant": case.tenant, "case_id": case.case_id, "closing": case.closed_by, "by_case": by_case}
    return await db.one(EVALUATION, closing)


async def joined(db: Database, case: Record) -> list[str]:
    """The cases that were merged into the case."""
    rows = await db.rows(JOINED, {"tenant": case.tenant, "case_no": case.case_no})
    return [row.case_no for row in rows]


async def children(db: Database, case: Record) -> list[dict[str, Any]]:
    rows = await db.rows(CHILDREN, {"tenant": case.tenant, "case_no": case.case_no})
    return [dict(row) for row in rows]


async def candidates(db: Database, case: Record) -> list[tuple[Record, Candidate]]:
    """Cases under way that may be the same matter, the likeliest first."""
    box = box_around(case.longitude, case.latitude) if case.longitude is not None else NOWHERE
    near = await db.rows(
        NEAR,
        {
            "tenant": case.tenant,
            "category": case.category,
            "since": case.reported_at - LATELY,
            "until": case.reported_at + LATELY,
            **asdict(box),
            "place_name": case.place_name,
            "limit": COMPARED_AT_MOST,
        },
    )
    found = {row.case_no: row for row in near}
    alike = likeness.candidates(_sighting(case), map(_sighting, near))
    return [(found[candidate.case_no], candidate) for candidate in alike]


def _sighting(row: Record) -> Sighting:
    return Sighting(row.case_no, row.longitude, row.latitude, row.place_name, row.reported_at, row.text)


async def cases(
    db: Database, wanted: Mapping[str, Any], after: UUID | None, limit: int, *, newest: bool
) -> Sequence[Record]:
    """A page of the cases that are wanted (see _WANTED), and one more where there is one."""
    return await db.rows(NEWEST if newest else OLDEST, {**wanted, "after": after, "limit": limit + 1})


async def counts(db: Database, tenant: str) -> dict[str, int]:
    """Cases per state; a state without cases is not there."""
    return {row.state: row["count"] for row in await db.rows(COUNTS, {"tenant": tenant})}


async def categories(db: Database, tenant: str) -> Sequence[Mapping[str, Any]]:
    return [dict(row) for row in await db.rows(CATEGORIES, {"tenant": tenant})]
