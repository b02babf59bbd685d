"""What cases say, corrected."""

from __future__ import annotations

from collections.abc import Iterable

from libs.chassis.db.database import Database
from services.incident.cases.tables import Case, LockedCase


async def correct(db: Database, cases: Iterable[LockedCase]) -> None:
    """Write what the cases say now."""
    rows = []
    for case in cases:
        said, point = case.content, case.content.place.point
        rows.append(
            {
                "tenant": case.tenant,
                "case_id": case.case_id,
                "category": said.category,
                "category_name": said.category_name,
                "request_kind": said.request_kind.value,
                "text": said.text,
                "longitude": point.longitude if point else None,
                "latitude": point.latitude if point else None,
                "place_name": said.place.name,
                "reported_by_member": said.reported_by_member,
                "corrections": case.corrections,
            }
        )
    await db.update(Case, ["tenant", "case_id"], rows)
