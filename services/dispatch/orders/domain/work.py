"""What members do with an order: claim it, start, hand it in, check it, give it back, or are given it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from libs.contracts.dispatch import (
    CancelCause,
    EscalationCause,
    HelpCause,
    OrderAssigned,
    OrderCancelled,
    OrderChecked,
    OrderClaimed,
    OrderHandled,
    OrderReturned,
    OrderStarted,
)
from libs.sentences import counted
from libs.street_time import local_minutes
from services.dispatch.orders.domain.escalation import escalate
from services.dispatch.orders.domain.helping import call_off, shares
from services.dispatch.orders.domain.offering import candidates, choose, new_claim_by, offer
from services.dispatch.orders.domain.order import (
    HELD,
    MOVES,
    Changed,
    Decision,
    Move,
    Order,
    Refusal,
    State,
    about,
    described,
    move_to,
    not_yours,
    refuse,
    without,
)
from services.dispatch.orders.domain.proposal import NOTHING, Answered, unfit
from services.dispatch.street.domain.authority import answers_for
from services.dispatch.street.domain.street import Member, Street
from services.dispatch.workload.domain import Workload


def claim(order: Order, member: Member | None, workload: int, street: Street, now: datetime) -> Decision:
    """Exactly one claim wins: the order is claimed after the first."""
    if member is not None and order.state is State.CLAIMED and order.member_id == member.member_id:
        return Changed(order, ())
    if order.state in HELD and order.member_id is not None:
        who, at = f"{order.member_id} {street.member_name(order.member_id)}", local_minutes(order.stage_began_at)
        return refuse(order, f"{who}已先于 {at} 接单", f"{who} was first, at {at}")
    to = move_to(order, Move.CLAIM)
    if isinstance(to, Refusal):
        return to
    if member is None:
        return refuse(order, "接单人不是本街道成员", "whoever claims it is not a member of this street")
    if member.member_id in order.helped_by:
        return refuse(
            order,
            "您是本工单的协办人，协办人不能同时主办，请由其他成员接单",
            "you help with this order, and who helps with it does not have it besides: somebody else claims it",
        )
    if member.member_id not in order.offered_to:
        return refuse(order, "工单派给了其他成员", "the order is offered to other members")
    if workload >= member.workload_limit:
        return refuse(
            order,
            f"在办已有 {workload} 件，上限为 {member.workload_limit} 件：请先办结一件",
            f"you have {counted(workload, 'open order')}, and {member.workload_limit} is the limit: hand one in first",
        )
    now = order.next_moment(now)
    claimed = order.begin(to, now, member_id=member.member_id, held_by=(*order.held_by, member.member_id))
    fact = OrderClaimed(
        **about(order, now),
        member_id=member.member_id,
        org_id=member.org_id,
        category=order.category,
        handle_by=order.handle_by,
    )
    return Changed(claimed, (fact,))


def start(order: Order, member: Member | None, street: Street, now: datetime) -> Decision:
    """The member begins. Who hands in without having said so has begun, too."""
    if member is not None and order.state is State.HANDLING and order.member_id == member.member_id:
        return Changed(order, ())
    to = move_to(order, Move.START)
    if isinstance(to, Refusal):
        return to
    if member is None or order.member_id != member.member_id:
        return not_yours(order, street)
    now = order.next_moment(now)
    fact = OrderStarted(**about(order, now), member_id=member.member_id, org_id=member.org_id)
    return Changed(replace(order, state=to, moved_at=now), (fact,))


def hand_in(
    order: Order,
    member: Member | None,
    note: str,
    photos: int,
    street: Street,
    now: datetime,
    returned: Collection[str] = (),
    said: Answered = NOTHING,
) -> Decision:
    """The member says it is done, with the evidence that the list asks for and with all papers given back.

    `note` is for colleagues, `said` for the reporter: to a proposal an answer. The same said again changes nothing.
    """
    if member is not None and order.state is State.HANDLED and order.member_id == member.member_id:
        return Changed(order, ()) if said.kept == (order.result, order.answer, order.planned_for) else _handed_in(order)
    to = move_to(order, Move.HAND_IN)
    if isinstance(to, Refusal):
        return to
    if member is None or order.member_id != member.member_id:
        return not_yours(order, street)
    if order.evidence == "photo" and not photos:
        return refuse(
            order,
            "photos 要有处置后的照片：权责清单要求",
            "photos must name a photo of the result: the responsibility list asks for it",
        )
    if order.evidence in ("note", "photo") and not note.strip():
        return refuse(order, "note 要写明做了什么", "note must say what was done")
    if missing := [d for d in order.particulars.documents if d not in returned]:
        return refuse(
            order,
            f"documents_returned 要写明工单的每份材料，还缺：{'、'.join(missing)}",
            f"documents_returned must name every document of the order; missing: {', '.join(missing)}",
        )
    if strange := [d for d in returned if d not in order.particulars.documents]:
        return refuse(
            order,
            f"documents_returned 写了工单没有的材料：{'、'.join(strange)}",
            f"documents_returned names what the order does not have: {', '.join(strange)}",
        )
    if (wrong := unfit(order.request_kind, said, now)) is not None:
        return Refusal(wrong, MOVES.allowed(order.state, without(order)))
    now = order.next_moment(now)
    handled = order.begin(
        to,
        now,
        handled_at=now,
        result=said.result.strip(),
        answer=said.answer,
        planned_for=said.planned_for,
        paused_at=None,
        answered=order.asked,
    )
    fact = OrderHandled(
        **about(order, now),
        member_id=member.member_id,
        org_id=member.org_id,
        category=order.category,
        on_time=now <= order.handle_by,
        documents_returned=order.particulars.documents,
        result=handled.result,
        answer=handled.answer,
        planned_for=handled.planned_for,
    )
    return Changed(handled, (fact,))


def _handed_in(order: Order) -> Refusal:
    """What the reporter is to read was said before, and is not said otherwise until the check."""
    at = local_minutes(order.handled_at) if order.handled_at else ""
    said = "、".join(str(each) for each in (order.answer, order.planned_for, order.result) if each)
    return refuse(
        order,
        f"已于 {at} 处置反馈{f'（{said}）' if said else ''}，不能再改：核查时可以改 result，或退回返工",
        f"it was handed in at {at}{f' ({said})' if said else ''} and stays so: the check may word the result "
        "otherwise, or send it back",
    )


def check(
    order: Order,
    checker: Member | None,
    passed: bool,
    street: Street,
    now: datetime,
    *,
    note: str = "",
    asked: Collection[str] = (),
    result: str | None = None,
) -> Decision:
    """Somebody who did not do it looks whether it is done; else it goes back to the member (rework).

    `asked` are the members who were sent to look; besides them, those of an organisation that answers for the order.
    `result` is what the reporter reads instead of the member's words; None leaves them as they are.
    """
    to = move_to(order, Move.PASS_CHECK if passed else Move.FAIL_CHECK)
    if isinstance(to, Refusal):
        return to
    if checker is None:
        return refuse(order, "核查人不是本街道成员", "the checker is not a member of this street")
    if checker.member_id == order.member_id:
        return refuse(order, "不能核查自己处置的工单", "a member does not check their own work")
    if checker.member_id in {help.member_id for help in order.helpers}:
        return refuse(order, "不能核查自己协办的工单", "who helped with an order does not check it")
    if order.open_helpers:
        units = "、".join(street.units[help.unit].name for help in order.open_helpers)
        return refuse(order, f"协办尚未办结：{units}", f"not all helpers are done: {units}")
    if checker.member_id not in asked and not answers_for(checker, order.unit, street):
        return refuse(
            order,
            "只有被指派的成员，或负责该工单的党组织的成员可以核查",
            "only a member who was asked, or one of an organisation that answers for the order, checks it",
        )
    if not passed and not note.strip():
        return refuse(
            order,
            "需要说明还缺什么，返工的成员才知道怎么做",
            "a note is needed: whoever has to do it again shall know what is missing",
        )
    said = order.result if result is None else result.strip()
    if passed and order.answer is not None and not said:
        return refuse(order, "result 要向提出人说明理由", "result must say why, in words for whoever raised it")
    now = order.next_moment(now)
    assert order.member_id is not None
    assert order.handled_at is not None
    helped = shares(order, street)
    fact = OrderChecked(
        **about(order, now),
        passed=passed,
        member_id=order.member_id,
        org_id=street.members[order.member_id].org_id,
        checked_by=checker.member_id,
        checked_by_org=checker.org_id,
        category=order.category,
        points=order.points - sum(share.points for share in helped),
        helped=helped,
        on_time=order.handled_at <= order.handle_by,
        own_report=order.reported_by_member == order.member_id,
        in_kpis=order.in_kpis,
        note="" if passed else note.strip(),
        result=said if passed else "",
        answer=order.answer if passed else None,
        planned_for=order.planned_for if passed else None,
    )
    rework_count = order.rework_count + (not passed)
    return Changed(order.begin(to, now, rework_count=rework_count, result=said), (fact,))


def give_back(
    order: Order, member: Member | None, reason: str, street: Street, workload: Workload, now: datetime
) -> Decision:
    """The member cannot do it: the next candidates hear of it, or the level above when there is none."""
    to = move_to(order, Move.GIVE_BACK)
    if isinstance(to, Refusal):
        return to
    if member is None or order.member_id != member.member_id:
        return not_yours(order, street)
    if not reason.strip():
        return refuse(order, "回退需要理由", "a reason is needed to give an order back")
    now = order.next_moment(now)
    given_back_by = (*order.given_back_by, member.member_id)
    again = order.begin(to, now, member_id=None, given_back_by=given_back_by)
    returned = OrderReturned(
        **about(order, now), member_id=member.member_id, org_id=member.org_id, reason=reason.strip()
    )
    next_members = choose(candidates(order.unit, order.skills, street), street, workload, given_back_by)
    if not next_members:
        up = escalate(again, EscalationCause.RETURNED, street, workload, now)
        return Changed(up.order, (returned, *up.facts))
    offered = offer(replace(again, claim_by=new_claim_by(order, street, now)), next_members, street, now)
    return Changed(offered.order, (returned, *offered.facts))


def assign(
    order: Order,
    organiser: Member | None,
    member: Member | None,
    reason: str,
    street: Street,
    workload: Workload,
    now: datetime,
) -> Decision:
    """An organisation that answers for the order gives it to a member, from whoever has it."""
    if member is not None and order.state in HELD and order.member_id == member.member_id:
        return Changed(order, ())
    to = move_to(order, Move.ASSIGN)
    if isinstance(to, Refusal):
        return to
    if organiser is None or not answers_for(organiser, order.unit, street):
        return refuse(
            order,
            "只有负责该工单的党组织的成员可以指派",
            "only a member of an organisation that answers for the order assigns it",
        )
    if not reason.strip():
        return refuse(order, "指派需要理由", "a reason is needed to assign an order")
    if member is None:
        return refuse(order, "被指派的人不是本街道成员", "whom it shall be assigned to is not a member of this street")
    if member.member_id in order.helped_by:
        return refuse(
            order,
            f"{member.member_id} {member.name}是本工单的协办人，协办人不能同时主办，请指派其他成员",
            f"{member.member_id} {member.name} helps with this order, and who helps with it does not have it besides: "
            "assign somebody else",
        )
    if member.member_id in workload.absent:
        return refuse(order, f"{member.member_id} {member.name}请假中", f"{member.member_id} {member.name} is absent")
    open_orders = workload.get(member.member_id, 0)
    if open_orders >= member.workload_limit:
        return refuse(
            order,
            f"{member.member_id} {member.name}在办已有 {open_orders} 件，上限为 {member.workload_limit} 件",
            f"{member.member_id} {member.name} has {counted(open_orders, 'open order')}, "
            f"and {member.workload_limit} is the limit",
        )
    now = order.next_moment(now)
    held_by = (*order.held_by, member.member_id)
    if order.state is State.OFFERED:
        assigned = order.begin(to, now, member_id=member.member_id, held_by=held_by)
    else:
        assigned = replace(order, member_id=member.member_id, held_by=held_by, moved_at=now)
    fact = OrderAssigned(
        **described(order, street, now),
        member_id=member.member_id,
        org_id=member.org_id,
        taken_from=order.member_id,
        assigned_by=organiser.member_id,
        assigned_by_org=organiser.org_id,
        reason=reason.strip(),
        handle_by=order.handle_by,
    )
    return Changed(assigned, (fact,))


def cancel(order: Order, because: CancelCause, street: Street, now: datetime) -> Decision:
    """The case does not need the order any more. Who has it, or to whom it is offered, is told."""
    to = move_to(order, Move.CANCEL)
    if isinstance(to, Refusal):
        return to
    now = order.next_moment(now)
    cancelled = order.begin(to, now, suspended_at=None, suspended_until=None, paused_at=None)
    fact = OrderCancelled(**about(order, now), case_no=order.case_no, member_ids=order.people, because=because)
    over = call_off(cancelled, order.open_helpers, HelpCause.ORDER_OVER, "", street, now)
    return Changed(over.order, (fact, *over.facts))
