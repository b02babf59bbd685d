"""What cases say, corrected."""

from __future__ import annotations

from collections.abc import Iterable

from libs.chassis.db.database import Database
from services.incident.cases.tables import Case, LockedCase


async def correct(db: Database, cases: Iterable[LockedCase]) -> None:
    """Write what the cases say now."""
    rows = [
        {"tenant": c.tenant, "case_id": c.case_id, "corrections": c.corrections, **c.content.columns()} for c in cases
    ]
    await db.update(Case, ["tenant", "case_id"], rows)
