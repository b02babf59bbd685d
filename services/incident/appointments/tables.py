"""The window of a case, changed."""

from __future__ import annotations

from collections.abc import Sequence

from libs.chassis.db.database import Database
from libs.contracts.values import Appointment
from services.incident.cases.tables import Case, LockedCase


async def change_appointments(db: Database, changed: Sequence[tuple[LockedCase, Appointment, int]]) -> None:
    """By locked case the new window, and how many changes there were."""
    rows = [
        {
            "tenant": case.tenant,
            "case_id": case.case_id,
            "appointment_starts_at": wanted.starts_at,
            "appointment_ends_at": wanted.ends_at,
            "appointment_changes": changes,
        }
        for case, wanted, changes in changed
    ]
    await db.update(Case, ["tenant", "case_id"], rows)
