"""What facts about cases do to orders: a case gets one, another one, or none any more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Batch, EventRouter
from libs.chassis.handling import timers
from libs.contracts.dispatch import CancelCause
from libs.contracts.incident import (
    CaseAppointmentChanged,
    CaseMerged,
    CaseOpened,
    CaseRegistered,
    CaseReopened,
    CaseUnmerged,
    CaseVoided,
)
from libs.contracts.message import Event
from libs.contracts.reasons import Reason, Why
from services.dispatch.components.lookup import named_by
from services.dispatch.inspections import inspecting
from services.dispatch.orders import tables as order_tables
from services.dispatch.orders.batch import OrderBatch, change_orders_of_cases, clock_of, help_clocks_of, lease_of
from services.dispatch.orders.domain import work
from services.dispatch.orders.domain.appointment import reschedule
from services.dispatch.orders.domain.offering import ANYBODY, NewCase, dispatch, who_may_be_asked
from services.dispatch.orders.domain.order import ENDED, Changed, Order, State
from services.dispatch.routing.domain import RoutedTo, RoutingRequest, Unrouted, route_all
from services.dispatch.street import tables as street_tables
from services.dispatch.street.domain.street import Street
from services.dispatch.workload import tables as workload_tables
from services.dispatch.workload.domain import Workload

router = EventRouter("dispatch")

O = TypeVar("O", bound=CaseOpened)  # noqa: E741


@router.on(CaseRegistered)
async def dispatch_cases(cases: Batch[CaseRegistered], db: Database) -> list[Event]:
    relieved = await inspecting.stop_verifying(db, cases, None, cases.now)
    return [*await _dispatch(cases, cases.postpone, db, cases.now), *relieved]


@router.on(CaseUnmerged)
async def dispatch_unmerged_cases(cases: Batch[CaseUnmerged], db: Database) -> list[Event]:
    """As registered ones, once the order that the case had before is out of the way."""
    before = await order_tables.of_openings(db, {(c.tenant, c.case_id, c.opening - 1) for c in cases if c.opening})
    ready = []
    for case in cases:
        earlier = before.get((case.tenant, case.case_id, case.opening - 1))
        if case.opening and (earlier is None or earlier.state not in ENDED):
            cases.postpone(case, f"the order of case {case.case_id} from before it was merged is not cancelled yet")
        else:
            ready.append(case)
    return await _dispatch(ready, cases.postpone, db, cases.now)


async def _dispatch(cases: Sequence[O], wait: Callable[[O, str], None], db: Database, now: datetime) -> list[Event]:
    streets = await street_tables.streets_for(db, {case.tenant for case in cases})
    decided: list[Changed] = []
    for tenant, mine in _by_tenant(cases).items():
        if tenant not in streets:
            for case in mine:
                wait(case, f"the street {tenant} has no grid tree yet")
            continue
        street = streets[tenant]
        named = await named_by(db, mine, streets)
        routed = route_all(
            [RoutingRequest(c.category, c.place, c.occurred_at, c.request_kind) for c, _ in named], street
        )
        workload = await _workload(db, street, routed, now)
        decided += [
            dispatch(new_id(), NewCase.of(case, component), to, street, workload, now=case.occurred_at)
            for (case, component), to in zip(named, routed, strict=True)
        ]
    return await _record_new(db, decided, streets)


async def cancel_orders(cases: Batch[CaseVoided | CaseMerged], db: Database) -> list[Event]:
    """Cancels the open order of the case and its verification. An order that is checked is not changed."""
    openings = {(c.tenant, c.case_id, c.opening) for c in cases if c.opening is not None}
    found = await order_tables.of_openings(db, openings)
    batch = await OrderBatch.open(db, {order.order_id for order in found.values()}, (), cases.now)
    facts = await inspecting.stop_verifying(db, [c for c in cases if c.opening is None], cases.postpone, cases.now)
    over = set()
    for case in cases:
        if case.opening is None:
            continue
        order = found.get((case.tenant, case.case_id, case.opening))
        if order is None:
            cases.postpone(case, f"the order of case {case.case_id} is not here yet")
            continue
        because = CancelCause.VOIDED if isinstance(case, CaseVoided) else CancelCause.MERGED
        match work.cancel(batch.orders[order.order_id], because, batch.streets[case.tenant], case.occurred_at):
            case Changed() as cancelled:
                batch.keep(cancelled.order)
                facts += cancelled.facts
                over.add(order.order_id)
    await batch.record(db)
    return [*facts, *await inspecting.cancel_checks(db, over, cases.now)]


ENDED_CASES: tuple[type[CaseVoided | CaseMerged], ...] = (CaseVoided, CaseMerged)
for _ended in ENDED_CASES:
    router.on(_ended)(cancel_orders)


@router.on(CaseReopened)
async def dispatch_again(cases: Batch[CaseReopened], db: Database) -> list[Event]:
    """A new order for a case that was not done well: where it was before, the second time to the street."""
    earlier = await order_tables.orders_by_id(db, {case.order_id for case in cases})
    streets = await street_tables.streets_for(db, {case.tenant for case in cases})
    decided: list[Changed] = []
    for case in cases:
        before = earlier.get(case.order_id)
        if before is None or before.state is not State.CHECKED:
            cases.postpone(case, f"the order {case.order_id} is not checked here yet")
            continue
        street = streets[case.tenant]
        expected = before.appointment if before.appointment and before.appointment.ends_at > case.occurred_at else None
        again = NewCase.of(before, before.component, opening=case.opening, appointment=expected)
        unit = street.root if case.to_street else street.units[before.unit]
        selected = street.responsibility(before.category, case.occurred_at, before.unit, before.request_kind)
        because = (Reason(Why.REOPENED_TO_STREET if case.to_street else Why.REOPENED), *selected.because)
        to = RoutedTo(unit, selected.row, because) if selected.row else Unrouted(unit, None, because)
        workload = await _workload(db, street, [to], cases.now)
        decided.append(dispatch(new_id(), again, to, street, workload, now=case.occurred_at))
    return await _record_new(db, decided, streets)


def _by_tenant(cases: Sequence[O]) -> dict[str, list[O]]:
    found: dict[str, list[O]] = {}
    for case in cases:
        found.setdefault(case.tenant, []).append(case)
    return found


async def _workload(db: Database, street: Street, routed: Sequence[RoutedTo | Unrouted], now: datetime) -> Workload:
    """The open orders of everybody who may be asked."""
    wanted = {(to.unit.code, to.responsibility.skills if to.responsibility else ANYBODY) for to in routed}
    who = {(street.tenant, m) for unit, skills in wanted for m in who_may_be_asked(unit, skills, street)}
    return (await workload_tables.workload_of(db, who, now)).get(street.tenant, Workload())


async def _record_new(db: Database, decided: Sequence[Changed], streets: Mapping[str, Street]) -> list[Event]:
    """Insert the orders and start their clocks; a case that has its order already keeps it."""
    new = await order_tables.insert_orders(db, [each.order for each in decided])
    made = [each for each in decided if each.order.order_id in new]
    orders = [each.order for each in made]
    clocks = [clock for order in orders if (clock := clock_of(order, streets[order.tenant]))]
    helpers = [clock for order in orders for clock in help_clocks_of(order)]
    await timers.schedule(db, [*clocks, *helpers, *(lease for order in orders if (lease := lease_of(order)))])
    return [fact for each in made for fact in each.facts]


@router.on(CaseAppointmentChanged)
async def reschedule_orders(changed: Batch[CaseAppointmentChanged], db: Database) -> list[Event]:
    """A case without an order yet brings its window along when it is registered."""

    def decide(change: CaseAppointmentChanged, order: Order, street: Street) -> Changed:
        return reschedule(order, change.appointment, change.changes, street, change.occurred_at)

    return await change_orders_of_cases(changed, db, decide)
