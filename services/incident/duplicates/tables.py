"""Cases under way that may be the same matter as one."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import text

from libs.chassis.db.database import Database, Record
from services.incident.duplicates import domain
from services.incident.duplicates.domain import LATELY, Box, Candidate, Sighting, box_around

COMPARED_AT_MOST = 500
NOWHERE = Box(0.0, 0.0, -1.0, -1.0)
"""Holds no point: a report without one is compared by the name of its place."""
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
    alike = domain.candidates(_sighting(case), map(_sighting, near))
    return [(found[candidate.case_no], candidate) for candidate in alike]


def _sighting(row: Record) -> Sighting:
    return Sighting(row.case_no, row.longitude, row.latitude, row.place_name, row.reported_at, row.text)
