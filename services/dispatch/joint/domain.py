"""What becomes of a helper: asked for, given to a member, done, late, called off. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from libs.contracts.dispatch import HelpAssigned, HelpCause, HelpDone, HelpOverdue
from libs.street_time import local_minutes
from libs.transitions import Impossible
from services.dispatch.orders.domain.help import MOVES, SHARES_AT_MOST, Help, HelpMove, HelpState
from services.dispatch.orders.domain.helping import about_help, asked_for, call_off, check_begins, due, told_asked
from services.dispatch.orders.domain.order import Changed, Decision, Move, Order, Refusal, move_to, refuse
from services.dispatch.street.domain.authority import answers_for
from services.dispatch.street.domain.responsibility import HELPERS_AT_MOST
from services.dispatch.street.domain.street import Member, Street


@dataclass(frozen=True, slots=True)
class HelpWish:
    """What the organisation of a unit shall do. `due_at` None: by the time that the order is to be handled."""

    unit: str
    task: str
    share: int
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AskHelp:
    tenant: str
    order_id: UUID
    member_id: str
    wish: HelpWish


@dataclass(frozen=True, slots=True)
class AssignHelp:
    """`member_id` is of the helping organisation, or of one above it; `to_member` has the task from now on."""

    tenant: str
    order_id: UUID
    member_id: str
    help_id: UUID
    to_member: str


@dataclass(frozen=True, slots=True)
class FinishHelp:
    tenant: str
    order_id: UUID
    member_id: str
    help_id: UUID
    note: str


@dataclass(frozen=True, slots=True)
class CallHelpOff:
    tenant: str
    order_id: UUID
    member_id: str
    help_id: UUID
    reason: str


def ask(order: Order, member: Member | None, wish: HelpWish, help_id: UUID, street: Street, now: datetime) -> Decision:
    """An organisation that answers for the order asks another one. Asking again for what is open changes nothing."""
    to = move_to(order, Move.ASK_HELP)
    if isinstance(to, Refusal):
        return to
    if member is None or not answers_for(member, order.unit, street):
        return refuse(
            order,
            "只有负责该工单的党组织的成员可以请求协办",
            "only a member of an organisation that answers for the order asks others to help",
        )
    task = wish.task.strip()
    if any(help.is_open and (help.unit, help.task) == (wish.unit, task) for help in order.helpers):
        return Changed(order, ())
    if wrong := _wrong(order, wish, task, street, now):
        return wrong
    now = order.next_moment(now)
    help = Help(help_id, wish.unit, task, wish.share, wish.due_at, asked_by=member.member_id)
    after = replace(order, helpers=(*order.helpers, help), moved_at=now)
    return Changed(after, told_asked(after, [help], street, now))


def _wrong(order: Order, wish: HelpWish, task: str, street: Street, now: datetime) -> Refusal | None:
    if wish.unit not in street.units:
        return refuse(order, f"本街道没有 {wish.unit} 这个单元", f"{wish.unit} is no unit of the street")
    if street.units[wish.unit].org_id == order.org_id:
        return refuse(order, f"{order.org_id} 是主办单位", f"{order.org_id} answers for the order itself")
    if not task:
        return refuse(order, "需要说明协办任务", "a task is needed: those who help shall know what to do")
    counting = [help for help in order.helpers if help.state is not HelpState.CALLED_OFF]
    if len(counting) >= (most := HELPERS_AT_MOST):
        return refuse(order, f"协办单位至多 {most} 个", f"{most} helpers are the most there may be")
    left = SHARES_AT_MOST - sum(help.share for help in counting)
    if wish.share > left:
        return refuse(
            order,
            f"协办单位的积分合计至多 {SHARES_AT_MOST}%，还可分 {left}%",
            f"helpers have {SHARES_AT_MOST} % of the points at most, and {left} % are left",
        )
    if wish.due_at is not None and not now < wish.due_at <= order.handle_by:
        return refuse(
            order,
            f"协办时限应在现在与工单处置时限 {local_minutes(order.handle_by)} 之间",
            f"the deadline must lie between now and that of the order, {local_minutes(order.handle_by)}",
        )
    return None


def join(order: Order, units: Sequence[str], task: str, street: Street, now: datetime) -> Changed:
    """A campaign asks its helpers; those who help already, and an order that is handed in or over, are left alone."""
    if isinstance(move_to(order, Move.ASK_HELP), Refusal):
        return Changed(order, ())
    helping = {help.unit for help in order.helpers}
    room = HELPERS_AT_MOST - len(order.helpers)
    more = [help for help in asked_for(order.order_id, units, order.unit, task, street) if help.unit not in helping]
    if not more[:room]:
        return Changed(order, ())
    now = order.next_moment(now)
    after = replace(order, helpers=(*order.helpers, *more[:room]), moved_at=now)
    return Changed(after, told_asked(after, more[:room], street, now))


def assign(
    order: Order, help: Help, by: Member | None, member: Member | None, street: Street, now: datetime
) -> Decision:
    """The helping organisation gives the task to one of its members; who gives it to themselves takes it."""
    if member is not None and help.state is HelpState.ASSIGNED and help.member_id == member.member_id:
        return Changed(order, ())
    if refused := _refused(order, help, HelpMove.ASSIGN, by, street):
        return refused
    assert by is not None
    if member is None or not street.is_below(member.unit, help.unit):
        return refuse(
            order,
            f"被指派的人应属于协办单位{street.units[help.unit].name}",
            f"whom it is assigned to must serve in {street.units[help.unit].name}, which helps",
        )
    if member.member_id == order.member_id:
        return refuse(order, "主办人不能同时协办", "who has the order does not help with it besides")
    now = order.next_moment(now)
    fact = HelpAssigned(
        **about_help(order, help, street, now),
        category_name=order.category_name,
        summary=order.summary,
        place=order.place,
        member_id=member.member_id,
        taken_from=help.member_id,
        assigned_by=by.member_id,
        due_at=due(order, help),
    )
    assigned = replace(help, state=HelpState.ASSIGNED, member_id=member.member_id)
    held_by = (*order.held_by, member.member_id)
    return Changed(replace(_with(order, assigned), held_by=held_by, moved_at=now), (fact,))


def finish(order: Order, help: Help, member: Member | None, note: str, street: Street, now: datetime) -> Decision:
    """Who has the task, or another of the helping organisation, says it is done."""
    if member is not None and help.state is HelpState.DONE and help.member_id == member.member_id:
        return Changed(order, ())
    if member is None or member.member_id != help.member_id:
        if refused := _refused(order, help, HelpMove.FINISH, member, street):
            return refused
    elif isinstance(to := MOVES.find(help.state, HelpMove.FINISH), Impossible):
        return Refusal(to.detail)
    assert member is not None
    if member.member_id == order.member_id:
        return refuse(order, "主办人不能同时协办", "who has the order does not help with it besides")
    if not note.strip():
        return refuse(order, "note 要写明做了什么", "note must say what was done")
    now = order.next_moment(now)
    stopped_at = order.paused_at or order.suspended_at or now
    done = replace(
        help,
        state=HelpState.DONE,
        member_id=member.member_id,
        done_at=now,
        on_time=stopped_at <= due(order, help),
        note=note.strip(),
    )
    held_by = order.held_by if help.member_id == member.member_id else (*order.held_by, member.member_id)
    after = check_begins(replace(_with(order, done), held_by=held_by, moved_at=now), street, now)
    fact = HelpDone(
        **about_help(order, help, street, now),
        member_id=member.member_id,
        on_time=done.on_time,
        note=done.note,
        left=len(after.open_helpers),
        member_ids=order.people,
        check_by=after.check_by,
    )
    return Changed(after, (fact,))


def call_help_off(
    order: Order, help: Help, member: Member | None, reason: str, street: Street, now: datetime
) -> Decision:
    """An organisation that answers for the order does without the helper."""
    if help.state is HelpState.CALLED_OFF:
        return Changed(order, ())
    if isinstance(to := MOVES.find(help.state, HelpMove.CALL_OFF), Impossible):
        return Refusal(to.detail)
    if member is None or not answers_for(member, order.unit, street):
        return refuse(
            order,
            "只有负责该工单的党组织的成员可以取消协办",
            "only a member of an organisation that answers for the order calls helpers off",
        )
    if not reason.strip():
        return refuse(order, "取消协办需要理由", "a reason is needed to call a helper off")
    now = order.next_moment(now)
    return call_off(replace(order, moved_at=now), [help], HelpCause.BY_HAND, reason.strip(), street, now)


def lapse(order: Order, help: Help, street: Street, now: datetime) -> Changed:
    """The helper's time is over: said once, to the helper's organisation and the one above it."""
    until = due(order, help)
    if not help.is_open or help.told_overdue == until:
        return Changed(order, ())
    now = order.next_moment(now)
    here = street.units[help.unit]
    fact = HelpOverdue(
        **about_help(order, help, street, now),
        asked_by_org=order.org_id,
        above_org=street.units[here.parent].org_id if here.parent else here.org_id,
        member_ids=(help.member_id,) if help.member_id else (),
        due_at=until,
    )
    return Changed(replace(_with(order, replace(help, told_overdue=until)), moved_at=now), (fact,))


def _refused(order: Order, help: Help, move: HelpMove, member: Member | None, street: Street) -> Refusal | None:
    """Why somebody who says they are of the helping organisation may not."""
    if isinstance(to := MOVES.find(help.state, move), Impossible):
        return Refusal(to.detail)
    if member is None or not answers_for(member, help.unit, street):
        name = street.units[help.unit].org_name
        return refuse(
            order,
            f"只有协办党组织{name}或其上级的成员可以",
            f"only a member of {name}, which helps, or of an organisation above it may",
        )
    return None


def _with(order: Order, help: Help) -> Order:
    return replace(order, helpers=tuple(help if h.help_id == help.help_id else h for h in order.helpers))
