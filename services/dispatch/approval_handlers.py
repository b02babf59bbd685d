"""What handlers ask of the organisation above, what it decides, and how a higher level pushes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Answer, Batch, Done, EventRouter, Refused
from services.dispatch.desk import C, Desk, carry_out
from services.dispatch.domain import approval, escalation
from services.dispatch.domain.approval import Approval
from services.dispatch.domain.commands import AskApproval, DecideApproval, ResumeOrder, SuperviseOrder
from services.dispatch.domain.order import Decision, Order, Refuse
from services.dispatch.domain.street import Member, Street
from services.dispatch.domain.workload import Workload
from services.dispatch.tables import approvals as tables

router = EventRouter("dispatch")


@router.answers(AskApproval)
async def ask_approvals(commands: Batch[AskApproval], db: Database) -> list[Answer]:
    desk = await Desk.open_for(db, commands)
    known = {a.approval_id: a for a in await tables.of_orders(db, desk.orders)}
    asked: dict[UUID, Approval] = {}
    replies: dict[int, Approval] = {}

    def decide(c: AskApproval, order: Order, member: Member | None, street: Street, workload: Workload) -> Decision:
        earlier = [a for a in (*known.values(), *asked.values()) if a.order_id == order.order_id]
        answered = approval.ask(order, member, c.wish, earlier, new_id(), street, commands.now)
        if isinstance(answered, Refuse):
            return answered
        if answered.approval.approval_id not in known:
            asked[answered.approval.approval_id] = answered.approval
        replies[id(c)] = answered.approval
        return answered.changed

    answers = desk.carry_out(commands, decide)
    await tables.add(db, list(asked.values()))
    await desk.record(db)
    return _with(replies, commands, answers)


@router.answers(DecideApproval)
async def decide_approvals(commands: Batch[DecideApproval], db: Database) -> list[Answer]:
    desk = await Desk.open_for(db, commands)
    known = {a.approval_id: a for a in await tables.of_orders(db, desk.orders)}
    decided: dict[UUID, Approval] = {}
    replies: dict[int, Approval] = {}

    def decide(
        c: DecideApproval, order: Order, member: Member | None, street: Street, workload: Workload
    ) -> Decision | Refused:
        asked = decided.get(c.approval_id) or known.get(c.approval_id)
        if asked is None or asked.order_id != order.order_id:
            return Refused(404, "Not found", f"nothing was asked for under {c.approval_id} about this order")
        answered = approval.decide(order, asked, member, c.approve, c.answer, street, commands.now)
        if isinstance(answered, Refuse):
            return answered
        decided[c.approval_id] = replies[id(c)] = answered.approval
        return answered.changed

    answers = desk.carry_out(commands, decide)
    await tables.record_decided(db, list(decided.values()))
    await desk.record(db)
    return _with(replies, commands, answers)


@router.answers(ResumeOrder)
async def resume_orders(commands: Batch[ResumeOrder], db: Database) -> list[Answer]:
    def decide(_: ResumeOrder, order: Order, member: Member | None, street: Street, workload: Workload) -> Decision:
        return approval.resume(order, member, street, commands.now)

    return await carry_out(commands, db, decide)


@router.answers(SuperviseOrder)
async def supervise_orders(commands: Batch[SuperviseOrder], db: Database) -> list[Answer]:
    def decide(c: SuperviseOrder, order: Order, member: Member | None, street: Street, workload: Workload) -> Decision:
        return escalation.supervise(order, member, c.note, street, commands.now)

    return await carry_out(commands, db, decide)


def _with(replies: Mapping[int, Approval], commands: Sequence[C], answers: Sequence[Answer]) -> list[Answer]:
    """The answers, of which those that took effect show the approval."""
    return [
        Done(replies[id(command)], answer.events) if isinstance(answer, Done) else answer
        for command, answer in zip(commands, answers, strict=True)
    ]
