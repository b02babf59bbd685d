"""A resident expects somebody at another time, and the order's deadlines move with it."""

from __future__ import annotations

from libs.chassis.db.database import Database
from libs.chassis.handlers import Batch, EventRouter
from libs.contracts.incident import CaseAppointmentChanged
from libs.contracts.message import Event
from services.dispatch.desk import Desk
from services.dispatch.domain.appointment import reschedule
from services.dispatch.tables import orders as order_tables

router = EventRouter("dispatch")


@router.on(CaseAppointmentChanged)
async def reschedule_orders(changed: Batch[CaseAppointmentChanged], db: Database) -> list[Event]:
    """A case without an order yet brings its window along when it is registered."""
    openings = {(c.tenant, c.case_id, c.opening) for c in changed if c.opening is not None}
    found = await order_tables.of_openings(db, openings)
    desk = await Desk.open(db, {order.order_id for order in found.values()}, (), changed.now)
    facts: list[Event] = []
    for change in changed:
        if change.opening is None:
            continue
        known = found.get((change.tenant, change.case_id, change.opening))
        if known is None:
            changed.postpone(change, f"the order of case {change.case_id} is not here yet")
            continue
        order, street = desk.orders[known.order_id], desk.streets[change.tenant]
        rescheduled = reschedule(order, change.appointment, change.changes, street, change.occurred_at)
        desk.keep(rescheduled.order)
        facts += rescheduled.facts
    await desk.record(db)
    return facts
