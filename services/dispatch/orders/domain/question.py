"""An order whose reporter was asked for more: its clock stands still until there is an answer, or none in time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from libs.contracts.dispatch import OrderContinued, OrderPaused
from services.dispatch.calendar.domain import deadline
from services.dispatch.orders.domain import helping
from services.dispatch.orders.domain.appointment import handle_deadline
from services.dispatch.orders.domain.order import (
    Changed,
    Move,
    Order,
    Refusal,
    ReporterAnswer,
    State,
    about,
    move_to,
)
from services.dispatch.orders.domain.suspension import with_deadline
from services.dispatch.street.domain.street import Street


def pause(order: Order, number: int, question: str, answer_by: datetime, now: datetime) -> Changed:
    """The question of this number is open. One that was answered before this was heard of pauses nothing."""
    if number <= order.asked or isinstance(move_to(order, Move.PAUSE), Refusal):
        return Changed(order, ())
    now = order.next_moment(now)
    fact = OrderPaused(
        **about(order, now),
        case_no=order.case_no,
        question=question,
        answer_by=answer_by,
        org_id=order.org_id,
        member_ids=order.people,
    )
    return Changed(replace(order, asked=number, paused_at=order.paused_at or now, moved_at=now), (fact,))


def go_on(order: Order, number: int, answer: ReporterAnswer | None, street: Street, now: datetime) -> Changed:
    """The question of this number is answered, or was not in time (None): the clock runs again with what was left."""
    if number <= order.answered:
        return Changed(order, ())
    answers = (*order.reporter_answers, answer) if answer is not None else order.reporter_answers
    after = replace(order, asked=max(order.asked, number), answered=number, reporter_answers=answers)
    if after.answered < after.asked or isinstance(move_to(order, Move.CONTINUE), Refusal):
        return Changed(after, ())
    now = order.next_moment(now)
    after = replace(running_again(after, street, now), moved_at=now)
    fact = OrderContinued(
        **about(order, now),
        case_no=order.case_no,
        answer=answer.words if answer is not None else None,
        org_id=order.org_id,
        member_ids=order.people,
        claim_by=after.claim_by,
        handle_by=after.handle_by,
        check_by=after.check_by,
    )
    return Changed(after, (fact,))


def running_again(order: Order, street: Street, now: datetime) -> Order:
    """With the time that was left when the clock stopped; nothing was, where it was overdue then."""
    if order.paused_at is None:
        return order
    again = replace(order, paused_at=None)
    calendar, clocks, since = street.calendar, order.clocks, order.paused_at
    if order.state is State.OFFERED:
        began = order.stage_began_at
        left = calendar.elapsed(max(began, since), order.claim_by, clocks.claim.unit)
        if left <= timedelta(0):
            return again
        claim_by = calendar.after(now, left, clocks.claim.unit)
        handle_by = handle_deadline(claim_by, clocks.handle, order.appointment, calendar)
        again = replace(
            again, claim_by=claim_by, handle_by=handle_by, check_by=deadline(handle_by, clocks.check, calendar)
        )
        spent = calendar.elapsed(began, max(began, since), clocks.claim.unit)
        helpers = helping.go_on(again, since, now, street)
        return replace(again, spent=order.spent + spent, stage_began_at=now, helpers=helpers)
    if order.state is State.SUSPENDED:
        return again
    unit, starts = clocks.handle.unit, order.appointment_starts_at or since
    left = calendar.elapsed(max(since, starts), order.handle_by, unit)
    if left <= timedelta(0):
        return again
    began = order.handling_from
    spent = calendar.elapsed(began, max(began, since), unit)
    again = with_deadline(again, calendar.after(max(now, starts), left, unit), street)
    helpers = helping.go_on(again, since, now, street)
    return replace(again, spent=order.spent + spent, stage_began_at=now, helpers=helpers)
