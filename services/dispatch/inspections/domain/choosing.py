"""Who is sent to look: the nearest able member, never one who has had the order or reported it; then an organisation.

Pure, and the same for the same street and workload.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from libs.contracts.dispatch import InspectionAssigned, InspectionKind, InspectionLapsed, InspectionRaised
from libs.contracts.incident import CaseCorrected, VerifyAsked
from libs.contracts.values import RequestKind
from services.dispatch.calendar.domain import deadline
from services.dispatch.inspections.domain.inspection import Inspected, Inspection, State, about, cancel
from services.dispatch.orders.domain.offering import ANYBODY, DESK_CLOCKS, candidates
from services.dispatch.orders.domain.order import Order
from services.dispatch.routing.domain import RoutedTo, Unrouted
from services.dispatch.street.domain.street import Street
from services.dispatch.workload.domain import Workload

LAPSES_AT_MOST = 1
"""A member who does not look in time is replaced so often; after that the organisation above decides."""


def ask_to_check(
    inspection_id: UUID, order: Order, before: Inspection | None, street: Street, loads: Workload, now: datetime
) -> Inspected:
    """The order was handed in. Who found `before` that it was not done is asked first whether it is now."""
    clock = order.clocks.check
    new = Inspection(
        inspection_id=inspection_id,
        tenant=order.tenant,
        kind=InspectionKind.REVIEW if order.request_kind is RequestKind.PROPOSAL else InspectionKind.CHECK,
        state=State.ASSIGNED,
        case_id=order.case_id,
        case_no=order.case_no,
        order_id=order.order_id,
        category=order.category,
        category_name=order.category_name,
        skills=order.skills,
        summary=order.summary,
        place=order.place,
        unit=order.unit,
        org_id=_above(order.unit, street),
        member_id=None,
        asked=(),
        without=_each_once(*order.held_by, order.member_id, order.reported_by_member),
        lapses=0,
        clock=clock,
        made_at=now,
        # What was handed in too late to be checked in time has the time that a check has.
        due_at=order.check_by if order.check_by > now else deadline(now, clock, street.calendar),
    )
    return _ask(new, _nearest(new, street, loads, before.done_by if before else None), street, now)


def ask_to_verify(
    inspection_id: UUID, case: VerifyAsked, routed: RoutedTo | Unrouted, street: Street, loads: Workload
) -> Inspected:
    """A report waits to be verified. It is as urgent as a case of its category is to be claimed."""
    row, now = routed.responsibility, case.occurred_at
    clock = (row.clocks if row else DESK_CLOCKS).claim
    new = Inspection(
        inspection_id=inspection_id,
        tenant=case.tenant,
        kind=InspectionKind.VERIFY,
        state=State.ASSIGNED,
        case_id=case.case_id,
        case_no=case.case_no,
        order_id=None,
        category=case.category,
        category_name=case.category_name,
        skills=row.skills if row else ANYBODY,
        summary=case.summary,
        place=case.place,
        unit=routed.unit.code,
        org_id=_above(routed.unit.code, street),
        member_id=None,
        asked=(),
        without=_each_once(case.reported_by_member),
        lapses=0,
        clock=clock,
        made_at=now,
        due_at=deadline(now, clock, street.calendar),
    )
    return _ask(new, _nearest(new, street, loads), street, now)


def who_may_be_sent(unit: str, skills: frozenset[str], street: Street) -> set[str]:
    """Whoever may be asked to look at something in the unit."""
    return {m for wanted in {skills, ANYBODY} for m in candidates(unit, wanted, street)}


def lapse(of: Inspection, street: Street, loads: Workload, now: datetime) -> Inspected:
    """The member has not looked in time: another is asked once, then the organisation above."""
    assert of.member_id is not None
    told = InspectionLapsed(**about(of, now), member_id=of.member_id, due_at=of.due_at)
    member_id = _nearest(of, street, loads) if of.lapses < LAPSES_AT_MOST else None
    due_at = deadline(now, of.clock, street.calendar) if member_id else of.due_at
    again = _ask(replace(of, lapses=of.lapses + 1, due_at=due_at), member_id, street, now)
    return Inspected(again.inspection, (told, *again.facts))


def hand_over(of: Inspection, street: Street, loads: Workload, now: datetime) -> Inspected:
    """The member is away: another has what is left of the time."""
    return _ask(of, _nearest(of, street, loads), street, now)


def correct_verification(
    of: Inspection, case: CaseCorrected, routed: RoutedTo | Unrouted, street: Street, loads: Workload, now: datetime
) -> Inspected:
    """The report says something else. Who was asked goes on where that is near; else somebody near is sent instead.

    The time to look stays as it is, unless it is over.
    """
    row = routed.responsibility
    right = replace(
        of,
        category=case.category,
        category_name=case.category_name,
        summary=case.summary,
        place=case.place,
        unit=routed.unit.code,
        org_id=_above(routed.unit.code, street),
        skills=row.skills if row else ANYBODY,
        without=_each_once(case.reported_by_member),
        due_at=of.due_at if of.due_at > now else deadline(now, of.clock, street.calendar),
    )
    if of.member_id not in (None, case.reported_by_member) and (right.unit, right.skills) == (of.unit, of.skills):
        told = _ask(right, of.member_id, street, now)
        return Inspected(replace(told.inspection, asked=of.asked), told.facts)
    right = replace(right, asked=())
    sent = _ask(right, _nearest(right, street, loads), street, now)
    relieved = cancel(of, now).facts if sent.inspection.member_id != of.member_id else ()
    return Inspected(sent.inspection, (*relieved, *sent.facts))


def _nearest(of: Inspection, street: Street, loads: Workload, preferred: str | None = None) -> str | None:
    """The nearest able member who is present and has less to do than they may have; None where there is nobody."""
    near = [preferred] if preferred is not None and preferred in street.members else []
    near += candidates(of.unit, of.skills, street)
    near += candidates(of.unit, ANYBODY, street)
    for member_id in near:
        busy = loads.get(member_id, 0) >= street.members[member_id].workload_limit
        if not (busy or member_id in loads.absent or member_id in of.without or member_id in of.asked):
            return member_id
    return None


def _ask(of: Inspection, member_id: str | None, street: Street, now: datetime) -> Inspected:
    """The member, or the organisation above where there is none to be asked."""
    said = {
        **about(of, now),
        "category_name": of.category_name,
        "summary": of.summary,
        "place": of.place,
        "unit": of.unit,
        "unit_name": street.units[of.unit].name,
        "order_id": of.order_id,
    }
    if member_id is None:
        raised = replace(of, state=State.RAISED, member_id=None)
        return Inspected(raised, (InspectionRaised(**said, org_id=of.org_id),))
    asked = replace(of, state=State.ASSIGNED, member_id=member_id, asked=(*of.asked, member_id))
    org_id = street.members[member_id].org_id
    fact = InspectionAssigned(**said, member_id=member_id, org_id=org_id, due_at=of.due_at)
    return Inspected(asked, (fact,))


def _above(unit: str, street: Street) -> str:
    """The organisation one level up; at the street, its own."""
    here = street.units[unit]
    return street.units[here.parent].org_id if here.parent else here.org_id


def _each_once(*members: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(m for m in members if m is not None))
