"""Helpers of orders: asked for, assigned, done, called off, and late."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Answer, Batch, EventRouter, Refused, not_in_street
from libs.chassis.handling import timers
from libs.contracts.message import Event
from services.dispatch.inspections import inspecting
from services.dispatch.joint import domain as joint
from services.dispatch.joint.domain import AskHelp, AssignHelp, CallHelpOff, FinishHelp
from services.dispatch.orders import tables as order_tables
from services.dispatch.orders.batch import HelpClock, HelpWithCase, OrderBatch, help_clocks_of
from services.dispatch.orders.domain.order import Decision, Order
from services.dispatch.street.domain.street import Member, Street
from services.dispatch.workload.domain import Workload

router = EventRouter("dispatch")

FIRST_LOOK, LONGEST_WAIT, TRIES = timedelta(minutes=1), timedelta(days=1), 40
"""For the order of a case that waits for an acceptor, or is verified: five weeks in all."""

Ask = AskHelp | AssignHelp | FinishHelp | CallHelpOff


@router.answers(*get_args(Ask))
async def change_helpers(commands: Batch[Ask], db: Database) -> list[Answer]:
    """Where the last helper of an order that was handed in is done or called off, somebody is sent to check it."""

    def decide(c: Ask, order: Order, member: Member | None, street: Street, _: Workload) -> Decision | Refused:
        now = commands.now
        named = (c.member_id, c.to_member) if isinstance(c, AssignHelp) else (c.member_id,)
        if unknown := next((each for each in named if each not in street.members), None):
            return not_in_street(c.tenant, f"成员 {unknown}", f"member {unknown}")
        if isinstance(c, AskHelp):
            return joint.ask(order, member, c.wish, new_id(), street, now)
        help = next((help for help in order.helpers if help.help_id == c.help_id), None)
        if help is None:
            return not_in_street(c.tenant, f"该工单的协办 {c.help_id}", f"helper {c.help_id} of this order")
        match c:
            case AssignHelp():
                return joint.assign(order, help, member, street.members.get(c.to_member), street, now)
            case FinishHelp():
                return joint.finish(order, help, member, c.note, street, now)
            case CallHelpOff():
                return joint.call_help_off(order, help, member, c.reason, street, now)

    batch = await OrderBatch.open_for(db, commands)
    answers = await inspecting.check_handed_in(db, batch.carry_out(commands, decide), batch.streets, commands.now)
    await batch.record(db)
    return answers


@router.due(HelpWithCase)
async def help_with_cases(asked: Batch[HelpWithCase], db: Database) -> list[Event]:
    """A case that has no order yet is looked at again, later each time; one that never gets one needs no help."""
    found = await order_tables.of_openings(db, {(each.tenant, each.case_id, 0) for each in asked})
    batch = await OrderBatch.open(db, {order.order_id for order in found.values()}, (), asked.now)
    facts: list[Event] = []
    later: list[HelpWithCase] = []
    for each in asked:
        known = found.get((each.tenant, each.case_id, 0))
        if known is None:
            if each.tries < TRIES:
                due_at = asked.now + min(FIRST_LOOK * 2**each.tries, LONGEST_WAIT)
                later.append(each.model_copy(update={"due_at": due_at, "tries": each.tries + 1}))
            continue
        order, street = batch.orders[known.order_id], batch.streets[each.tenant]
        joined = joint.join(order, each.units, each.task, street, asked.now)
        batch.keep(joined.order)
        facts += joined.facts
    await batch.record(db)
    await timers.schedule(db, later)
    return facts


@router.due(HelpClock)
async def watch_helpers(clocks: Batch[HelpClock], db: Database) -> list[Event]:
    batch = await OrderBatch.open(db, {clock.order_id for clock in clocks}, (), clocks.now)
    facts: list[Event] = []
    for clock in clocks:
        order = batch.orders.get(clock.order_id)
        if order is None or clock not in help_clocks_of(order):
            continue
        help = next(help for help in order.helpers if help.help_id == clock.help_id)
        lapsed = joint.lapse(order, help, batch.streets[order.tenant], clocks.now)
        batch.keep(lapsed.order)
        facts += lapsed.facts
    await batch.record(db)
    return facts
