"""What members do with orders: each command is decided on the order as it stands, and answered."""

from __future__ import annotations

from libs.chassis.db.database import Database
from libs.chassis.handlers import Answer, Batch, EventRouter
from services.dispatch.orders.batch import carry_out, members_near
from services.dispatch.orders.domain import escalation, work
from services.dispatch.orders.domain import suspension as approval
from services.dispatch.orders.domain.commands import (
    AssignOrder,
    ClaimOrder,
    GiveBackOrder,
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


@router.answers(ClaimOrder)
async def claim_orders(commands: Batch[ClaimOrder], db: Database) -> list[Answer]:
    def decide(_: ClaimOrder, order: Order, member: Member | None, street: Street, workload: Workload) -> Decision:
        return work.claim(order, member, workload.get(member.member_id, 0) if member else 0, commands.now)

    return await carry_out(commands, db, decide)


@router.answers(StartOrder)
async def start_orders(commands: Batch[StartOrder], db: Database) -> list[Answer]:
    def decide(_: StartOrder, order: Order, member: Member | None, street: Street, workload: Workload) -> Decision:
        return work.start(order, member, commands.now)

    return await carry_out(commands, db, decide)


@router.answers(GiveBackOrder)
async def give_back_orders(commands: Batch[GiveBackOrder], db: Database) -> list[Answer]:
    def decide(c: GiveBackOrder, order: Order, member: Member | None, street: Street, workload: Workload) -> Decision:
        return work.give_back(order, member, c.reason, street, workload, commands.now)

    return await carry_out(commands, db, decide, members_near)


@router.answers(AssignOrder)
async def assign_orders(commands: Batch[AssignOrder], db: Database) -> list[Answer]:
    def decide(c: AssignOrder, order: Order, member: Member | None, street: Street, workload: Workload) -> Decision:
        return work.assign(order, member, street.members.get(c.to_member), c.reason, street, workload, commands.now)

    return await carry_out(commands, db, decide)


@router.answers(RaiseOrder)
async def raise_orders(commands: Batch[RaiseOrder], db: Database) -> list[Answer]:
    def decide(c: RaiseOrder, order: Order, member: Member | None, street: Street, workload: Workload) -> Decision:
        return escalation.raise_by_hand(order, member, c.reason, street, workload, commands.now)

    return await carry_out(commands, db, decide, members_near)


@router.answers(SendOrderDown)
async def send_orders_down(commands: Batch[SendOrderDown], db: Database) -> list[Answer]:
    below = {(c.order_id, c.unit) for c in commands}

    def asked(order: Order, street: Street) -> set[str]:
        units = [unit for id, unit in below if id == order.order_id and unit in street.units]
        return {m for unit in units for m in candidates(unit, order.skills, street)}

    def decide(c: SendOrderDown, order: Order, member: Member | None, street: Street, workload: Workload) -> Decision:
        return escalation.send_down(order, member, c.unit, c.reason, street, workload, commands.now)

    return await carry_out(commands, db, decide, asked)


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
