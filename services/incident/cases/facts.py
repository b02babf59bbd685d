"""What every fact about a case says, and what an order takes over from it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.incident.cases.domain.redaction import public_place, summarise
from services.incident.cases.tables import LockedCase


def about(case: LockedCase, at: datetime) -> dict[str, Any]:
    """What every fact about the case says."""
    return {
        "tenant": case.tenant,
        "occurred_at": at,
        "case_id": case.case_id,
        "case_no": case.case_no,
        "reporter_id": case.reporter_id,
    }


def content(case: LockedCase) -> dict[str, Any]:
    """What an order takes over from the case."""
    said = case.content
    return {
        "category": said.category,
        "category_name": said.category_name,
        "request_kind": said.request_kind,
        "place": public_place(said.place),
        "summary": summarise(said.text),
        "reported_by_member": said.reported_by_member,
        "appointment": said.appointment,
        "documents": said.documents,
    }
