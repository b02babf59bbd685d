"""What members do with orders: each command is decided on the order as it stands, and answered."""

from __future__ import annotations

from libs.chassis.db.database import Database
from libs.chassis.handlers import Answer, Batch, Done, EventRouter
from services.dispatch import inspecting
from services.dispatch.desk import Desk, carry_out, near
from services.dispatch.domain import escalation, work
from services.dispatch.domain.commands import (
    AssignOrder,
    CheckOrder,
    ClaimOrder,
    GiveBackOrder,
    HandInOrder,
    RaiseOrder,
    SendOrderDown,
    StartOrder,
)
from services.dispatch.domain.offering import candidates
from services.dispatch.domain.order import Decision, Order
from services.dispatch.domain.street import Member, Street
from services.dispatch.domain.workload import Workload
from services.dispatch.tables import inspections as inspection_tables
from services.dispatch.tables import orders as order_tables

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


@router.answers(HandInOrder)
async def hand_in_orders(commands: Batch[HandInOrder], db: Database) -> list[Answer]:
    def decide(c: HandInOrder, order: Order, member: Member | None, street: Street, workload: Workload) -> Decision:
        return work.hand_in(order, member, c.note, len(c.photos), commands.now, c.documents_returned)

    desk = await Desk.open_for(db, commands)
    answers = desk.carry_out(commands, decide)
    await desk.record(db)
    done = {c.order_id: (c.note, c.photos) for c, a in zip(commands, answers, strict=True) if isinstance(a, Done)}
    await order_tables.record_evidence(db, done)
    return await inspecting.check_handed_in(db, answers, desk.streets, commands.now)


@router.answers(GiveBackOrder)
async def give_back_orders(commands: Batch[GiveBackOrder], db: Database) -> list[Answer]:
    def decide(c: GiveBackOrder, order: Order, member: Member | None, street: Street, workload: Workload) -> Decision:
        return work.give_back(order, member, c.reason, street, workload, commands.now)

    return await carry_out(commands, db, decide, near)


@router.answers(AssignOrder)
async def assign_orders(commands: Batch[AssignOrder], db: Database) -> list[Answer]:
    def decide(c: AssignOrder, order: Order, member: Member | None, street: Street, workload: Workload) -> Decision:
        return work.assign(order, member, street.members.get(c.to_member), c.reason, street, workload, commands.now)

    return await carry_out(commands, db, decide)


@router.answers(RaiseOrder)
async def raise_orders(commands: Batch[RaiseOrder], db: Database) -> list[Answer]:
    def decide(c: RaiseOrder, order: Order, member: Member | None, street: Street, workload: Workload) -> Decision:
        return escalation.raise_by_hand(order, member, c.reason, street, workload, commands.now)

    return await carry_out(commands, db, decide, near)


@router.answers(SendOrderDown)
async def send_orders_down(commands: Batch[SendOrderDown], db: Database) -> list[Answer]:
    below = {(c.order_id, c.unit) for c in commands}

    def asked(order: Order, street: Street) -> set[str]:
        units = [unit for id, unit in below if id == order.order_id and unit in street.units]
        return {m for unit in units for m in candidates(unit, order.skills, street)}

    def decide(c: SendOrderDown, order: Order, member: Member | None, street: Street, workload: Workload) -> Decision:
        return escalation.send_down(order, member, c.unit, c.reason, street, workload, commands.now)

    return await carry_out(commands, db, decide, asked)


@router.answers(CheckOrder)
async def check_orders(commands: Batch[CheckOrder], db: Database) -> list[Answer]:
    desk = await Desk.open_for(db, commands)
    sent = await inspection_tables.open_checks(db, desk.orders)

    def decide(c: CheckOrder, order: Order, member: Member | None, street: Street, workload: Workload) -> Decision:
        asked = sent[order.order_id].asked if order.order_id in sent else ()
        return work.check(order, member, c.passed, street, commands.now, note=c.note, asked=asked)

    answers = desk.carry_out(commands, decide)
    await desk.record(db)
    return await inspecting.conclude_checks(db, sent, commands, answers)
