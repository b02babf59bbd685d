"""What a handler asks of the parent organisation, and what follows when it is granted: more time (延期), a clock that
stands still (挂账), an order that is not counted against them (申诉)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from libs.contracts.dispatch import (
    AppealUpheld,
    ApprovalAsked,
    ApprovalKind,
    ApprovalRefused,
    OrderExtended,
    OrderSuspended,
)
from libs.contracts.message import Event
from libs.sentences import Sentence
from libs.transitions import Label, Need, Role, Table, Transition
from services.dispatch.calendar.domain import Clock, deadline
from services.dispatch.grid.domain.tree import Unit
from services.dispatch.orders.domain.order import Changed, Order, Refusal, about, move_to, not_yours, refuse
from services.dispatch.orders.domain.order import Move as OrderMove
from services.dispatch.orders.domain.order import State as OrderState
from services.dispatch.orders.domain.suspension import with_deadline
from services.dispatch.street.domain.authority import answers_for
from services.dispatch.street.domain.street import Member, Street

EXTENDED_AT_MOST = 2
SUSPENDED_AT_MOST = 1
SUSPENDED_DAYS_AT_MOST = 90


class State(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REFUSED = "refused"


class Move(StrEnum):
    APPROVE = "approve"
    REFUSE = "refuse"


MOVES: Table[State, Move] = Table(
    Label("approval", "审批"),
    {State.PENDING: "待审批", State.APPROVED: "已批准", State.REFUSED: "未批准"},
    (
        Transition(
            Move.APPROVE, "批准", (State.PENDING,), State.APPROVED, Role.PARENT, path="decide", sends=("approve", True)
        ),
        Transition(
            Move.REFUSE,
            "不批准",
            (State.PENDING,),
            State.REFUSED,
            Role.PARENT,
            (Need.NOTE,),
            "decide",
            ("approve", False),
        ),
    ),
)

ORDER_MOVES: Mapping[ApprovalKind, OrderMove] = {
    ApprovalKind.EXTENSION: OrderMove.EXTEND,
    ApprovalKind.SUSPENSION: OrderMove.SUSPEND,
    ApprovalKind.APPEAL: OrderMove.APPEAL,
}
"""The move of the order that each kind of approval permits."""

REASONS: Mapping[ApprovalKind, Mapping[str, Label]] = {
    ApprovalKind.EXTENSION: {
        "weather": Label("the weather", "天气原因"),
        "materials": Label("materials are on their way", "等待材料到货"),
        "coordination": Label("others have to work on it first", "需多部门配合"),
        "workload": Label("more work than the time allows", "工程量大"),
    },
    ApprovalKind.SUSPENSION: {
        "season": Label("it can only be done in another season", "受季节限制"),
        "funding": Label("money has to be granted first", "等待资金落实"),
        "planning": Label("it is part of a plan under way", "已列入改造计划"),
        "dispute": Label("ownership or responsibility is disputed", "权属有争议"),
    },
    ApprovalKind.APPEAL: {
        "not_responsible": Label("the organisation is not responsible for it", "不属于本组织职责"),
        "force_majeure": Label("nobody could have done it in time", "不可抗力"),
        "untrue": Label("what was reported is not so", "反映情况不属实"),
        "unfair": Label("the check or the rating is mistaken", "核查或评价有误"),
    },
}
"""The lists to choose from; a note says the rest."""


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """`amount`: more units of the handling clock for an extension, natural days for a suspension."""

    kind: ApprovalKind
    reason: str
    note: str
    amount: int


@dataclass(frozen=True, slots=True)
class Approval:
    """What was asked, of which organisation, and what it said. `unit` is the one whose organisation decides."""

    approval_id: UUID
    tenant: str
    order_id: UUID
    case_no: str
    kind: ApprovalKind
    state: State
    reason: str
    note: str
    amount: int
    asked_by: str
    asked_by_org: str
    asked_at: datetime
    unit: str
    org_id: str
    decided_by: str | None = None
    decided_at: datetime | None = None
    answer: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalResult:
    """The order and the approval as they are after the decision."""

    changed: Changed
    approval: Approval


def deciding_unit(order: Order, street: Street) -> Unit:
    """The unit whose organisation decides: the one above; at the street there is none, and it decides itself."""
    here = street.units[order.unit]
    return street.units[here.parent] if here.parent else here


def ask(
    order: Order,
    member: Member | None,
    wish: ApprovalRequest,
    earlier: Sequence[Approval],
    approval_id: UUID,
    street: Street,
    now: datetime,
) -> ApprovalResult | Refusal:
    """The handler asks; what is asked again while it is undecided is the same request."""
    to = move_to(order, ORDER_MOVES[wish.kind])
    if isinstance(to, Refusal):
        return to
    if member is None or order.member_id != member.member_id:
        return not_yours(order, street)
    mine = [a for a in earlier if a.kind is wish.kind and a.asked_by == member.member_id]
    pending = next((a for a in mine if a.state is State.PENDING), None)
    if pending is not None:
        return ApprovalResult(Changed(order, ()), pending)
    wrong = _wrong(order, wish, earlier, now)
    if wrong:
        return refuse(order, wrong.zh, wrong.en)
    now = order.next_moment(now)
    unit = deciding_unit(order, street)
    asked = Approval(
        approval_id,
        order.tenant,
        order.order_id,
        order.case_no,
        wish.kind,
        State.PENDING,
        wish.reason,
        wish.note.strip(),
        wish.amount,
        member.member_id,
        member.org_id,
        now,
        unit.code,
        unit.org_id,
    )
    fact = ApprovalAsked(
        **about(order, now),
        case_no=order.case_no,
        approval_id=approval_id,
        kind=wish.kind,
        reason=wish.reason,
        member_id=member.member_id,
        org_id=member.org_id,
        decided_by_org=unit.org_id,
    )
    return ApprovalResult(Changed(replace(order, moved_at=now), (fact,)), asked)


def _wrong(order: Order, wish: ApprovalRequest, earlier: Sequence[Approval], now: datetime) -> Sentence | None:
    """Why this cannot be asked for."""
    reasons = REASONS[wish.kind]
    if wish.reason not in reasons:
        return Sentence(f"理由应为以下之一：{'、'.join(reasons)}", f"the reason must be one of {', '.join(reasons)}")
    if not wish.note.strip():
        return Sentence("需要说明理由", "a note that explains the reason is needed")
    match wish.kind:
        case ApprovalKind.EXTENSION:
            if order.extended_times >= EXTENDED_AT_MOST:
                return Sentence(
                    f"已延期 {EXTENDED_AT_MOST} 次，不能再延",
                    f"the order was extended {EXTENDED_AT_MOST} times, which is the most there may be",
                )
            if (order.paused_at or now) > order.handle_by:
                return Sentence(
                    "处置时限已过：超时不能延期，可以申诉",
                    "the time to handle it is over: what is overdue is not extended, it can be appealed",
                )
            most = order.clocks.handle.amount
            if not 1 <= wish.amount <= most:
                return Sentence(
                    f"延期应为 1 至 {most}（{order.clocks.handle.unit}），不超过原处置时限",
                    f"the amount must be 1 to {most} {order.clocks.handle.unit}, as much as the order had at first",
                )
        case ApprovalKind.SUSPENSION:
            if order.suspended_times >= SUSPENDED_AT_MOST:
                return Sentence("已挂账过一次，不能再挂", "the order was suspended before, which may be once")
            if not 1 <= wish.amount <= SUSPENDED_DAYS_AT_MOST:
                return Sentence(
                    f"挂账应为 1 至 {SUSPENDED_DAYS_AT_MOST} 天",
                    f"the amount must be 1 to {SUSPENDED_DAYS_AT_MOST} days",
                )
        case ApprovalKind.APPEAL:
            if any(a.kind is ApprovalKind.APPEAL and a.state is not State.PENDING for a in earlier):
                return Sentence("该工单的申诉已经裁定", "an appeal about the order was decided already")
    return None


def decide(
    order: Order, approval: Approval, member: Member | None, approve: bool, answer: str, street: Street, now: datetime
) -> ApprovalResult | Refusal:
    """A member of the parent organisation, or of one above it, approves or refuses what the handler asked."""
    wanted = State.APPROVED if approve else State.REFUSED
    if member is not None and approval.decided_by == member.member_id and approval.state is wanted:
        return ApprovalResult(Changed(order, ()), approval)
    if approval.state is not State.PENDING:
        impossible = MOVES.impossible(approval.state, Move.APPROVE if approve else Move.REFUSE).detail
        return refuse(order, impossible.zh, impossible.en)
    if member is None or not answers_for(member, approval.unit, street) or member.member_id == approval.asked_by:
        return refuse(
            order,
            f"须由 {approval.org_id} 或其上级党组织的成员审批",
            f"a member of {approval.org_id}, or of an organisation above it, decides this",
        )
    if order.member_id != approval.asked_by:
        return refuse(order, "申请人已不再持有该工单", "whoever asked for it does not have the order any more")
    if not approve and not answer.strip():
        return refuse(order, "不同意需要说明理由", "a note that says why not is needed")
    to = move_to(order, ORDER_MOVES[approval.kind])
    if isinstance(to, Refusal):
        return to
    now = order.next_moment(now)
    decided = replace(approval, state=wanted, decided_by=member.member_id, decided_at=now, answer=answer.strip())
    if approve:
        return ApprovalResult(_granted(order, to, decided, member, street, now), decided)
    refused = ApprovalRefused(**_said(order, decided, now), kind=approval.kind, answer=decided.answer)
    return ApprovalResult(Changed(replace(order, moved_at=now), (refused,)), decided)


def _granted(order: Order, to: OrderState, approval: Approval, by: Member, street: Street, now: datetime) -> Changed:
    said = _said(order, approval, now)
    fact: Event
    match approval.kind:
        case ApprovalKind.EXTENSION:
            more = Clock(approval.amount, order.clocks.handle.unit)
            after = with_deadline(order, deadline(order.handle_by, more, street.calendar), street)
            after = replace(after, extended_times=order.extended_times + 1, moved_at=now)
            fact = OrderExtended(**said, times=after.extended_times, handle_by=after.handle_by, check_by=after.check_by)
        case ApprovalKind.SUSPENSION:
            after = replace(
                order,
                state=to,
                suspended_times=order.suspended_times + 1,
                suspended_at=order.paused_at or now,
                suspended_until=now + timedelta(days=approval.amount),
                moved_at=now,
            )
            assert after.suspended_until is not None
            fact = OrderSuspended(**said, reason=approval.reason, until=after.suspended_until)
        case ApprovalKind.APPEAL:
            after = replace(order, in_kpis=False, moved_at=now)
            fact = AppealUpheld(**said, reason=approval.reason)
    return Changed(after, (fact,))


def _said(order: Order, approval: Approval, now: datetime) -> dict[str, Any]:
    """What every fact about a decision says: who had asked, and who decided."""
    return {
        **about(order, now),
        "case_no": order.case_no,
        "approval_id": approval.approval_id,
        "member_id": approval.asked_by,
        "org_id": approval.asked_by_org,
        "decided_by": approval.decided_by,
    }


@dataclass(frozen=True, slots=True)
class AskApproval:
    tenant: str
    order_id: UUID
    member_id: str
    wish: ApprovalRequest


@dataclass(frozen=True, slots=True)
class DecideApproval:
    tenant: str
    order_id: UUID
    member_id: str
    approval_id: UUID
    approve: bool
    answer: str
