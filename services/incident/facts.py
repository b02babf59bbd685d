"""What the service tells about a case that changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from libs.contracts.incident import (
    CaseAppointmentChanged,
    CaseClosed,
    CaseEvaluated,
    CaseMerged,
    CaseRegistered,
    CaseRejected,
    CaseReopened,
    CaseResolved,
    CaseUnmerged,
    CaseVoided,
    EndReason,
)
from libs.contracts.message import Event, OrderEvent
from libs.contracts.values import Appointment, Place, Point, RequestKind
from services.incident.domain.appointment import window
from services.incident.domain.case import Closing, Standing, State
from services.incident.domain.feedback import REOPENED_AT_MOST, Evaluation
from services.incident.domain.redaction import redact, summarise
from services.incident.tables.cases import Known


def of_decision(
    case: Known, before: Standing, now: Standing, reason: EndReason | None, note: str | None, at: datetime
) -> Event:
    """Registered, rejected or voided, after somebody decided."""
    verify_asked = before.state is State.VERIFYING
    if reason is None:
        return CaseRegistered(**_about(case, at), **_content(case), verify_asked=verify_asked)
    said: dict[str, Any] = {
        **_about(case, at),
        "category_name": case.row["category_name"],
        "end_reason": reason,
        "note": redact(note) if note else None,
        "verify_asked": verify_asked,
    }
    return CaseVoided(**said, opening=now.opening) if now.state is State.VOID else CaseRejected(**said)


def of_merging(case: Known, before: Standing, now: Standing, into: Known, at: datetime) -> Event:
    return CaseMerged(
        **_about(case, at),
        into_case_id=into.case_id,
        into_case_no=into.case_no,
        opening=now.opening,
        verify_asked=before.state is State.VERIFYING,
    )


def of_unmerging(case: Known, now: Standing, out_of: Known, at: datetime) -> Event:
    return CaseUnmerged(
        **_about(case, at),
        **_content(case),
        from_case_id=out_of.case_id,
        from_case_no=out_of.case_no,
        opening=now.opening or 0,
    )


def of_appointment(
    case: Known, wanted: Appointment, changes: int, by_member: str | None, at: datetime
) -> CaseAppointmentChanged:
    return CaseAppointmentChanged(
        **_about(case, at),
        appointment=wanted,
        changes=changes,
        by_member=by_member,
        opening=case.standing.opening,
    )


def of_order(case: Known, before: Standing, now: Standing, fact: OrderEvent) -> list[Event]:
    """Resolved or closed, where the fact made the case so."""
    if now.moved == before.moved or now.state not in (State.RESOLVED, State.CLOSED):
        return []
    kind = CaseResolved if now.state is State.RESOLVED else CaseClosed
    return [kind(**_about(case, fact.occurred_at), order_id=fact.order_id)]


def of_evaluation(
    case: Known, closing: Closing, now: Standing, evaluation: Evaluation, at: datetime, *, first: bool
) -> list[Event]:
    """Evaluated, and reopened where it was. Of several reporters the first counts, and who has it reopened."""
    told: list[Event] = []
    if first or evaluation.reopened:
        told.append(
            CaseEvaluated(
                tenant=case.tenant,
                occurred_at=at,
                case_id=case.case_id,
                case_no=case.case_no,
                order_id=closing.order_id,
                satisfied=evaluation.satisfied,
            )
        )
    if evaluation.reopened:
        told.append(
            CaseReopened(
                **_about(case, at),
                order_id=closing.order_id,
                opening=now.opening or 0,
                times=now.reopened_times,
                to_street=now.reopened_times == REOPENED_AT_MOST,
            )
        )
    return told


def _about(case: Known, at: datetime) -> dict[str, Any]:
    """What every fact about the case says."""
    return {
        "tenant": case.tenant,
        "occurred_at": at,
        "case_id": case.case_id,
        "case_no": case.case_no,
        "reporter_id": case.row["reporter_id"],
    }


def _content(case: Known) -> dict[str, Any]:
    """What an order takes over from the case."""
    row = case.row
    point = Point(longitude=row["longitude"], latitude=row["latitude"]) if row["longitude"] is not None else None
    return {
        "category": row["category"],
        "category_name": row["category_name"],
        "request_kind": RequestKind(row["request_kind"]),
        "place": Place(point=point, name=row["place_name"]),
        "summary": summarise(row["text"]),
        "reported_by_member": row["reported_by_member"],
        "appointment": window(row["appointment_starts_at"], row["appointment_ends_at"]),
        "documents": tuple(row["documents"]),
    }
