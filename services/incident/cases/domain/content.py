"""What a case says: what was reported, as the desk may have corrected it."""

from __future__ import annotations

from dataclasses import dataclass

from libs.contracts.values import Appointment, Place, RequestKind

WITH_APPOINTMENT = frozenset({RequestKind.SERVICE_ORDER, RequestKind.ERRAND})


@dataclass(frozen=True, slots=True)
class Content:
    category: str
    category_name: str
    request_kind: RequestKind
    text: str
    place: Place
    reported_by_member: str | None
    appointment: Appointment | None
    documents: tuple[str, ...]
