"""To whom an order is offered: the nearest qualified members under their workload limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from libs.contracts.dispatch import OrderDispatched, OrderOffered
from services.dispatch.domain.calendar import Clock, Clocks, TimeUnit, deadline, unpublished
from services.dispatch.domain.order import Changed, Order, State, about
from services.dispatch.domain.routing import Assign, ToDesk
from services.dispatch.domain.street import Street

OFFERED_AT_MOST = 3
CANDIDATES_AT_MOST = 24
ANYBODY: frozenset[str] = frozenset()
DESK_CLOCKS = Clocks(
    claim=Clock(4, TimeUnit.WORK_HOUR), handle=Clock(2, TimeUnit.WORK_DAY), check=Clock(1, TimeUnit.WORK_DAY)
)
"""For what the desk gets without a row of the responsibility list."""


@dataclass(frozen=True, slots=True)
class NewCase:
    """What an order takes over from its case."""

    case_id: UUID
    case_no: str
    category: str
    category_name: str
    summary: str
    reported_by_member: str | None
    opening: int = 0
    """0 for the first order of the case, one more each time that the case was opened again."""


def dispatch(
    order_id: UUID,
    case: NewCase,
    routed: Assign | ToDesk,
    street: Street,
    workload: Mapping[str, int],
    now: datetime,
) -> Changed:
    """Make the order and offer it. `now` is when the case was registered (or reopened), so a redelivery agrees."""
    row = routed.responsibility
    clocks = row.clocks if row else DESK_CLOCKS
    claim_by = deadline(now, clocks.claim, street.calendar)
    handle_by = deadline(claim_by, clocks.handle, street.calendar)
    check_by = deadline(handle_by, clocks.check, street.calendar)
    near = candidates(routed.unit.code, row.skills if row else ANYBODY, street)
    order = Order(
        order_id=order_id,
        tenant=street.tenant,
        case_id=case.case_id,
        case_no=case.case_no,
        category=case.category,
        category_name=case.category_name,
        summary=case.summary,
        state=State.OFFERED,
        unit=routed.unit.code,
        level=routed.unit.level,
        org_id=routed.unit.org_id,
        member_id=None,
        offered_to=choose(near, street, workload),
        given_back_by=(),
        reported_by_member=case.reported_by_member,
        evidence=row.evidence if row else "note",
        points=row.points if row else 0,
        claim_by=claim_by,
        handle_by=handle_by,
        check_by=check_by,
        clocks=clocks,
        stage_began_at=now,
        moved_at=now,
        spent=timedelta(0),
        handled_at=None,
        rework_count=0,
        opening=case.opening,
        because=(*routed.because, *unpublished(now, check_by, street.calendar)),
    )
    dispatched = OrderDispatched(
        **about(order, now),
        case_no=order.case_no,
        category=order.category,
        unit=order.unit,
        unit_name=routed.unit.name,
        org_id=order.org_id,
        level=order.level,
        claim_by=order.claim_by,
        handle_by=order.handle_by,
        check_by=order.check_by,
        because=order.because,
    )
    return Changed(order, (dispatched, offer(order, street, now)))


def offer(order: Order, street: Street, now: datetime) -> OrderOffered:
    return OrderOffered(
        **about(order, now),
        case_no=order.case_no,
        category_name=order.category_name,
        unit_name=street.units[order.unit].name,
        summary=order.summary,
        offered_to=order.offered_to,
        claim_by=order.claim_by,
    )


def candidates(unit: str, skills: frozenset[str], street: Street) -> tuple[str, ...]:
    return street.candidates.near(unit, skills, CANDIDATES_AT_MOST)


def who_may_be_asked(unit: str, category: str, street: Street) -> set[str]:
    """Whoever an order of the unit may be offered to, there or one level up."""
    above = [u.code for u in street.ancestors(unit)][1:2]
    return {
        m
        for u in (unit, *above)
        for skills in {skills_for(category, street), ANYBODY}
        for m in candidates(u, skills, street)
    }


def skills_for(category: str, street: Street) -> frozenset[str]:
    row = street.responsibilities.get(category)
    return row.skills if row else ANYBODY


def choose(
    near: Sequence[str], street: Street, workload: Mapping[str, int], without: Sequence[str] = ()
) -> tuple[str, ...]:
    """The nearest qualified members under their workload limit; when all are at it, the nearest all the same.

    Members who gave the order back are not asked again.
    """
    willing = [m for m in near if m not in without]
    free = [m for m in willing if workload.get(m, 0) < street.members[m].workload_limit]
    return tuple((free or willing)[:OFFERED_AT_MOST])


def new_claim_by(order: Order, street: Street, now: datetime) -> datetime:
    return deadline(now, order.clocks.claim, street.calendar)
