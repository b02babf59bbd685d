"""The window of a case, changed."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from libs.chassis.db.database import Database
from libs.contracts.values import Appointment
from services.incident.cases.tables import LockedCase

CHANGE_APPOINTMENTS = text(
    """
    UPDATE cases SET appointment_starts_at = new.starts_at, appointment_ends_at = new.ends_at,
        appointment_changes = new.changes
    FROM unnest(CAST(:tenant AS text[]), CAST(:case_id AS uuid[]), CAST(:starts_at AS timestamptz[]),
        CAST(:ends_at AS timestamptz[]), CAST(:changes AS smallint[]))
        AS new (tenant, case_id, starts_at, ends_at, changes)
    WHERE cases.tenant = new.tenant AND cases.case_id = new.case_id
    """
)


async def change_appointments(db: Database, changed: Sequence[tuple[LockedCase, Appointment, int]]) -> None:
    """By locked case the new window, and how many changes there were."""
    columns = {
        "tenant": [case.tenant for case, _, _ in changed],
        "case_id": [case.case_id for case, _, _ in changed],
        "starts_at": [wanted.starts_at for _, wanted, _ in changed],
        "ends_at": [wanted.ends_at for _, wanted, _ in changed],
        "changes": [changes for _, _, changes in changed],
    }
    await db.execute(CHANGE_APPOINTMENTS, columns)
