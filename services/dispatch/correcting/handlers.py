"""Corrected cases: their orders and inspections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from libs.chassis.db.database import Database
from libs.chassis.handlers import Batch, EventRouter
from libs.contracts.incident import CaseCorrected
from libs.contracts.message import Event
from services.dispatch.components.domain.naming import Named
from services.dispatch.components.lookup import named_by
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

Orders = Mapping[tuple[str, UUID, int], Order]


class Routed(NamedTuple):
    """The case at its place, the component that it names, and where it goes."""

    case: CaseCorrected
    component: Named | None
    to: RoutedTo | Unrouted


@router.on(CaseCorrected)
async def correct_orders(corrections: Batch[CaseCorrected], db: Database) -> list[Event]:
    openings = {(c.tenant, c.case_id, c.opening) for c in corrections if c.opening is not None}
    found = await order_tables.of_openings(db, openings)
    routed = await _route(corrections, found, db)
    inspected = await inspecting.correct_verifications(
        db, [(each.case, each.to) for each in routed if each.case.verify_asked], corrections.postpone, corrections.now
    )
    by_order: defaultdict[UUID, list[Routed]] = defaultdict(list)
    for each in routed:
        case = each.case
        if case.opening is None:
            continue
        order = found.get((case.tenant, case.case_id, case.opening))
        if order is None:
            corrections.postpone(case, f"the order of case {case.case_id} is not here yet")
        else:
            by_order[order.order_id].append(each)

    def asked(order: Order, street: Street) -> set[str]:
        return {m for each in by_order[order.order_id] for m in _whom_it_may_be_offered(each.to, street)}

    batch = await OrderBatch.open(db, set(by_order), (), corrections.now, asked)
    facts: list[Event] = []
    for order_id, mine in by_order.items():
        for case, component, to in mine:
            order, street = batch.orders[order_id], batch.streets[case.tenant]
            loads = batch.workload.get(case.tenant, Workload())
            content = NewCase.of(case, component, opening=order.opening, appointment=order.appointment)
            after = correct(order, content, case.corrections, case.reason, to, street, loads, case.occurred_at)
            batch.keep(after.order)
            facts += after.facts
    await batch.record(db)
    await inspecting.correct_checks(db, batch.orders.values())
    return [*inspected, *facts]


async def _route(corrections: Batch[CaseCorrected], orders: Orders, db: Database) -> Sequence[Routed]:
    """Those of streets that are known here, with where they go now."""
    streets = await street_tables.streets_for(db, {case.tenant for case in corrections})
    here: defaultdict[str, list[CaseCorrected]] = defaultdict(list)
    for case in corrections:
        if case.tenant in streets:
            here[case.tenant].append(case)
        else:
            corrections.postpone(case, f"the street {case.tenant} has no grid tree yet")
    routed: list[Routed] = []
    for tenant, mine in here.items():
        named = [_as_it_was(*each, orders) for each in await named_by(db, mine, streets)]
        requests = [RoutingRequest(c.category, c.place, c.occurred_at, c.request_kind) for c, _ in named]
        decided = route_all(requests, streets[tenant])
        routed += [Routed(*each, to) for each, to in zip(named, decided, strict=True)]
    return routed


def _as_it_was(case: CaseCorrected, component: Named | None, orders: Orders) -> tuple[CaseCorrected, Named | None]:
    """A component that the order names already stays what and where it was when the order was made."""
    order = orders.get((case.tenant, case.case_id, case.opening)) if case.opening is not None else None
    before = order.component if order is not None else None
    if order is None or before is None or component is None:
        return case, component
    if (before.code, before.places) != (component.code, component.places):
        return case, component
    return (case.model_copy(update={"place": order.place}) if before.places else case), before


def _whom_it_may_be_offered(to: RoutedTo | Unrouted, street: Street) -> set[str]:
    return who_may_be_asked(to.unit.code, to.responsibility.skills if to.responsibility else ANYBODY, street)
