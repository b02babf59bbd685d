"""What every fact about a case says."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from libs.contracts.incident import CaseRegistered, CaseRejected, CaseVoided, EndReason
from libs.contracts.message import Event
from services.incident.cases.domain.case import Standing, State
from services.incident.cases.domain.redaction import redact
from services.incident.cases.tables import LockedCase


def about(case: LockedCase, at: datetime) -> dict[str, Any]:
    """What every fact about the case says."""
    return {
        "tenant": case.tenant,
        "occurred_at": at,
        "case_id": case.case_id,
        "case_no": case.case_no,
        "sender": case.sender,
        "reporter_id": case.reporter_id,
    }


def of_decision(
    case: LockedCase, before: Standing, now: Standing, reason: EndReason | None, note: str | None, at: datetime
) -> Event:
    """Registered; rejected or voided, where there is a reason."""
    verify_asked = before.state is State.VERIFYING
    if reason is None:
        return CaseRegistered(**about(case, at), **case.content.told(), verify_asked=verify_asked)
    said: dict[str, Any] = {
        **about(case, at),
        "category_name": case.content.category_name,
        "end_reason": reason,
        "note": redact(note) if note else None,
        "verify_asked": verify_asked,
    }
    return CaseVoided(**said, opening=now.opening) if now.state is State.VOID else CaseRejected(**said)
