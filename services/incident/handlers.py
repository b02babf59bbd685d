"""Reports and decisions in, facts about orders in, facts about cases out."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Answer, Batch, Done, EventRouter, Refused, Timer
from libs.chassis.handling import timers
from libs.contracts.dispatch import CategoryChanged
from libs.contracts.incident import CaseClosed, ReportCase
from libs.contracts.message import Event, OrderEvent
from libs.transitions import Impossible
from services.incident import appointment_handlers, facts, intake, merging, street_handlers, verifying
from services.incident.domain.case import decide, follow, reopen, step_of
from services.incident.domain.commands import (
    DecideCase,
    Decided,
    EvaluateCase,
    Evaluated,
    MergeCase,
    PutUnder,
    TakeReport,
    UnmergeCase,
)
from services.incident.domain.feedback import FEEDBACK_TIME, Conflict, evaluate, settle
from services.incident.domain.history import ENVELOPE, ORDER_FACTS
from services.incident.domain.intake import TRACKING_BITS, tracking_code
from services.incident.tables import cases as tables
from services.incident.tables.cases import Known
from services.incident.tables.changes import Changes
from services.incident.tables.intake import take_categories

router = EventRouter("incident")
router.include(appointment_handlers.router)
router.include(street_handlers.router)
router.include(verifying.router)


class FeedbackClock(Timer):
    """The end of the reporter's time after one closing. A closing has its own, so that none is moved under a sweep."""

    key_field: ClassVar[str] = "closing"

    tenant: str
    case_id: UUID
    closing: UUID


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


@router.answers(MergeCase)
async def merge_cases(commands: Batch[MergeCase], db: Database) -> list[Answer]:
    async with merging.on_desk(
        db, [(c.tenant, n) for c in commands for n in (c.case_no, c.into)], commands.now
    ) as desk:
        return [desk.merge(command) for command in commands]


@router.answers(UnmergeCase)
async def unmerge_cases(commands: Batch[UnmergeCase], db: Database) -> list[Answer]:
    async with merging.on_desk(db, [(c.tenant, c.case_no) for c in commands], commands.now) as desk:
        return [desk.unmerge(command) for command in commands]


@router.answers(PutUnder)
async def put_cases_under_others(commands: Batch[PutUnder], db: Database) -> list[Answer]:
    named = [(c.tenant, n) for c in commands for n in (c.case_no, c.parent) if n is not None]
    async with merging.on_desk(db, named, commands.now) as desk:
        return [desk.put_under(command) for command in commands]


@router.answers(EvaluateCase)
async def evaluate_cases(commands: Batch[EvaluateCase], db: Database) -> list[Answer]:
    followed = await tables.followed(db, (c.tracking_code for c in commands))
    cases = await tables.lock_by_number(db, ((tenant, case_no) for tenant, _, case_no in followed.values()))
    changes = Changes(commands.now, evaluations=await tables.evaluations(db, cases.values()))
    answers: list[Answer] = []
    for command in commands:
        tenant, own, case_no = followed.get(command.tracking_code, ("", "", ""))
        answers.append(_evaluate(command, cases.get((tenant, case_no)), own, changes, commands.now))
    await changes.write(db)
    return answers


async def follow_orders(orders: Batch[OrderEvent], db: Database) -> list[Event]:
    cases = await tables.lock_by_id(db, ((o.tenant, o.case_id) for o in orders))
    recorded = await tables.recorded(db, ((o.tenant, o.case_id, o.id) for o in orders))
    changes = Changes(orders.now, recorded=recorded)
    told: list[Event] = []
    clocks: list[FeedbackClock] = []
    for order in orders:
        case = cases.get((order.tenant, order.case_id))
        if case is None:
            orders.postpone(order, f"case {order.case_id} is not here yet")
            continue
        before = changes.standing(case)
        after = follow(before, order)
        details = order.model_dump(mode="json", exclude=ENVELOPE)
        changes.note(case, after, order.id, step_of(order), order.occurred_at, details)
        made = facts.of_order(case, before, after, order)
        told += made
        if any(isinstance(fact, CaseClosed) for fact in made):
            clocks.append(FeedbackClock(due_at=order.occurred_at + FEEDBACK_TIME, **_of(case), closing=order.id))
    await changes.write(db)
    await timers.schedule(db, clocks)
    return told


for fact in ORDER_FACTS:
    router.on(fact)(follow_orders)


@router.due(FeedbackClock)
async def settle_cases(clocks: Batch[FeedbackClock], db: Database) -> list[Event]:
    """What the reporter has not said by now stays unsaid."""
    cases = await tables.lock_by_id(db, ((c.tenant, c.case_id) for c in clocks))
    changes = Changes(clocks.now)
    for clock in clocks:
        case = cases[clock.tenant, clock.case_id]
        after = settle(changes.standing(case), clock.closing, clocks.now)
        if after is not None and after.settled_at is not None:
            changes.note(case, after, new_id(), "settled", after.settled_at, {})
    await changes.write(db)
    return []


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
    details = {"move": command.move, "by_member": command.by_member, "reason": command.reason, "note": command.note}
    changes.note(case, after, new_id(), after.state, now, details)
    fact = facts.of_decision(case, before, after, command.reason, command.note, now)
    return Done(Decided(case.case_no, after.state), [fact])


def _evaluate(command: EvaluateCase, case: Known | None, own: str, changes: Changes, now: datetime) -> Answer:
    """`own` is the number under which the reporter reported: another than the case's where it was merged."""
    if case is None:
        return Refused(404, "Not found", "There is no case with this tracking code.")
    before = after = changes.standing(case)
    evaluations = changes.evaluations(case)
    earlier, first = evaluations.get(own), not evaluations
    decision = evaluate(before, earlier, command.satisfied, command.words, now, command.closing)
    if isinstance(decision, Conflict):
        return Refused(409, decision.title, decision.detail, {"state": before.state, "allowed": []})
    if decision is earlier or before.closing is None:
        return Done(Evaluated(own, decision.satisfied, decision.reopened, before.state))
    # Another process may have closed the case by a clock that is ahead: what is said of the closing comes after it.
    now = max(now, before.moved.at) if before.moved else now
    changes.evaluate(case, own, before.closing, decision, now)
    changes.note(case, before, new_id(), "evaluated", now, {"satisfied": decision.satisfied})
    if decision.reopened:
        reopening = new_id()
        after = reopen(before, now, reopening)
        changes.note(case, after, reopening, "reopened", now, {"times": after.reopened_times})
    told = facts.of_evaluation(case, before.closing, after, decision, now, first=first)
    return Done(Evaluated(own, decision.satisfied, decision.reopened, after.state), told)


def _of(case: Known) -> dict[str, Any]:
    return {"tenant": case.tenant, "case_id": case.case_id}
