"""The orders of a batch on the desk: locked, decided one after the other, and recorded together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from libs.chassis import timers
from libs.chassis.database import Database
from libs.chassis.handlers import Timer
from libs.contracts.words import Stage
from services.dispatch.domain.offering import who_may_be_asked
from services.dispatch.domain.order import Order, State
from services.dispatch.domain.street import Street
from services.dispatch.tables import orders as order_tables
from services.dispatch.tables import streets as street_tables
from services.dispatch.tables import workload as workload_tables


class OrderClock(Timer):
    """Amber, then red, for the stage that an order is in."""

    key_field: ClassVar[str] = "order_id"

    order_id: UUID
    stage: Stage
    stage_ends_at: datetime


def clock_of(order: Order, street: Street) -> OrderClock | None:
    """The next time that somebody must hear of the order, if nothing happens."""
    running, amber_at = order.running, order.amber_at(street.calendar)
    if running is None or amber_at is None:
        return None
    return OrderClock(due_at=amber_at, order_id=order.order_id, stage=running.stage, stage_ends_at=running.due_at)


class Desk:
    """The orders of a batch, locked, and what becomes of them."""

    def __init__(
        self, found: dict[UUID, Order], streets: Mapping[str, Street], workload: dict[str, dict[str, int]]
    ) -> None:
        self.orders = found
        self.streets = streets
        self.workload = workload
        self.next_clocks: list[OrderClock] = []
        self._before = dict(found)

    @classmethod
    async def open(cls, db: Database, ids: set[UUID], members: Iterable[workload_tables.Who]) -> Desk:
        """Locks clocks, then orders, then the members whose load may change: everywhere in this sequence."""
        await timers.hold(db, OrderClock, map(str, ids))
        found = await order_tables.orders_by_id(db, ids)
        having = {(order.tenant, order.member_id) for order in found.values() if order.member_id is not None}
        streets = await street_tables.streets_for(db, {order.tenant for order in found.values()})
        others = {
            (order.tenant, m)
            for order in found.values()
            for m in who_may_be_asked(order.unit, order.category, streets[order.tenant])
        }
        return cls(found, streets, await workload_tables.workload_of(db, others, lock={*members, *having}))

    def keep(self, order: Order) -> None:
        before = self.orders[order.order_id]
        self.orders[order.order_id] = order
        for who, change in _workload_change(before, order).items():
            loads = self.workload.setdefault(order.tenant, {})
            loads[who] = loads.get(who, 0) + change

    async def record(self, db: Database) -> None:
        changed = [o for id, o in self.orders.items() if o != self._before[id]]
        await order_tables.update_orders(db, changed)
        totals: Counter[workload_tables.Who] = Counter()
        for order in changed:
            for member, change in _workload_change(self._before[order.order_id], order).items():
                totals[(order.tenant, member)] += change
        await workload_tables.add_open_orders(db, totals)
        moved = [o for o in changed if o.due_at() != self._before[o.order_id].due_at()]
        clocks = [clock for order in moved if (clock := clock_of(order, self.streets[order.tenant]))]
        ended = [str(order.order_id) for order in moved if order.due_at() is None]
        await timers.cancel(db, OrderClock, ended)
        await timers.schedule(db, [*clocks, *self.next_clocks])


def _workload_change(before: Order, after: Order) -> Counter[str]:
    """An order weighs on the member who has it until it is handed in."""
    change: Counter[str] = Counter()
    for order, weight in ((before, -1), (after, 1)):
        if order.member_id is not None and order.state in (State.CLAIMED, State.HANDLING):
            change[order.member_id] += weight
    return change
