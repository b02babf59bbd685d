"""Visited of planned, counted from the rounds' tasks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import text

from libs.chassis.db.database import Database, Record
from services.dispatch.coverage.domain import Counted
from services.dispatch.patrols.domain.patrol import State
from services.dispatch.patrols.tables import TASK_COLUMNS

COVERAGE = text(
    """
    SELECT t.day, t.unit, t.state, count(*) AS tasks FROM patrol_tasks t
    WHERE t.tenant = :tenant AND t.day BETWEEN :first AND :last
        AND (CAST(:campaign_id AS uuid) IS NULL
            OR t.round_id IN (SELECT r.round_id FROM patrol_rounds r WHERE r.campaign_id = :campaign_id))
    GROUP BY t.day, t.unit, t.state
    """
)
MISSED = text(
    f"""
    SELECT {TASK_COLUMNS} FROM patrol_tasks t JOIN patrol_rounds r USING (round_id)
    WHERE t.tenant = :tenant AND t.day BETWEEN :first AND :last AND t.state = 'missed'
        AND (CAST(:campaign_id AS uuid) IS NULL OR r.campaign_id = :campaign_id)
    ORDER BY t.day, t.round_id, t.unit
    """
)


async def coverage(db: Database, tenant: str, first: date, last: date, campaign_id: UUID | None) -> list[Counted]:
    days = {"tenant": tenant, "first": first, "last": last, "campaign_id": campaign_id}
    return [(row.day, row.unit, State(row.state), row.tasks) for row in await db.rows(COVERAGE, days)]


async def missed(db: Database, tenant: str, first: date, last: date, campaign_id: UUID | None) -> Sequence[Record]:
    return await db.rows(MISSED, {"tenant": tenant, "first": first, "last": last, "campaign_id": campaign_id})
