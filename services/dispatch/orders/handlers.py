"""What members do with orders: each command is decided on the order as it stands, and answered."""

from __future__ import annotations

from collections import defaultdict
from typing import get_args
from uuid import UUID

from libs.chassis.db.database import Database
from libs.chassis.handlers import Answer, Batch, EventRouter
from services.dispatch.orders.batch import OrderBatch, members_near
from services.dispatch.orders.domain import escalation, suspension, work
from services.dispatch.orders.domain.commands import (
    AboutOrder,
    AssignOrder,
    ClaimOrder,
    GiveBackOrder,
    PassOrderOn,
    RaiseOrder,
    ResumeOrder,
    SendOrderDown,
    StartOrder,
    SuperviseOrder,
)
from services.dispatch.orders.domain.offering import candidates
from services.dispatch.orders.domain.order import Decision, Order
from services.dispatch.street.domain.street import Member, Street
from services.dispatch.workload.domain import Workload

router = EventRouter("dispatch")

Ask = (
    ClaimOrder
    | StartOrder
    | GiveBackOrder
    | AssignOrder
    | RaiseOrder
    | SendOrderDown
    | PassOrderOn
    | ResumeOrder
    | SuperviseOrder
)


@router.answers(*get_args(Ask))
async def change_orders(commands: Batch[Ask], db: Database) -> list[Answer]:
    """Commands of all these types in one batch: what they are about is locked and written once."""

    by_order: defaultdict[UUID, list[Ask]] = defaultdict(list)
    for command in commands:
        by_order[command.order_id].append(command)

    def asked(order: Order, street: Street) -> set[str]:
        return {m for c in by_order[order.order_id] for m in _whom_it_may_be_offered(c, order, street)}

    def decide(c: Ask, order: Order, member: Member | None, street: Street, workload: Workload) -> Decision:
        now = commands.now
        match c:
            case ClaimOrder():
                return work.claim(order, member, workload.get(member.member_id, 0) if member else 0, street, now)
            case StartOrder():
                return work.start(order, member, street, now)
            case GiveBackOrder():
                return work.give_back(order, member, c.reason, street, workload, now)
            case AssignOrder():
                return work.assign(order, member, street.members.get(c.to_member), c.reason, street, workload, now)
            case RaiseOrder():
                return escalation.raise_by_hand(order, member, c.reason, street, workload, now)
            case SendOrderDown():
                return escalation.send_down(order, member, c.unit, c.reason, street, workload, now)
            case PassOrderOn():
                return escalation.pass_on(order, member, c.unit, c.reason, street, workload, now)
            case ResumeOrder():
                return suspension.resume(order, member, street, now)
            case SuperviseOrder():
                return escalation.supervise(order, member, c.note, street, now)

    batch = await OrderBatch.open_for(db, commands, asked)
    answers = batch.carry_out(commands, decide)
    await batch.record(db)
    return answers


def _whom_it_may_be_offered(command: AboutOrder, order: Order, street: Street) -> set[str]:
    match command:
        case GiveBackOrder() | RaiseOrder():
            return set(members_near(order, street))
        case SendOrderDown(unit=unit) | PassOrderOn(unit=unit) if unit in street.units:
            return set(candidates(unit, order.skills, street))
        case _:
            return set()
