"""What happens when the time of an order is nearly over, and when it is: a warning, then one level up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from libs.contracts.dispatch import DeadlineNear, EscalationCause, OrderEscalated, OrderOverdue
from services.dispatch.domain.offering import ANYBODY, candidates, choose, new_claim_by, offer
from services.dispatch.domain.order import Changed, Order, State, about
from services.dispatch.domain.street import Street


def escalate(
    order: Order, cause: EscalationCause, street: Street, workload: Mapping[str, int], now: datetime
) -> Changed:
    """One level up. Who has claimed it keeps it; an unclaimed order is offered to the members of that level."""
    here = street.units[order.unit]
    above = street.units.get(here.parent) if here.parent else None
    if above is None:
        return Changed(order, ())
    raised = replace(order, unit=above.code, level=above.level, org_id=above.org_id, moved_at=now)
    fact = OrderEscalated(
        **about(order, now),
        cause=cause,
        from_unit=here.code,
        from_org=here.org_id,
        to_unit=above.code,
        to_org=above.org_id,
        to_level=above.level,
    )
    if raised.state is not State.OFFERED:
        return Changed(raised, (fact,))
    # Somebody new is asked: whom it was offered to before has let the time pass.
    without = (*order.given_back_by, *order.offered_to)
    near = candidates(above.code, ANYBODY, street)
    raised = replace(
        raised,
        offered_to=choose(near, street, workload, without) or order.offered_to,
        claim_by=new_claim_by(order, street, now),
        stage_began_at=now,
    )
    return Changed(raised, (fact, offer(raised, street, now)))


def warn(order: Order, now: datetime) -> Changed:
    """Amber: 80 % of the stage's time is over."""
    running = order.running
    if running is None:
        return Changed(order, ())
    fact = DeadlineNear(
        **about(order, now),
        stage=running.stage,
        due_at=running.due_at,
        org_id=order.org_id,
        member_ids=order.people,
    )
    return Changed(order, (fact,))


def lapse(order: Order, street: Street, workload: Mapping[str, int], now: datetime) -> Changed:
    """Red: the stage's time is over. The level above has it from now on."""
    running = order.running
    if running is None:
        return Changed(order, ())
    overdue = OrderOverdue(
        **about(order, now),
        stage=running.stage,
        due_at=running.due_at,
        org_id=order.org_id,
        unit=order.unit,
        member_ids=order.people,
    )
    up = escalate(order, EscalationCause.OVERDUE, street, workload, now)
    return Changed(up.order, (overdue, *up.facts))
