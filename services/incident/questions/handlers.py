"""Questions put to reporters, answered, or not answered in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.handlers import Answer, Batch, Done, EventRouter, Refused, Timer
from libs.chassis.handling import timers
from libs.contracts.incident import CaseAnswered, CaseQuestioned, Corrected
from libs.contracts.message import Event
from libs.contracts.values import Unanswered
from services.incident.cases import facts
from services.incident.cases import tables as case_tables
from services.incident.cases.batch import CaseBatch
from services.incident.cases.domain.case import Decided, Move, Standing
from services.incident.cases.domain.redaction import redact
from services.incident.cases.domain.refusals import NO_SUCH_CODE, no_case
from services.incident.cases.tables import LockedCase
from services.incident.categories import tables as category_tables
from services.incident.correcting import tables as correcting_tables
from services.incident.correcting.batch import record
from services.incident.correcting.domain import Correction, correct
from services.incident.questions import tables
from services.incident.questions.domain import (
    AnswerQuestion,
    Asked,
    AskReporter,
    Question,
    Refusal,
    Step,
    ask,
    is_past,
    refuse_answer,
    without_answer,
)

router = EventRouter("incident")
Key = tuple[str, UUID]
"""(tenant, case_id)"""


class AnswerClock(Timer):
    """The end of the reporter's time to answer; each question has its own."""

    key_field: ClassVar[str] = "question"

    case_id: UUID
    number: int

    @property
    def question(self) -> str:
        return f"{self.case_id}/{self.number}"


@router.answers(AskReporter)
async def ask_reporters(commands: Batch[AskReporter], db: Database) -> list[Answer]:
    cases = await case_tables.lock_by_number(db, ((c.tenant, c.case_no) for c in commands))
    last = await tables.last_of(db, ((case.tenant, case.case_id) for case in cases.values()))
    batch, new = CaseBatch(commands.now), list[Question]()
    answers: list[Answer] = []
    for command in commands:
        case = cases.get((command.tenant, command.case_no))
        if case is None:
            answers.append(Refused(404, "Not found", no_case(command.tenant, command.case_no)))
            continue
        standing, before = batch.standing(case), last.get((case.tenant, case.case_id))
        asked = ask(standing, before, command, case.case_id, commands.now)
        if isinstance(asked, Refusal):
            answers.append(_refused(asked, standing.state))
            continue
        told: list[Event] = []
        if asked is not before:
            last[case.tenant, case.case_id] = asked
            new.append(asked)
            details = {
                "move": Move.ASK,
                "number": asked.number,
                "question": asked.question,
                "by_member": asked.asked_by,
                "answer_by": asked.answer_by.isoformat(),
            }
            batch.append_entry(case, standing, new_id(), "questioned", commands.now, details)
            told = [_questioned(case, asked, standing.opening, commands.now)]
        answers.append(Done(Asked(case.case_no, asked.number, asked.answer_by), told))
    await batch.write(db)
    await tables.add(db, new)
    await timers.schedule(db, [_clock(each) for each in new])
    return answers


@router.answers(AnswerQuestion)
async def take_answers(commands: Batch[AnswerQuestion], db: Database) -> list[Answer]:
    """Of the reporter's own case; where it is somewhere else than was said, it is corrected with the answer."""
    own = await case_tables.followed(db, (c.tracking_code for c in commands))
    keys = {code: (tenant, case_no) for code, (tenant, case_no, _) in own.items()}
    cases = await case_tables.lock_by_number(db, keys.values())
    last = await tables.last_of(db, ((case.tenant, case.case_id) for case in cases.values()))
    batch, corrected, ended = CaseBatch(commands.now), dict[Key, LockedCase](), dict[Key, Question]()
    answers: list[Answer] = []
    for command in commands:
        if command.tracking_code not in keys:
            answers.append(Refused(404, "Not found", NO_SUCH_CODE))
            continue
        case = cases[keys[command.tracking_code]]
        key = (case.tenant, case.case_id)
        standing, question = batch.standing(case), last.get(key)
        refused = refuse_answer(standing, question, command, commands.now)
        if refused is not None or question is None:
            answers.append(_refused(refused, standing.state) if refused else Refused(404, "Not found", NO_SUCH_CODE))
            continue
        told: list[Event] = []
        if question.answer is None:
            last[key] = ended[key] = replace(
                question, answer=command.words, photos=command.photos, ended_at=commands.now
            )
            details: dict[str, Any] = {"move": Move.ANSWER, "number": question.number, "words": command.words}
            details |= {"photos": list(command.photos)} if command.photos else {}
            batch.append_entry(case, standing, new_id(), "answered", commands.now, details)
            told.append(_answered(case, last[key], standing.opening, commands.now))
            right = {Corrected.PLACE: command.place} if command.place is not None else {}
            after = correct(standing, case.content, right, case.content.category_name)
            if isinstance(after, Correction) and after.corrected:
                corrected[key], fact = record(batch, case, after, None, command.words, commands.now)
                told.append(fact)
        answers.append(Done(Decided(case.case_no, standing.state), told))
    await batch.write(db)
    await correcting_tables.correct(db, corrected.values())
    await tables.end(db, list(ended.values()))
    return answers


@router.due(AnswerClock)
async def go_on_without(clocks: Batch[AnswerClock], db: Database) -> list[Event]:
    """Whoever has not answered by now: the rule of the category decides."""
    cases = await case_tables.lock_by_id(db, ((c.tenant, c.case_id) for c in clocks))
    last = await tables.last_of(db, cases)
    policies = await category_tables.policies(db, ((c.tenant, c.content.category) for c in cases.values()))
    batch, ended = CaseBatch(clocks.now), list[Question]()
    told: list[Event] = []
    for clock in clocks:
        case, question = cases[clock.tenant, clock.case_id], last.get((clock.tenant, clock.case_id))
        if question is None or question.number != clock.number or question.ended_at is not None:
            continue
        over = replace(question, ended_at=clocks.now)
        ended.append(over)
        policy = policies.get((case.tenant, case.content.category))
        before = batch.standing(case)
        decided = without_answer(before, policy.unanswered if policy else Unanswered.GO_ON)
        if decided is None:
            continue
        after, reason = decided
        batch.append_entry(case, before, new_id(), "unanswered", clocks.now, {"number": question.number})
        if reason is None:
            told.append(_answered(case, over, before.opening, clocks.now))
        else:
            move = Move.VOID if before.opened else Move.REJECT
            details = {"move": move, "by_member": None, "reason": reason, "note": None}
            batch.append_entry(case, after, new_id(), after.state, clocks.now, details)
            told.append(facts.of_decision(case, before, after, reason, None, clocks.now))
    await batch.write(db)
    await tables.end(db, ended)
    return told


async def end_passed(db: Database, steps: Sequence[tuple[LockedCase, Standing, Step]], now: datetime) -> list[Event]:
    """End the open questions that the cases are past, and tell of those that dispatch may still wait for.

    The cases are locked, each with how it stood before its step. A question put after the step, by somebody who had not
    heard of it, may have stopped the clock again.
    """
    passing = [(case, standing, step) for case, standing, step in steps if step.work or step.leaves]
    if not passing:
        return []
    last = await tables.last_of(db, ((case.tenant, case.case_id) for case, _, _ in passing))
    ended, told = list[Question](), list[Event]()
    for case, standing, step in passing:
        question = last.get((case.tenant, case.case_id))
        if question is None or question.ended_at is not None or not is_past(question, step):
            continue
        over = last[case.tenant, case.case_id] = replace(question, ended_at=now)
        ended.append(over)
        if step.at < question.asked_at:
            told.append(_answered(case, over, standing.opening, now))
    if ended:
        await tables.end(db, ended)
    return told


def _clock(question: Question) -> AnswerClock:
    """An answer of the last moment still counts."""
    due_at = question.answer_by + timedelta(microseconds=1)
    return AnswerClock(tenant=question.tenant, due_at=due_at, case_id=question.case_id, number=question.number)


def _refused(why: Refusal, state: str) -> Refused:
    allowed = [transition.shown() for transition in why.impossible.allowed] if why.impossible else []
    titles = {404: "Not found", 409: "Not possible now", 422: "Invalid request"}
    return Refused(why.status, titles[why.status], why.detail, {"state": state, "allowed": allowed})


def _questioned(case: LockedCase, question: Question, opening: int | None, at: datetime) -> CaseQuestioned:
    return CaseQuestioned(
        **facts.about(case, at),
        number=question.number,
        question=redact(question.question),
        asked_by=question.asked_by,
        answer_by=question.answer_by,
        opening=opening,
    )


def _answered(case: LockedCase, question: Question, opening: int | None, at: datetime) -> CaseAnswered:
    return CaseAnswered(
        **facts.about(case, at),
        number=question.number,
        question=redact(question.question),
        asked_by=question.asked_by,
        answer=redact(question.answer) if question.answer else None,
        photos=question.photos,
        opening=opening,
    )
