"""Questions to reporters, and what came of them."""

from __future__ import annotations

from typing import Any

from libs.chassis.db.database import Database
from libs.chassis.handlers import Batch, EventRouter
from libs.contracts.incident import CaseAnswered, CaseQuestioned
from libs.contracts.message import Event
from services.dispatch.orders import tables as order_tables
from services.dispatch.orders.batch import OrderBatch
from services.dispatch.orders.domain.order import Changed, Order
from services.dispatch.orders.domain.question import go_on, pause
from services.dispatch.street.domain.street import Street

router = EventRouter("dispatch")


async def wait_for_answers(questions: Batch[Any], db: Database) -> list[Event]:
    """A case without an order has no clock here."""
    openings = {(q.tenant, q.case_id, q.opening) for q in questions if q.opening is not None}
    found = await order_tables.of_openings(db, openings)
    batch = await OrderBatch.open(db, {order.order_id for order in found.values()}, (), questions.now)
    facts: list[Event] = []
    for fact in questions:
        if fact.opening is None:
            continue
        known = found.get((fact.tenant, fact.case_id, fact.opening))
        if known is None:
            questions.postpone(fact, f"the order of case {fact.case_id} is not here yet")
            continue
        changed = _after(batch.orders[known.order_id], fact, batch.streets[fact.tenant])
        batch.keep(changed.order)
        facts += changed.facts
    await batch.record(db)
    return facts


def _after(order: Order, fact: CaseQuestioned | CaseAnswered, street: Street) -> Changed:
    if isinstance(fact, CaseQuestioned):
        return pause(order, fact.number, fact.question, fact.answer_by, fact.occurred_at)
    return go_on(order, fact.number, fact.answer, street, fact.occurred_at)


for _fact in (CaseQuestioned, CaseAnswered):
    router.on(_fact)(wait_for_answers)
