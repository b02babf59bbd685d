"""Which facts the timelines have already."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import text

from libs.chassis.db.columns import columns_of
from libs.chassis.db.database import Database

RECORDED = text(
    """
    SELECT entry_id FROM timeline JOIN unnest(
        CAST(:tenants AS text[]), CAST(:ids AS uuid[]), CAST(:entries AS uuid[])) AS asked (tenant, case_id, entry_id)
        USING (tenant, case_id, entry_id)
    """
)


async def recorded(db: Database, entries: Iterable[tuple[str, UUID, UUID]]) -> set[UUID]:
    """Those of (tenant, case, entry) that a timeline has already."""
    tenants, ids, of = columns_of(sorted(set(entries)), 3)
    return {row.entry_id for row in await db.rows(RECORDED, {"tenants": tenants, "ids": ids, "entries": of})}
