"""What pushes an order: a warning when time runs out, one level up or down, by lapse or by hand, supervision (督办)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from libs.contracts.dispatch import (
    DeadlineNear,
    EscalationCause,
    OrderEscalated,
    OrderOverdue,
    OrderPassedOn,
    OrderSentDown,
    OrderSupervised,
    RaiseReason,
)
from libs.contracts.values import Level
from services.dispatch.grid.domain.tree import Unit
from services.dispatch.orders.domain.offering import ANYBODY, candidates, choose, new_claim_by, offer
from services.dispatch.orders.domain.order import (
    STAGE_OF,
    Changed,
    Decision,
    Move,
    Order,
    Refusal,
    State,
    about,
    move_to,
    refuse,
)
from services.dispatch.street.domain.authority import answers_for
from services.dispatch.street.domain.street import Member, Street
from services.dispatch.workload.domain import Workload


def escalate(
    order: Order,
    cause: EscalationCause,
    street: Street,
    workload: Workload,
    now: datetime,
    *,
    reason: RaiseReason | None = None,
    by_member: str | None = None,
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
        reason=reason,
        by_member=by_member,
    )
    if raised.state is not State.OFFERED:
        return Changed(raised, (fact,))
    # Those who were offered it before and did not claim it are skipped.
    without = (*order.given_back_by, *order.offered_to)
    near = candidates(above.code, ANYBODY, street)
    raised = replace(
        raised,
        claim_by=new_claim_by(order, street, now),
        stage_began_at=now,
        spent=timedelta(0),
    )
    again = tuple(m for m in order.offered_to if m not in workload.absent)
    offered = offer(raised, choose(near, street, workload, without) or again, street, now)
    return Changed(offered.order, (fact, *offered.facts))


def raise_by_hand(
    order: Order, member: Member | None, reason: RaiseReason, street: Street, workload: Workload, now: datetime
) -> Decision:
    """An organisation that answers for the order hands it to the level above, from whoever has it."""
    to = move_to(order, Move.RAISE)
    if isinstance(to, Refusal):
        return to
    if member is None or not answers_for(member, order.unit, street):
        return refuse(
            order,
            "只有负责该工单的党组织的成员可以上交",
            "only a member of an organisation that answers for the order raises it",
        )
    if street.units[order.unit].parent is None:
        return refuse(order, "街道已是最高层级", "the street is the highest level")
    now = order.next_moment(now)
    free = order.begin(to, now, member_id=None)
    return escalate(free, EscalationCause.BY_HAND, street, workload, now, reason=reason, by_member=member.member_id)


def send_down(
    order: Order, member: Member | None, unit: str, reason: str, street: Street, workload: Workload, now: datetime
) -> Decision:
    """An organisation that answers for the order hands it to a unit below, where it is offered anew."""
    to = move_to(order, Move.SEND_DOWN)
    if isinstance(to, Refusal):
        return to
    if member is None or not answers_for(member, order.unit, street):
        return refuse(
            order,
            "只有负责该工单的党组织的成员可以下派",
            "only a member of an organisation that answers for the order sends it down",
        )
    if not reason.strip():
        return refuse(order, "下派需要理由", "a reason is needed to send an order down")
    here, below = street.units[order.unit], street.units.get(unit)
    if below is None or below.code == here.code or not street.is_below(unit, here.code):
        return refuse(
            order,
            f"{unit} 不是{here.name}（{here.code}）的下级单元",
            f"{unit} is no unit below {here.name} ({here.code})",
        )
    now = order.next_moment(now)
    sent = _handed_to(below, order, to, street, now)
    fact = OrderSentDown(
        **about(order, now),
        from_unit=here.code,
        from_org=here.org_id,
        to_unit=below.code,
        to_org=below.org_id,
        to_level=below.level,
        reason=reason.strip(),
        by_member=member.member_id,
    )
    near = candidates(below.code, order.skills, street)
    offered = offer(sent, choose(near, street, workload, order.given_back_by), street, now)
    return Changed(offered.order, (fact, *offered.facts))


def pass_on(
    order: Order, member: Member | None, unit: str, reason: str, street: Street, workload: Workload, now: datetime
) -> Decision:
    """An organisation that answers for the order hands it to another unit in which it may lie, where it is offered."""
    to = move_to(order, Move.PASS_ON)
    if isinstance(to, Refusal):
        return to
    if member is None or not answers_for(member, order.unit, street):
        return refuse(
            order,
            "只有负责该工单的党组织的成员可以转派",
            "only a member of an organisation that answers for the order passes it on",
        )
    if not reason.strip():
        return refuse(order, "转派需要理由", "a reason is needed to pass an order on")
    if not order.other_units:
        return refuse(
            order,
            "地点没有疑问，没有可以转派的单元",
            "there is no doubt about its place, and no other unit to pass it on to",
        )
    if unit not in order.other_units or unit not in street.units:
        named = [(street.units[code].name, code) for code in order.other_units if code in street.units]
        return refuse(
            order,
            f"{unit} 不在坐标的精度范围内；可以转派到：{'、'.join(f'{name}（{code}）' for name, code in named)}",
            f"{unit} is out of reach of its point; it may be passed on to "
            + ", ".join(f"{name} ({code})" for name, code in named),
        )
    here, there = street.units[order.unit], street.units[unit]
    now = order.next_moment(now)
    passed = _handed_to(there, order, to, street, now)
    near = choose(candidates(there.code, order.skills, street), street, workload, order.given_back_by)
    fact = OrderPassedOn(
        **about(order, now),
        case_no=order.case_no,
        category_name=order.category_name,
        place=order.place,
        from_unit=here.code,
        from_unit_name=here.name,
        from_org=here.org_id,
        unit=there.code,
        unit_name=there.name,
        org_id=there.org_id,
        level=there.level,
        taken_from=tuple(m for m in order.people if m == order.member_id or m not in near),
        reason=reason.strip(),
        by_member=member.member_id,
    )
    offered = offer(passed, near, street, now)
    return Changed(offered.order, (fact, *offered.facts))


def _handed_to(there: Unit, order: Order, to: State, street: Street, now: datetime) -> Order:
    """From whoever has it: the unit's organisation answers for it, and somebody there is to claim it."""
    claim_by = new_claim_by(order, street, now)
    return order.begin(
        to, now, member_id=None, unit=there.code, level=there.level, org_id=there.org_id, claim_by=claim_by
    )


def within_community(ended: Mapping[Level, int]) -> str | None:
    """The share of orders that did not end at the street, in percent with two decimals; None where there are none."""
    everything = sum(ended.values())
    return f"{Decimal(100 * (everything - ended.get(Level.STREET, 0))) / everything:.2f}" if everything else None


def warn(order: Order, now: datetime, people: Sequence[str] | None = None) -> Changed:
    """Amber: 80 % of the stage's time is over. `people`: whose turn it is, where it is not who has the order."""
    running = order.running
    if running is None:
        return Changed(order, ())
    fact = DeadlineNear(
        **about(order, now),
        stage=STAGE_OF[order.state],
        due_at=running.due_at,
        org_id=order.org_id,
        member_ids=order.people if people is None else tuple(people),
    )
    return Changed(replace(order, told_near=running.due_at), (fact,))


def lapse(
    order: Order, street: Street, workload: Workload, now: datetime, people: Sequence[str] | None = None
) -> Changed:
    """Red: the stage's time is over. The level above has it from now on."""
    running = order.running
    if running is None:
        return Changed(order, ())
    now = order.next_moment(now)
    overdue = OrderOverdue(
        **about(order, now),
        stage=STAGE_OF[order.state],
        due_at=running.due_at,
        org_id=order.org_id,
        unit=order.unit,
        member_ids=order.people if people is None else tuple(people),
    )
    up = escalate(order, EscalationCause.OVERDUE, street, workload, now)
    return Changed(replace(up.order, told_overdue=running.due_at), (overdue, *up.facts))


def supervise(order: Order, member: Member | None, note: str, street: Street, now: datetime) -> Decision:
    """A member of a higher level wants it done; those whose turn it is are told. At the street, the street itself."""
    to = move_to(order, Move.SUPERVISE)
    if isinstance(to, Refusal):
        return to
    here = street.units[order.unit]
    if member is None or not answers_for(member, here.parent or here.code, street):
        return refuse(order, "督办须由上级层级的成员进行", "a member of a higher level supervises an order")
    if not note.strip():
        return refuse(order, "需要说明督办要求", "a note is needed: those who are told shall know what is wanted")
    now = order.next_moment(now)
    fact = OrderSupervised(
        **about(order, now),
        case_no=order.case_no,
        supervised_by=member.member_id,
        supervised_by_org=member.org_id,
        org_id=order.org_id,
        member_ids=order.people,
        note=note.strip(),
    )
    return Changed(replace(order, moved_at=now), (fact,))
