"""What an appointment (预约) does to the clocks of an order: the time to handle it begins with the window."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from libs.contracts.dispatch import OrderRescheduled
from libs.contracts.reasons import Explanation, Reason, Why
from libs.contracts.values import Appointment
from libs.street_time import local_minutes
from services.dispatch.calendar.domain import Calendar, Clock, deadline
from services.dispatch.orders.domain.order import Changed, Move, Order, Refusal, State, about, move_to
from services.dispatch.street.domain.street import Street


def claim_deadline(now: datetime, clock: Clock, appointment: Appointment | None, calendar: Calendar) -> datetime:
    """The usual deadline, or the start of the window where that is earlier. Once the window has begun the usual one
    holds: a deadline that is over when it is set would escalate what nobody has seen."""
    usual = deadline(now, clock, calendar)
    return min(usual, appointment.starts_at) if appointment and appointment.starts_at > now else usual


def handle_deadline(begins_at: datetime, clock: Clock, appointment: Appointment | None, calendar: Calendar) -> datetime:
    """The clock begins with the window, where that is later, and who comes within the window is never late."""
    if appointment is None:
        return deadline(begins_at, clock, calendar)
    return max(deadline(max(begins_at, appointment.starts_at), clock, calendar), appointment.ends_at)


def explained(appointment: Appointment | None) -> Explanation:
    """What an order says of its deadlines."""
    if appointment is None:
        return ()
    window = {"starts_at": local_minutes(appointment.starts_at), "ends_at": local_minutes(appointment.ends_at)}
    return (Reason(Why.EXPECTED, window),)


def reschedule(order: Order, wanted: Appointment, changes: int, street: Street, now: datetime) -> Changed:
    """The order with another window and the deadlines that belong to it; one that is handled already stays as it is.

    `changes` counts the changes of the case: of two that come in the wrong order the later one holds.
    """
    if changes <= order.appointment_changes or isinstance(move_to(order, Move.RESCHEDULE), Refusal):
        return Changed(order, ())
    now, calendar, clocks = order.next_moment(now), street.calendar, order.clocks
    claim_by, begins_at = order.claim_by, order.suspended_at or now
    if order.state is State.OFFERED:
        to_come = wanted if wanted.starts_at > now else None
        claim_by = begins_at = claim_deadline(order.stage_began_at, clocks.claim, to_come, calendar)
    handle_by = handle_deadline(begins_at, clocks.handle, wanted, calendar)
    moved = replace(
        order,
        appointment_starts_at=wanted.starts_at,
        appointment_ends_at=wanted.ends_at,
        appointment_changes=changes,
        claim_by=claim_by,
        handle_by=handle_by,
        check_by=deadline(handle_by, clocks.check, calendar),
        spent=timedelta(0),
        moved_at=now,
    )
    fact = OrderRescheduled(
        **about(order, now),
        case_no=order.case_no,
        appointment=wanted,
        org_id=order.org_id,
        member_ids=order.people,
        claim_by=moved.claim_by,
        handle_by=moved.handle_by,
        check_by=moved.check_by,
    )
    return Changed(moved, (fact,))
