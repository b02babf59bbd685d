"""The life of an order: who may move it where, and what follows. Refusals are values that a person can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from libs.contracts.dispatch import (
    DeadlineNear,
    EscalationCause,
    OrderChecked,
    OrderClaimed,
    OrderDispatched,
    OrderEscalated,
    OrderHandled,
    OrderOffered,
    OrderOverdue,
    OrderReturned,
)
from libs.contracts.message import Event
from libs.contracts.words import Level, Stage
from services.dispatch.domain.routing import Assign, ToDesk
from services.dispatch.domain.street import Clocks, Member, Street

OFFERED_AT_MOST = 3
CANDIDATES_AT_MOST = 24
AMBER = 0.8
DESK_CLOCKS = Clocks(claim=timedelta(hours=4), handle=timedelta(days=2), check=timedelta(days=1))
"""For what the desk gets without a row of the responsibility list."""


class State(StrEnum):
    OFFERED = "offered"
    CLAIMED = "claimed"
    HANDLING = "handling"
    HANDLED = "handled"
    CHECKED = "checked"


MOVES: Mapping[tuple[State, str], State] = {
    (State.OFFERED, "claim"): State.CLAIMED,
    (State.CLAIMED, "hand_in"): State.HANDLED,
    (State.CLAIMED, "give_back"): State.OFFERED,
    (State.HANDLING, "hand_in"): State.HANDLED,
    (State.HANDLING, "give_back"): State.OFFERED,
    (State.HANDLED, "pass_check"): State.CHECKED,
    (State.HANDLED, "fail_check"): State.HANDLING,
}
"""Every move there is; what is not here is refused. Rework is a failed check: back to handling."""

STAGE_OF: Mapping[State, Stage] = {
    State.OFFERED: Stage.CLAIM,
    State.CLAIMED: Stage.HANDLE,
    State.HANDLING: Stage.HANDLE,
    State.HANDLED: Stage.CHECK,
}


@dataclass(frozen=True, slots=True)
class Order:
    order_id: UUID
    tenant: str
    case_id: UUID
    case_no: str
    category: str
    category_name: str
    summary: str
    state: State
    unit: str
    level: Level
    org_id: str
    member_id: str | None
    offered_to: tuple[str, ...]
    given_back_by: tuple[str, ...]
    reported_by_member: str | None
    evidence: str
    points: int
    claim_by: datetime
    handle_by: datetime
    check_by: datetime
    stage_began_at: datetime
    handled_at: datetime | None
    rework_count: int
    reopened_times: int
    because: tuple[str, ...]

    def due_at(self) -> datetime | None:
        """The end of the stage that the order is in."""
        match STAGE_OF.get(self.state):
            case Stage.CLAIM:
                return self.claim_by
            case Stage.HANDLE:
                return self.handle_by
            case Stage.CHECK:
                return self.check_by
            case None:
                return None

    def amber_at(self) -> datetime | None:
        due_at = self.due_at()
        return self.stage_began_at + (due_at - self.stage_began_at) * AMBER if due_at else None

    @property
    def people(self) -> tuple[str, ...]:
        """The members whose turn it is."""
        return (self.member_id,) if self.member_id else self.offered_to


@dataclass(frozen=True, slots=True)
class Changed:
    """The order as it is after the decision, and the facts that tell of it."""

    order: Order
    facts: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Refuse:
    reason: str
    allowed: tuple[str, ...] = ()


Decision = Changed | Refuse


def _move(order: Order, move: str) -> State | Refuse:
    to = MOVES.get((order.state, move))
    if to is not None:
        return to
    allowed = tuple(m for s, m in MOVES if s is order.state)
    return Refuse(f"the order is {order.state}, where only {', '.join(allowed) or 'nothing'} is possible", allowed)


def _common(order: Order, now: datetime) -> dict[str, Any]:
    return {"tenant": order.tenant, "occurred_at": now, "case_id": order.case_id, "order_id": order.order_id}


def candidates(unit: str, skills: frozenset[str], street: Street) -> tuple[str, ...]:
    return street.candidates.near(unit, skills, CANDIDATES_AT_MOST)


def who_may_be_asked(unit: str, category: str, street: Street) -> set[str]:
    """Whoever an order of the unit may be offered to, there or one level up."""
    above = [u.code for u in street.ancestors(unit)][1:2]
    return {
        m for u in (unit, *above) for skills in {_skills(category, street), _ANY} for m in candidates(u, skills, street)
    }


_ANY: frozenset[str] = frozenset()


def _skills(category: str, street: Street) -> frozenset[str]:
    row = street.responsibilities.get(category)
    return row.skills if row else _ANY


def choose(
    near: Sequence[str], street: Street, workload: Mapping[str, int], without: Sequence[str] = ()
) -> tuple[str, ...]:
    """The nearest qualified members under their workload limit; when all are at it, the nearest all the same.

    Members who gave the order back are not asked again.
    """
    willing = [m for m in near if m not in without]
    free = [m for m in willing if workload.get(m, 0) < street.members[m].workload_limit]
    return tuple((free or willing)[:OFFERED_AT_MOST])


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
    claim_by = now + clocks.claim
    handle_by = claim_by + clocks.handle
    near = candidates(routed.unit.code, row.skills if row else _ANY, street)
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
        check_by=handle_by + clocks.check,
        stage_began_at=now,
        handled_at=None,
        rework_count=0,
        reopened_times=case.reopened_times,
        because=routed.because,
    )
    dispatched = OrderDispatched(
        **_common(order, now),
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
    return Changed(order, (dispatched, _offered(order, street, now)))


@dataclass(frozen=True, slots=True)
class NewCase:
    """What an order takes over from its case."""

    case_id: UUID
    case_no: str
    category: str
    category_name: str
    summary: str
    reported_by_member: str | None
    reopened_times: int = 0


def _offered(order: Order, street: Street, now: datetime) -> OrderOffered:
    return OrderOffered(
        **_common(order, now),
        case_no=order.case_no,
        category_name=order.category_name,
        unit_name=street.units[order.unit].name,
        summary=order.summary,
        offered_to=order.offered_to,
        claim_by=order.claim_by,
    )


def claim(order: Order, member: Member | None, workload: int, now: datetime) -> Decision:
    """Exactly one claim wins: the order is claimed after the first."""
    if member is not None and order.state is State.CLAIMED and order.member_id == member.member_id:
        return Changed(order, ())
    to = _move(order, "claim")
    if isinstance(to, Refuse):
        return to
    if member is None or member.member_id not in order.offered_to:
        return Refuse("the order is offered to other members", ("claim by a member it is offered to",))
    if workload >= member.workload_limit:
        return Refuse(f"{workload} orders are open, and {member.workload_limit} is the limit: hand one in first")
    claimed = replace(order, state=to, member_id=member.member_id, stage_began_at=now)
    fact = OrderClaimed(
        **_common(order, now),
        member_id=member.member_id,
        org_id=member.org_id,
        category=order.category,
        handle_by=order.handle_by,
    )
    return Changed(claimed, (fact,))


def hand_in(order: Order, member: Member | None, note: str, photos: int, now: datetime) -> Decision:
    """The member says it is done, with the evidence that the responsibility list asks for."""
    if member is not None and order.state is State.HANDLED and order.member_id == member.member_id:
        return Changed(order, ())
    to = _move(order, "hand_in")
    if isinstance(to, Refuse):
        return to
    if member is None or order.member_id != member.member_id:
        return Refuse("another member has claimed the order")
    if order.evidence == "photo" and not photos:
        return Refuse("a photo of the result is needed: the responsibility list asks for it", ("hand_in with a photo",))
    if order.evidence in ("note", "photo") and not note.strip():
        return Refuse("a note on what was done is needed", ("hand_in with a note",))
    handled = replace(order, state=to, handled_at=now, stage_began_at=now)
    fact = OrderHandled(
        **_common(order, now),
        member_id=member.member_id,
        org_id=member.org_id,
        category=order.category,
        on_time=now <= order.handle_by,
    )
    return Changed(handled, (fact,))


def check(order: Order, checker: Member | None, passed: bool, street: Street, now: datetime) -> Decision:
    """Somebody who did not do it looks whether it is done; else it goes back to the member (rework)."""
    to = _move(order, "pass_check" if passed else "fail_check")
    if isinstance(to, Refuse):
        return to
    if checker is None:
        return Refuse("the checker is not a member of this street")
    if checker.member_id == order.member_id:
        return Refuse("a member does not check their own work", ("check by another member",))
    assert order.member_id is not None
    assert order.handled_at is not None
    fact = OrderChecked(
        **_common(order, now),
        passed=passed,
        member_id=order.member_id,
        org_id=street.members[order.member_id].org_id,
        checked_by=checker.member_id,
        category=order.category,
        points=order.points,
        on_time=order.handled_at <= order.handle_by,
        own_report=order.reported_by_member == order.member_id,
    )
    rework = 0 if passed else 1
    return Changed(replace(order, state=to, stage_began_at=now, rework_count=order.rework_count + rework), (fact,))


def give_back(
    order: Order, member: Member | None, reason: str, street: Street, workload: Mapping[str, int], now: datetime
) -> Decision:
    """The member cannot do it: the next candidates hear of it, or the level above when there is none."""
    to = _move(order, "give_back")
    if isinstance(to, Refuse):
        return to
    if member is None or order.member_id != member.member_id:
        return Refuse("another member has claimed the order")
    if not reason.strip():
        return Refuse("a reason is needed to give an order back", ("give_back with a reason",))
    given_back_by = (*order.given_back_by, member.member_id)
    skills = (
        street.responsibilities[order.category].skills if order.category in street.responsibilities else frozenset()
    )
    again = replace(order, state=to, member_id=None, given_back_by=given_back_by, stage_began_at=now)
    returned = OrderReturned(
        **_common(order, now), member_id=member.member_id, org_id=member.org_id, reason=reason.strip()
    )
    next_members = choose(candidates(order.unit, skills, street), street, workload, given_back_by)
    if not next_members:
        up = escalate(again, EscalationCause.RETURNED, street, workload, now)
        return Changed(up.order, (returned, *up.facts))
    again = replace(again, offered_to=next_members, claim_by=_new_claim_by(order, street, now))
    return Changed(again, (returned, _offered(again, street, now)))


def _new_claim_by(order: Order, street: Street, now: datetime) -> datetime:
    row = street.responsibilities.get(order.category)
    return now + (row.clocks if row else DESK_CLOCKS).claim


def escalate(
    order: Order, cause: EscalationCause, street: Street, workload: Mapping[str, int], now: datetime
) -> Changed:
    """One level up. Who has claimed it keeps it; an unclaimed order is offered to the members of that level."""
    here = street.units[order.unit]
    above = street.units.get(here.parent) if here.parent else None
    if above is None:
        return Changed(order, ())
    raised = replace(order, unit=above.code, level=above.level, org_id=above.org_id)
    fact = OrderEscalated(
        **_common(order, now),
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
    near = candidates(above.code, _ANY, street)
    raised = replace(
        raised,
        offered_to=choose(near, street, workload, without) or order.offered_to,
        claim_by=_new_claim_by(order, street, now),
        stage_began_at=now,
    )
    return Changed(raised, (fact, _offered(raised, street, now)))


def warn(order: Order, now: datetime) -> Changed:
    """Amber: 80 % of the stage's time is over."""
    stage, due_at = STAGE_OF.get(order.state), order.due_at()
    if stage is None or due_at is None:
        return Changed(order, ())
    fact = DeadlineNear(**_common(order, now), stage=stage, due_at=due_at, org_id=order.org_id, member_ids=order.people)
    return Changed(order, (fact,))


def lapse(order: Order, street: Street, workload: Mapping[str, int], now: datetime) -> Changed:
    """Red: the stage's time is over. The level above has it from now on."""
    stage, due_at = STAGE_OF.get(order.state), order.due_at()
    if stage is None or due_at is None:
        return Changed(order, ())
    overdue = OrderOverdue(
        **_common(order, now),
        stage=stage,
        due_at=due_at,
        org_id=order.org_id,
        unit=order.unit,
        member_ids=order.people,
    )
    up = escalate(order, EscalationCause.OVERDUE, street, workload, now)
    return Changed(up.order, (overdue, *up.facts))
