"""To whom an order is offered: the nearest qualified members under their workload limit."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from libs.contracts.dispatch import OrderDispatched, OrderOffered
from libs.contracts.incident import CaseContent
from libs.contracts.particulars import NOTHING_SAID, Particulars
from libs.contracts.reasons import Explanation, Reason, Why
from libs.contracts.values import Appointment, Level, Place, Reach, RequestKind
from services.dispatch.calendar.domain import Clock, Clocks, TimeUnit, deadline, unpublished
from services.dispatch.components.domain.naming import Named
from services.dispatch.orders.domain.appointment import claim_deadline, explained, handle_deadline
from services.dispatch.orders.domain.helping import asked_for, told_asked
from services.dispatch.orders.domain.order import Changed, Order, State, about, described
from services.dispatch.routing.domain import RoutedTo, Unrouted
from services.dispatch.street.domain.street import Street
from services.dispatch.workload.domain import Workload

OFFERED_AT_MOST = 3
WIDENED_AT_MOST = 9
CANDIDATES_AT_MOST = 40
LEASE_SHARE = 0.25
"""An offer runs out after so much of the time to claim, and is widened."""

WIDER: Mapping[Level, tuple[Reach, ...]] = {
    Level.MICRO_GRID: (Reach.MICRO_GRID, Reach.GRID, Reach.COMMUNITY),
    Level.GRID: (Reach.GRID, Reach.COMMUNITY),
    Level.COMMUNITY: (Reach.COMMUNITY,),
    Level.STREET: (Reach.STREET,),
}
"""Whom an order of a unit is offered to when the nearest let their lease run out; further up it goes by escalation."""

ANYBODY: frozenset[str] = frozenset()
DESK_CLOCKS = Clocks(
    claim=Clock(4, TimeUnit.WORK_HOUR), handle=Clock(2, TimeUnit.WORK_DAY), check=Clock(1, TimeUnit.WORK_DAY)
)
"""For what the desk gets without a row of the responsibility list."""


@dataclass(frozen=True, slots=True)
class NewCase:
    """What an order takes over from its case, each under the same name in both."""

    case_id: UUID
    case_no: str
    category: str
    category_name: str
    summary: str
    reported_by_member: str | None
    place: Place
    opening: int = 0
    """0 for the first order of the case, one more each time that the case was opened again."""
    appointment: Appointment | None = None
    particulars: Particulars = NOTHING_SAID
    request_kind: RequestKind = RequestKind.SNAPSHOT
    component: Named | None = None

    @classmethod
    def of(cls, case: CaseContent | Order, component: Named | None, **others: Any) -> Self:
        """By a fact or an earlier order; `others`: what is not as it says."""
        others["component"] = component
        return cls(**{name: getattr(case, name) for name in _CARRIED if name not in others}, **others)

    def carried(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _CARRIED if name != "appointment"}


_CARRIED = tuple(field.name for field in fields(NewCase))


def dispatch(
    order_id: UUID,
    case: NewCase,
    routed: RoutedTo | Unrouted,
    street: Street,
    workload: Workload,
    now: datetime,
) -> Changed:
    """Make the order and offer it. `now` is when the case was registered (or reopened), so a redelivery agrees."""
    order, first = make(order_id, case, routed, street, workload, now)
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
        responsibility_version=order.responsibility_version,
    )
    offered = offer(order, first, street, now)
    return Changed(offered.order, (dispatched, *offered.facts, *told_asked(order, order.helpers, street, now)))


def make(
    order_id: UUID,
    case: NewCase,
    routed: RoutedTo | Unrouted,
    street: Street,
    workload: Workload,
    now: datetime,
) -> tuple[Order, tuple[str, ...]]:
    """The order as it begins where it is routed to, not offered yet, and the members who shall hear of it first."""
    row = routed.responsibility
    clocks = row.clocks if row else DESK_CLOCKS
    claim_by = claim_deadline(now, clocks.claim, case.appointment, street.calendar)
    handle_by = handle_deadline(claim_by, clocks.handle, case.appointment, street.calendar)
    check_by = deadline(handle_by, clocks.check, street.calendar)
    skills = row.skills if row else ANYBODY
    hearing = plan_offer(routed, street, workload)
    order = Order(
        order_id=order_id,
        tenant=street.tenant,
        **case.carried(),
        state=State.OFFERED,
        unit=routed.unit.code,
        level=routed.unit.level,
        org_id=routed.unit.org_id,
        member_id=None,
        offered_to=(),
        reach=Reach.NEAREST,
        offers=0,
        lease_ends_at=None,
        given_back_by=(),
        evidence="none" if case.request_kind is RequestKind.PROPOSAL else row.evidence if row else "note",
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
        because=(
            *(case.component.explained() if case.component else ()),
            *routed.because,
            *hearing.because,
            *explained(case.appointment),
            *unpublished(now, check_by, street.calendar),
        ),
        appointment_starts_at=case.appointment.starts_at if case.appointment else None,
        appointment_ends_at=case.appointment.ends_at if case.appointment else None,
        responsibility_version=row.version if row else None,
        skills=skills,
        may_lie_in=routed.may_lie_in if isinstance(routed, RoutedTo) else (),
        helpers=asked_for(order_id, row.helpers if row else (), routed.unit.code, case.category_name, street),
    )
    return order, hearing.first


@dataclass(frozen=True, slots=True)
class OfferPlan:
    """Who hears of an order first, and why others who are near do not: ids of members, and of some only how many."""

    first: tuple[str, ...]
    absent: tuple[str, ...]
    at_limit: tuple[str, ...]
    further: tuple[str, ...]
    unskilled: int
    because: Explanation


def plan_offer(routed: RoutedTo | Unrouted, street: Street, workload: Workload) -> OfferPlan:
    """Whom an order that is routed so is offered to."""
    skills = routed.responsibility.skills if routed.responsibility else ANYBODY
    near = street.candidates.near(routed.unit.code, skills, CANDIDATES_AT_MOST)
    first = choose(near.members, street, workload)
    absent = tuple(m for m in near.members if m in workload.absent)
    others = [m for m in near.members if m not in first and m not in workload.absent]
    at_limit = tuple(m for m in others if not _is_free(m, street, workload))
    further = tuple(m for m in others if m not in at_limit)
    hear: dict[str, str | int] = {"count": len(first)}
    why = Why.HEAR_FIRST
    if skills:
        why = Why.SKILLED_HEAR_FIRST if near.skilled else Why.NOBODY_SKILLED
        hear["skills"] = " / ".join(sorted(skills))
    because = [Reason(why, hear)]
    if first and not _is_free(first[0], street, workload):
        because.append(Reason(Why.ALL_AT_LIMIT))
    passed = {
        Why.WITHOUT_SKILL: near.unskilled,
        Why.ABSENT: len(absent),
        Why.AT_LIMIT: len(at_limit),
        Why.FURTHER_AWAY: len(further),
    }
    because += [Reason(why, {"count": count}) for why, count in passed.items() if count]
    return OfferPlan(first, absent, at_limit, further, near.unskilled, tuple(because))


def offer(order: Order, members: Sequence[str], street: Street, now: datetime) -> Changed:
    """Offer it anew, to the nearest and to nobody else."""
    return _offered(replace(order, offered_to=()), members, Reach.NEAREST, street, now)


def widen(order: Order, street: Street, workload: Workload, now: datetime) -> Changed:
    """The lease of the offer has run out: those who heard of it may still claim it, and others hear of it too."""
    if order.lease_ends_at is None:
        return Changed(order, ())
    near = candidates(order.unit, order.skills, street)
    for reach in wider(order):
        there = street.level_above(order.unit, Level(reach))
        within = [m for m in near if street.level_above(street.members[m].unit, Level(reach)) == there]
        more = choose(within, street, workload, (*order.given_back_by, *order.offered_to), WIDENED_AT_MOST)
        if more:
            return _offered(order, (*order.offered_to, *more), reach, street, now)
    return Changed(replace(order, reach=wider(order)[-1] if wider(order) else order.reach, lease_ends_at=None), ())


def offer_without(order: Order, absent: Collection[str], street: Street, workload: Workload, now: datetime) -> Changed:
    """Whoever is away now is no longer asked, and others are in their place."""
    left = tuple(m for m in order.offered_to if m not in absent)
    near = candidates(order.unit, order.skills, street)
    others = choose(near, street, workload, (*order.given_back_by, *order.offered_to), OFFERED_AT_MOST)
    members = (*left, *others[: max(0, OFFERED_AT_MOST - len(left))])
    return _offered(order, members, order.reach, street, now)


def wider(order: Order) -> tuple[Reach, ...]:
    """How far an offer of the order may still be widened."""
    steps = WIDER[order.level]
    return steps[steps.index(order.reach) + 1 :] if order.reach in steps else steps


def _offered(order: Order, members: Sequence[str], reach: Reach, street: Street, now: datetime) -> Changed:
    lease_ends_at = now + (order.claim_by - order.stage_began_at) * LEASE_SHARE
    offered = replace(order, offered_to=tuple(members), reach=reach, offers=order.offers + 1, moved_at=now)
    if wider(offered) and lease_ends_at < order.claim_by:
        offered = replace(offered, lease_ends_at=lease_ends_at)
    else:
        offered = replace(offered, lease_ends_at=None)
    fact = OrderOffered(
        **described(order, street, now),
        reach=reach,
        offered_to=offered.offered_to,
        newly_asked=tuple(m for m in members if m not in order.offered_to),
        claim_by=order.claim_by,
    )
    return Changed(offered, (fact,))


def candidates(unit: str, skills: frozenset[str], street: Street) -> tuple[str, ...]:
    return street.candidates.near(unit, skills, CANDIDATES_AT_MOST).members


def who_may_be_asked(unit: str, skills: frozenset[str], street: Street) -> set[str]:
    """Whoever an order of the unit may be offered to, there or one level up; `skills` are those that it asks for."""
    above = [u.code for u in street.ancestors(unit)][1:2]
    return {m for u in (unit, *above) for asked in {skills, ANYBODY} for m in candidates(u, asked, street)}


def choose(
    near: Sequence[str],
    street: Street,
    workload: Workload,
    without: Collection[str] = (),
    most: int = OFFERED_AT_MOST,
) -> tuple[str, ...]:
    """The nearest qualified members under their workload limit; when all are at it, the nearest all the same.

    Members who are absent or gave the order back are not asked.
    """
    willing = [m for m in near if m not in without and m not in workload.absent]
    free = [m for m in willing if _is_free(m, street, workload)]
    return tuple((free or willing)[:most])


def _is_free(member_id: str, street: Street, workload: Workload) -> bool:
    return workload.get(member_id, 0) < street.members[member_id].workload_limit


def new_claim_by(order: Order, street: Street, now: datetime) -> datetime:
    return claim_deadline(now, order.clocks.claim, order.appointment, street.calendar)
