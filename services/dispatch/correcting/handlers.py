"""Corrected cases: their orders and inspections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from libs.chassis.db.database import Database
from libs.chassis.handlers import Batch, EventRouter
from libs.contracts.incident import CaseCorrected
from libs.contracts.message import Event
from services.dispatch.inspections import inspecting
from services.dispatch.orders import tables as order_tables
from services.dispatch.orders.batch import OrderBatch
from services.dispatch.orders.domain.correction import correct
from services.dispatch.orders.domain.offering import ANYBODY, NewCase, who_may_be_asked
from services.dispatch.orders.domain.order import Order
from services.dispatch.routing.domain import RoutedTo, RoutingRequest, Unrouted, route_all
from services.dispatch.street import tables as street_tables
from services.dispatch.street.domain.street import Street
from services.dispatch.workload.domain import Workload

router = EventRouter("dispatch")

Routed = tuple[CaseCorrected, RoutedTo | Unrouted]


@router.on(CaseCorrected)
async def correct_orders(corrections: Batch[CaseCorrected], db: Database) -> list[Event]:
    routed = await _route(corrections, db)
    inspected = await inspecting.correct_verifications(
        db, [(c, to) for c, to in routed if c.verify_asked], corrections.postpone, corrections.now
    )
    openings = {(c.tenant, c.case_id, c.opening) for c, _ in routed if c.opening is not None}
    found = await order_tables.of_openings(db, openings)
    by_order: defaultdict[UUID, list[Routed]] = defaultdict(list)
    for case, to in routed:
        if case.opening is None:
            continue
        order = found.get((case.tenant, case.case_id, case.opening))
        if order is None:
            corrections.postpone(case, f"the order of case {case.case_id} is not here yet")
        else:
            by_order[order.order_id].append((case, to))

    def asked(order: Order, street: Street) -> set[str]:
        return {m for _, to in by_order[order.order_id] for m in _whom_it_may_be_offered(to, street)}

    batch = await OrderBatch.open(db, set(by_order), (), corrections.now, asked)
    facts: list[Event] = []
    for order_id, mine in by_order.items():
        for case, to in mine:
            order, street = batch.orders[order_id], batch.streets[case.tenant]
            loads = batch.workload.get(case.tenant, Workload())
            content = NewCase.of(case, order.opening, order.appointment)
            after = correct(order, content, case.corrections, case.reason, to, street, loads, case.occurred_at)
            batch.keep(after.order)
            facts += after.facts
    await batch.record(db)
    await inspecting.correct_checks(db, batch.orders.values())
    return [*inspected, *facts]


async def _route(corrections: Batch[CaseCorrected], db: Database) -> Sequence[Routed]:
    """Those of streets that are known here, with where they go now."""
    streets = await street_tables.streets_for(db, {case.tenant for case in corrections})
    here: defaultdict[str, list[CaseCorrected]] = defaultdict(list)
    for case in corrections:
        if case.tenant in streets:
            here[case.tenant].append(case)
        else:
            corrections.postpone(case, f"the street {case.tenant} has no grid tree yet")
    return [
        each
        for tenant, mine in here.items()
        for each in zip(
            mine,
            route_all(
                [RoutingRequest(c.category, c.place, c.occurred_at, c.request_kind) for c in mine], streets[tenant]
            ),
            strict=True,
        )
    ]


def _whom_it_may_be_offered(to: RoutedTo | Unrouted, street: Street) -> set[str]:
    return who_may_be_asked(to.unit.code, to.responsibility.skills if to.responsibility else ANYBODY, street)
