"""What the service tells about a case that changed."""

from __future__ import annotations

from datetime import datetime

from libs.contracts.incident import CaseClosed, CaseEvaluated, CaseRegistered, CaseRejected, CaseReopened, CaseResolved
from libs.contracts.message import Event, OrderEvent
from libs.contracts.words import Place, Point, RequestKind
from services.incident.domain.case import Closing, Standing, State
from services.incident.domain.feedback import REOPENED_AT_MOST, Evaluation
from services.incident.domain.redaction import redact, summarise
from services.incident.tables.cases import Known


def of_decision(case: Known, now: Standing, reason: str | None, at: datetime) -> Event:
    """Registered or rejected, after staff decided."""
    row = case.row
    if now.state is State.REJECTED:
        return CaseRejected(
            tenant=case.tenant,
            occurred_at=at,
            case_id=case.case_id,
            case_no=case.case_no,
            category_name=row["category_name"],
            reason=redact(reason or ""),
            reporter_id=row["reporter_id"],
        )
    point = Point(longitude=row["longitude"], latitude=row["latitude"]) if row["longitude"] is not None else None
    return CaseRegistered(
        tenant=case.tenant,
        occurred_at=at,
        case_id=case.case_id,
        case_no=case.case_no,
        category=row["category"],
        category_name=row["category_name"],
        request_kind=RequestKind(row["request_kind"]),
        place=Place(point=point, name=row["place_name"]),
        summary=summarise(row["text"]),
        reporter_id=row["reporter_id"],
        reported_by_member=row["reported_by_member"],
    )


def of_order(case: Known, before: Standing, now: Standing, fact: OrderEvent) -> list[Event]:
    """Resolved or closed, where the fact made the case so."""
    if now.moved == before.moved or now.state not in (State.RESOLVED, State.CLOSED):
        return []
    kind = CaseResolved if now.state is State.RESOLVED else CaseClosed
    return [
        kind(
            tenant=case.tenant,
            occurred_at=fact.occurred_at,
            case_id=case.case_id,
            case_no=case.case_no,
            order_id=fact.order_id,
            reporter_id=case.row["reporter_id"],
        )
    ]


def of_evaluation(case: Known, closing: Closing, now: Standing, evaluation: Evaluation, at: datetime) -> list[Event]:
    """Evaluated, and reopened where it was."""
    told: list[Event] = [
        CaseEvaluated(
            tenant=case.tenant,
            occurred_at=at,
            case_id=case.case_id,
            case_no=case.case_no,
            order_id=closing.order_id,
            satisfied=evaluation.satisfied,
        )
    ]
    if evaluation.reopened:
        told.append(
            CaseReopened(
                tenant=case.tenant,
                occurred_at=at,
                case_id=case.case_id,
                case_no=case.case_no,
                order_id=closing.order_id,
                times=now.reopened_times,
                to_street=now.reopened_times == REOPENED_AT_MOST,
                reporter_id=case.row["reporter_id"],
            )
        )
    return told
