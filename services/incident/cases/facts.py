"""What every fact about a case says, and what an order takes over from it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from libs.contracts.values import Place, Point, RequestKind
from services.incident.cases.domain.case import window
from services.incident.cases.domain.redaction import public_place, summarise
from services.incident.cases.tables import LockedCase


def about(case: LockedCase, at: datetime) -> dict[str, Any]:
    """What every fact about the case says."""
    return {
        "tenant": case.tenant,
        "occurred_at": at,
        "case_id": case.case_id,
        "case_no": case.case_no,
        "reporter_id": case.row["reporter_id"],
    }


def content(case: LockedCase) -> dict[str, Any]:
    """What an order takes over from the case."""
    row = case.row
    point = Point(longitude=row["longitude"], latitude=row["latitude"]) if row["longitude"] is not None else None
    return {
        "category": row["category"],
        "category_name": row["category_name"],
        "request_kind": RequestKind(row["request_kind"]),
        "place": public_place(Place(point=point, name=row["place_name"])),
        "summary": summarise(row["text"]),
        "reported_by_member": row["reported_by_member"],
        "appointment": window(row["appointment_starts_at"], row["appointment_ends_at"]),
        "documents": tuple(row["documents"]),
    }
