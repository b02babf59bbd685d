"""The reporter says how it was, or lets the time for that pass."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Answer, Batch, Done, EventRouter, Refused, Timer
from libs.contracts.incident import CaseEvaluated, CaseReopened
from libs.contracts.message import Event
from services.incident.cases import facts
from services.incident.cases import tables as case_tables
from services.incident.cases.batch import CaseBatch
from services.incident.cases.domain.case import Closing, Standing, reopen
from services.incident.cases.domain.refusals import NO_SUCH_CODE, Conflict
from services.incident.cases.tables import LockedCase
from services.incident.feedback import tables
from services.incident.feedback.domain import (
    FEEDBACK_TIME,
    REOPENED_AT_MOST,
    EvaluateCase,
    Evaluated,
    Evaluation,
    evaluate,
    settle,
)
from services.incident.feedback.tables import Evaluations

router = EventRouter("incident")


class FeedbackClock(Timer):
    """The end of the reporter's time after one closing. A closing has its own, so that none is moved under a sweep."""

    key_field: ClassVar[str] = "closing"

    case_id: UUID
    closing: UUID


def clock_after(case: LockedCase, closing: UUID, closed_at: datetime) -> FeedbackClock:
    due_at = closed_at + FEEDBACK_TIME
    return FeedbackClock(due_at=due_at, tenant=case.tenant, case_id=case.case_id, closing=closing)


@router.answers(EvaluateCase)
async def evaluate_cases(commands: Batch[EvaluateCase], db: Database) -> list[Answer]:
    followed = await case_tables.followed(db, (c.tracking_code for c in commands))
    cases = await case_tables.lock_by_number(db, ((tenant, case_no) for tenant, _, case_no in followed.values()))
    evaluations = await tables.evaluations(db, cases.values())
    batch = CaseBatch(commands.now)
    answers: list[Answer] = []
    for command in commands:
        tenant, own, case_no = followed.get(command.tracking_code, ("", "", ""))
        answers.append(_evaluate(command, cases.get((tenant, case_no)), own, batch, evaluations, commands.now))
    await batch.write(db)
    await evaluations.write(db)
    return answers


@router.due(FeedbackClock)
async def settle_cases(clocks: Batch[FeedbackClock], db: Database) -> list[Event]:
    """What the reporter has not said by now stays unsaid."""
    cases = await case_tables.lock_by_id(db, ((c.tenant, c.case_id) for c in clocks))
    batch = CaseBatch(clocks.now)
    for clock in clocks:
        case = cases[clock.tenant, clock.case_id]
        after = settle(batch.standing(case), clock.closing, clocks.now)
        if after is not None and after.settled_at is not None:
            batch.append_entry(case, after, new_id(), "settled", after.settled_at, {})
    await batch.write(db)
    return []


def _evaluate(
    command: EvaluateCase, case: LockedCase | None, own: str, batch: CaseBatch, evaluations: Evaluations, now: datetime
) -> Answer:
    """`own` is the number under which the reporter reported: another than the case's where it was merged."""
    if case is None:
        return Refused(404, "Not found", NO_SUCH_CODE)
    before = after = batch.standing(case)
    given = evaluations.of(case)
    earlier, first = given.get(own), not given
    decision = evaluate(before, earlier, command.satisfied, command.words, now, command.closing)
    if isinstance(decision, Conflict):
        return Refused(409, decision.title, decision.detail, {"state": before.state, "allowed": []})
    if decision is earlier or before.closing is None:
        return Done(Evaluated(own, decision.satisfied, decision.reopened, before.state))
    # Another process may have closed the case by a clock that is ahead: what is said of the closing comes after it.
    now = max(now, before.moved.at) if before.moved else now
    evaluations.add(case, own, before.closing, decision, now)
    batch.append_entry(case, before, new_id(), "evaluated", now, {"satisfied": decision.satisfied})
    if decision.reopened:
        reopening = new_id()
        after = reopen(before, now, reopening)
        batch.append_entry(case, after, reopening, "reopened", now, {"times": after.reopened_times})
    told = _facts_of_evaluation(case, before.closing, after, decision, now, first=first)
    return Done(Evaluated(own, decision.satisfied, decision.reopened, after.state), told)


def _facts_of_evaluation(
    case: LockedCase, closing: Closing, now: Standing, evaluation: Evaluation, at: datetime, *, first: bool
) -> list[Event]:
    """Evaluated, and reopened where it was. Of several reporters the first counts, and who has it reopened."""
    told: list[Event] = []
    if first or evaluation.reopened:
        told.append(
            CaseEvaluated(
                tenant=case.tenant,
                occurred_at=at,
                case_id=case.case_id,
                case_no=case.case_no,
                sender=case.sender,
                order_id=closing.order_id,
                satisfied=evaluation.satisfied,
            )
        )
    if evaluation.reopened:
        told.append(
            CaseReopened(
                **facts.about(case, at),
                order_id=closing.order_id,
                opening=now.opening or 0,
                times=now.reopened_times,
                to_street=now.reopened_times == REOPENED_AT_MOST,
            )
        )
    return told
