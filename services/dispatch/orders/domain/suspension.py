"""An order whose clock stands still goes on: before the time is up, or when it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from libs.contracts.dispatch import OrderResumed
from services.dispatch.calendar.domain import deadline
from services.dispatch.orders.domain import helping
from services.dispatch.orders.domain.order import Changed, Decision, Order, Refusal, about, move_to, not_yours
from services.dispatch.orders.domain.order import Move as OrderMove
from services.dispatch.orders.domain.order import State as OrderState
from services.dispatch.street.domain.street import Member, Street


def resume(order: Order, member: Member | None, street: Street, now: datetime) -> Decision:
    """The handler goes on, before the suspension is over."""
    if member is not None and order.state is OrderState.HANDLING and order.member_id == member.member_id:
        return Changed(order, ())
    to = move_to(order, OrderMove.RESUME)
    if isinstance(to, Refusal):
        return to
    if member is None or order.member_id != member.member_id:
        return not_yours(order, street)
    return _resumed(order, to, street, order.next_moment(now))


def time_up(order: Order, street: Street, now: datetime) -> Changed:
    """The suspension is over, and the clock goes on."""
    to = move_to(order, OrderMove.TIME_UP)
    return Changed(order, ()) if isinstance(to, Refusal) else _resumed(order, to, street, order.next_moment(now))


def _resumed(order: Order, to: OrderState, street: Street, now: datetime) -> Changed:
    """What was left of the time to handle it is left still; nothing was, where it was overdue."""
    assert order.suspended_at is not None
    assert order.member_id is not None
    calendar, unit = street.calendar, order.clocks.handle.unit
    began = order.handling_from
    left = calendar.elapsed(max(began, order.suspended_at), order.handle_by, unit)
    after = order if left <= timedelta(0) else with_deadline(order, calendar.after(max(began, now), left, unit), street)
    after = replace(
        after,
        state=to,
        suspended_at=None,
        suspended_until=None,
        stage_began_at=now,
        spent=order.spent + calendar.elapsed(began, max(began, order.suspended_at), unit),
        paused_at=now if order.paused_at is not None else None,
        moved_at=now,
        helpers=helping.go_on(after, order.suspended_at, now, street),
    )
    fact = OrderResumed(
        **about(order, now),
        case_no=order.case_no,
        member_id=order.member_id,
        org_id=street.members[order.member_id].org_id,
        handle_by=after.handle_by,
        check_by=after.check_by,
    )
    return Changed(after, (fact,))


def with_deadline(order: Order, handle_by: datetime, street: Street) -> Order:
    """With another deadline to handle it, and the one to check it after that."""
    return replace(order, handle_by=handle_by, check_by=deadline(handle_by, order.clocks.check, street.calendar))
