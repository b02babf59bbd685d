"""What handlers ask of the organisation above, what it decides, and how a higher level pushes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Answer, Batch, Done, EventRouter, Refused, not_in_street
from services.dispatch.approvals import domain as approval
from services.dispatch.approvals import tables
from services.dispatch.approvals.domain import Approval, AskApproval, DecideApproval
from services.dispatch.orders.batch import C, OrderBatch
from services.dispatch.orders.domain.order import Decision, Order, Refusal
from services.dispatch.street.domain.street import Member, Street
from services.dispatch.workload.domain import Workload

router = EventRouter("dispatch")


@router.answers(AskApproval)
async def ask_approvals(commands: Batch[AskApproval], db: Database) -> list[Answer]:
    batch = await OrderBatch.open_for(db, commands)
    known = {a.approval_id: a for a in await tables.of_orders(db, batch.orders)}
    asked: dict[UUID, Approval] = {}
    replies: dict[int, Approval] = {}

    def decide(c: AskApproval, order: Order, member: Member | None, street: Street, workload: Workload) -> Decision:
        earlier = [a for a in (*known.values(), *asked.values()) if a.order_id == order.order_id]
        answered = approval.ask(order, member, c.wish, earlier, new_id(), street, commands.now)
        if isinstance(answered, Refusal):
            return answered
        if answered.approval.approval_id not in known:
            asked[answered.approval.approval_id] = answered.approval
        replies[id(c)] = answered.approval
        return answered.changed

    answers = batch.carry_out(commands, decide)
    await tables.add(db, list(asked.values()))
    await batch.record(db)
    return _with(replies, commands, answers)


@router.answers(DecideApproval)
async def decide_approvals(commands: Batch[DecideApproval], db: Database) -> list[Answer]:
    batch = await OrderBatch.open_for(db, commands)
    known = {a.approval_id: a for a in await tables.of_orders(db, batch.orders)}
    decided: dict[UUID, Approval] = {}
    replies: dict[int, Approval] = {}

    def decide(
        c: DecideApproval, order: Order, member: Member | None, street: Street, workload: Workload
    ) -> Decision | Refused:
        asked = decided.get(c.approval_id) or known.get(c.approval_id)
        if asked is None or asked.order_id != order.order_id:
            return not_in_street(
                c.tenant, f"该工单的申请 {c.approval_id}", f"approval {c.approval_id} about this order"
            )
        answered = approval.decide(order, asked, member, c.approve, c.answer, street, commands.now)
        if isinstance(answered, Refusal):
            return answered
        decided[c.approval_id] = replies[id(c)] = answered.approval
        return answered.changed

    answers = batch.carry_out(commands, decide)
    await tables.record_decided(db, list(decided.values()))
    await batch.record(db)
    return _with(replies, commands, answers)


def _with(replies: Mapping[int, Approval], commands: Sequence[C], answers: Sequence[Answer]) -> list[Answer]:
    """The answers, of which those that took effect show the approval."""
    return [
        Done(replies[id(command)], answer.events) if isinstance(answer, Done) else answer
        for command, answer in zip(commands, answers, strict=True)
    ]
