"""Questions to reporters, and what came of them."""

from __future__ import annotations

from typing import get_args

from libs.chassis.db.database import Database
from libs.chassis.handlers import Batch, EventRouter
from libs.contracts.incident import CaseAnswered, CaseQuestioned
from libs.contracts.message import Event
from services.dispatch.orders.batch import change_orders_of_cases
from services.dispatch.orders.domain.order import Changed, Order, ReporterAnswer
from services.dispatch.orders.domain.question import go_on, pause
from services.dispatch.street.domain.street import Street

router = EventRouter("dispatch")


Fact = CaseQuestioned | CaseAnswered


async def wait_for_answers(facts: Batch[Fact], db: Database) -> list[Event]:
    return await change_orders_of_cases(facts, db, _after)


def _after(fact: Fact, order: Order, street: Street) -> Changed:
    if isinstance(fact, CaseQuestioned):
        return pause(order, fact.number, fact.question, fact.answer_by, fact.occurred_at)
    said = ReporterAnswer(fact.question, fact.answer, fact.photos) if fact.answer is not None else None
    return go_on(order, fact.number, said, street, fact.occurred_at)


for _fact in get_args(Fact):
    router.on(_fact)(wait_for_answers)
