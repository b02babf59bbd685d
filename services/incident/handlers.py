"""Reports and decisions in, facts about orders in, facts about cases out."""

from __future__ import annotations

import secrets
from datetime import datetime

from libs.chassis.database import Database
from libs.chassis.handlers import Answer, Batch, Done, EventRouter, Refused
from libs.chassis.ids import new_id
from libs.contracts.dispatch import CategoryChanged
from libs.contracts.incident import ReportCase
from libs.contracts.message import Event, OrderEvent
from libs.contracts.transitions import Impossible
from services.incident import facts, intake
from services.incident.domain.case import decide, follow, reopen, step_of
from services.incident.domain.commands import DecideCase, Decided, EvaluateCase, Evaluated, TakeReport
from services.incident.domain.feedback import Conflict, evaluate
from services.incident.domain.history import ENVELOPE, ORDER_FACTS
from services.incident.domain.intake import TRACKING_BITS, tracking_code
from services.incident.tables import cases as tables
from services.incident.tables.cases import Known
from services.incident.tables.changes import Changes
from services.incident.tables.intake import take_categories

router = EventRouter("incident")


@router.answers(TakeReport)
async def take_reports(commands: Batch[TakeReport], db: Database) -> list[Answer]:
    return await intake.take([(c.report, c.tracking_code) for c in commands], commands.now, db)


@router.answers(ReportCase)
async def take_reports_of_systems(reports: Batch[ReportCase], db: Database) -> list[Answer]:
    return await intake.take([(r, tracking_code(secrets.randbits(TRACKING_BITS))) for r in reports], reports.now, db)


@router.answers(DecideCase)
async def decide_cases(commands: Batch[DecideCase], db: Database) -> list[Answer]:
    cases = await tables.lock_by_number(db, ((c.tenant, c.case_no) for c in commands))
    changes = Changes(commands.now)
    answers = [_decide(c, cases.get((c.tenant, c.case_no)), changes, commands.now) for c in commands]
    await changes.write(db)
    return answers


@router.answers(EvaluateCase)
async def evaluate_cases(commands: Batch[EvaluateCase], db: Database) -> list[Answer]:
    cases = await tables.lock_by_code(db, (c.tracking_code for c in commands))
    changes = Changes(commands.now, evaluations=await tables.evaluations(db, cases.values()))
    answers = [_evaluate(c, cases.get(c.tracking_code), changes, commands.now) for c in commands]
    await changes.write(db)
    return answers


async def follow_orders(orders: Batch[OrderEvent], db: Database) -> list[Event]:
    cases = await tables.lock_by_id(db, ((o.tenant, o.case_id) for o in orders))
    recorded = await tables.recorded(db, ((o.tenant, o.case_id, o.id) for o in orders))
    changes = Changes(orders.now, recorded=recorded)
    told: list[Event] = []
    for order in orders:
        case = cases.get((order.tenant, order.case_id))
        if case is None:
            orders.wait(order, f"case {order.case_id} is not here yet")
            continue
        before = changes.standing(case)
        after = follow(before, order)
        details = order.model_dump(mode="json", exclude=ENVELOPE)
        changes.note(case, after, order.id, step_of(order), order.occurred_at, details)
        told += facts.of_order(case, before, after, order)
    await changes.write(db)
    return told


for fact in ORDER_FACTS:
    router.on(fact)(follow_orders)


@router.on(CategoryChanged)
async def keep_categories(categories: Batch[CategoryChanged], db: Database) -> list[Event]:
    in_time = sorted(categories, key=lambda c: (c.occurred_at, c.id))
    latest = {(c.tenant, c.category): c for c in in_time}
    await take_categories(db, [latest[key] for key in sorted(latest)])
    return []


def _decide(command: DecideCase, case: Known | None, changes: Changes, now: datetime) -> Answer:
    if case is None:
        return Refused(404, "Not found", f"Street {command.tenant} has no case {command.case_no}.")
    before = changes.standing(case)
    after = decide(before, command.move)
    if isinstance(after, Impossible):
        allowed = [transition.shown() for transition in after.allowed]
        return Refused(409, "Not in this state", after.detail, {"state": before.state, "allowed": allowed})
    details = {"move": command.move, "by_member": command.by_member, "reason": command.reason}
    changes.note(case, after, new_id(), after.state, now, details)
    fact = facts.of_decision(case, after, command.reason, now)
    return Done(Decided(case.case_no, after.state), [fact])


def _evaluate(command: EvaluateCase, case: Known | None, changes: Changes, now: datetime) -> Answer:
    if case is None:
        return Refused(404, "Not found", "There is no case with this tracking code.")
    before = after = changes.standing(case)
    earlier = changes.evaluation(case)
    decision = evaluate(before, earlier, command.satisfied, command.words, now)
    if isinstance(decision, Conflict):
        return Refused(409, decision.title, decision.detail, {"state": before.state, "allowed": []})
    if decision is earlier or before.closing is None:
        return Done(Evaluated(case.case_no, decision.satisfied, decision.reopened, before.state))
    # Another process may have closed the case by a clock that is ahead: what is said of the closing comes after it.
    now = max(now, before.moved.at) if before.moved else now
    changes.evaluate(case, before.closing, decision, now)
    changes.note(case, before, new_id(), "evaluated", now, {"satisfied": decision.satisfied})
    if decision.reopened:
        reopening = new_id()
        after = reopen(before, now, reopening)
        changes.note(case, after, reopening, "reopened", now, {"times": after.reopened_times})
    told = facts.of_evaluation(case, before.closing, after, decision, now)
    return Done(Evaluated(case.case_no, decision.satisfied, decision.reopened, after.state), told)
