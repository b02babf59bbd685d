"""Facts about its order move a case, and its timeline keeps them."""

from __future__ import annotations

from libs.chassis.db.database import Database
from libs.chassis.handlers import Batch, EventRouter
from libs.chassis.handling import timers
from libs.contracts.dispatch import OrderChecked, OrderHandled
from libs.contracts.incident import CaseClosed, CaseResolved
from libs.contracts.message import Event, OrderEvent
from services.incident.cases import facts
from services.incident.cases import tables as case_tables
from services.incident.cases.batch import CaseBatch
from services.incident.cases.domain.case import Standing, State, apply_order_fact, step_of
from services.incident.cases.domain.history import ENVELOPE, ORDER_FACTS
from services.incident.cases.tables import LockedCase
from services.incident.feedback.handlers import FeedbackClock, clock_after
from services.incident.progress import tables
from services.incident.questions.domain import Step
from services.incident.questions.handlers import end_passed

router = EventRouter("incident")


async def follow_orders(orders: Batch[OrderEvent], db: Database) -> list[Event]:
    cases = await case_tables.lock_by_id(db, ((o.tenant, o.case_id) for o in orders))
    recorded = await tables.recorded(db, ((o.tenant, o.case_id, o.id) for o in orders))
    batch = CaseBatch(orders.now, recorded=recorded)
    told: list[Event] = []
    clocks: list[FeedbackClock] = []
    steps: list[tuple[LockedCase, Standing, Step]] = []
    for order in orders:
        case = cases.get((order.tenant, order.case_id))
        if case is None:
            orders.postpone(order, f"case {order.case_id} is not here yet")
            continue
        before = batch.standing(case)
        after = apply_order_fact(before, order)
        details = order.model_dump(mode="json", exclude=ENVELOPE)
        batch.append_entry(case, after, order.id, step_of(order), order.occurred_at, details)
        work = isinstance(order, OrderHandled | OrderChecked)
        steps.append((case, before, Step(order.occurred_at, before.state, after.state, work)))
        made = _facts_of_order(case, before, after, order)
        told += made
        if any(isinstance(fact, CaseClosed) for fact in made):
            clocks.append(clock_after(case, order.id, order.occurred_at))
    await batch.write(db)
    told += await end_passed(db, steps, orders.now)
    await timers.schedule(db, clocks)
    return told


for fact in ORDER_FACTS:
    router.on(fact)(follow_orders)


def _facts_of_order(case: LockedCase, before: Standing, now: Standing, fact: OrderEvent) -> list[Event]:
    """Resolved or closed, where the fact made the case so."""
    if now.moved == before.moved or now.state not in (State.RESOLVED, State.CLOSED):
        return []
    said = {**facts.about(case, fact.occurred_at), "order_id": fact.order_id}
    if now.state is State.RESOLVED:
        return [CaseResolved(**said)]
    assert now.closing is not None
    said |= {name: getattr(now.closing, name) for name in ("result", "planned_for")}
    said["proposal_answer"] = now.closing.answer
    return [CaseClosed(**said)]
