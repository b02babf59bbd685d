"""Clocks and offers of orders that run out."""

from __future__ import annotations

from libs.chassis.db.database import Database
from libs.chassis.handlers import Batch, EventRouter
from libs.contracts.message import Event
from services.dispatch.inspections import inspecting
from services.dispatch.orders.batch import OfferLease, OrderBatch, OrderClock, lease_of, members_near
from services.dispatch.orders.domain import escalation
from services.dispatch.orders.domain import suspension as approval
from services.dispatch.orders.domain.offering import widen
from services.dispatch.orders.domain.order import State
from services.dispatch.workload.domain import Workload

router = EventRouter("dispatch")


@router.due(OrderClock)
async def watch_orders(clocks: Batch[OrderClock], db: Database) -> list[Event]:
    batch = await OrderBatch.open(db, {clock.order_id for clock in clocks}, (), clocks.now, members_near)
    sent = await inspecting.who_checks(db, batch.orders.values())
    facts: list[Event] = []
    for clock in clocks:
        order = batch.orders.get(clock.order_id)
        if order is None or (order.stage, order.due_at()) != (clock.stage, clock.stage_ends_at):
            continue
        if order.state is State.SUSPENDED:
            resumed = approval.time_up(order, batch.streets[order.tenant], clocks.now)
            batch.keep(resumed.order)
            facts += resumed.facts
            continue
        if clock.due_at < clock.stage_ends_at:
            warned = escalation.warn(order, clocks.now, sent.get(order.order_id))
            batch.keep(warned.order)
            facts += warned.facts
            batch.next_clocks.append(clock.model_copy(update={"due_at": clock.stage_ends_at}))
            continue
        workload = batch.workload.get(order.tenant, Workload())
        people = sent.get(order.order_id)
        lapsed = escalation.lapse(order, batch.streets[order.tenant], workload, clocks.now, people)
        batch.keep(lapsed.order)
        facts += lapsed.facts
    await batch.record(db)
    return facts


@router.due(OfferLease)
async def widen_offers(leases: Batch[OfferLease], db: Database) -> list[Event]:
    batch = await OrderBatch.open(db, {lease.order_id for lease in leases}, (), leases.now, members_near)
    facts: list[Event] = []
    for lease in leases:
        order = batch.orders.get(lease.order_id)
        if order is None or lease_of(order) != lease:
            continue
        workload = batch.workload.get(order.tenant, Workload())
        wider = widen(order, batch.streets[order.tenant], workload, order.next_moment(leases.now))
        batch.keep(wider.order)
        facts += wider.facts
    await batch.record(db)
    return facts
