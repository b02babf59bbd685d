"""How a case stands, for the person who reported it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from libs.chassis.db.database import Database, Record
from libs.chassis.http import DatabaseDep, not_found
from libs.contracts.incident import EndReason
from libs.contracts.particulars import NOTHING_SAID, Particulars
from libs.contracts.values import Answer, Appointment
from services.incident.cases import tables as case_tables
from services.incident.cases.domain.case import TRANSITIONS, Move, State, window
from services.incident.cases.domain.history import Entry
from services.incident.cases.domain.redaction import redact
from services.incident.cases.domain.refusals import NO_SUCH_CODE
from services.incident.cases.domain.words import ANSWER_WORDS, REASON_WORDS, STATE_WORDS, STEP_WORDS, in_order
from services.incident.cases.requests import InWords, IssuedCode, case_or_404
from services.incident.feedback import tables as feedback_tables
from services.incident.feedback.domain import FEEDBACK_DAYS
from services.incident.following import tables as follower_tables
from services.incident.questions import tables as question_tables
from services.incident.questions.domain import Question

router = APIRouter(tags=["following"])


class PublicStep(InWords):
    happened_at: datetime


class FeedbackState(BaseModel):
    """`until` and `closing` are set when the case is closed; `satisfied` when its latest closing was evaluated."""

    open: bool
    closing: UUID | None = Field(description="Which closing this is about; send it with the feedback.")
    until: datetime | None
    satisfied: bool | None


class OpenQuestion(BaseModel):
    """What the street would like to know; answer it with its number."""

    number: int
    question: str
    answer_by: datetime


class PublicAnswer(InWords):
    """What was said to a proposal; why stands in `result`."""

    answer: Answer
    planned_for: date | None = Field(description="Of a planned one: the day by which.")
    carried_out_at: datetime | None
    carried_out: str | None = Field(description="What was done as it was planned.")


class PublicView(Particulars):
    case_no: str
    category: InWords
    state: State
    state_in_words: InWords
    reason: InWords | None = Field(description="Why it was rejected or voided.")
    note: str | None = Field(description="More about the reason.")
    joined: bool = Field(description="It goes on together with other reports of the same matter.")
    following: bool = Field(False, description="You follow it; somebody else has reported it.")
    result: str | None = Field(description="What was done, when it is closed.")
    answer: PublicAnswer | None = Field(description="To a proposal, when it is closed.")
    question: OpenQuestion | None = Field(description="What you are asked for, until when.")
    reported_at: datetime
    handle_by: datetime | None = Field(description="Until when it shall be done.")
    appointment: Appointment | None = Field(description="When somebody is expected.")
    timeline: list[PublicStep]
    feedback: FeedbackState


@router.get("/v1/track/{code}")
async def track(code: IssuedCode, db: DatabaseDep) -> PublicView:
    """How a case stands, for the person who has its tracking code, or one of somebody who follows it."""
    case = await case_tables.case_by_code(db, code)
    if case is None:
        return await _followed(db, code)
    followed, timeline = case, await case_tables.timeline(db, case)
    if case.merged_into is not None:
        followed = await case_tables.case_by_number(db, case.tenant, case.merged_into) or case
        timeline += await case_tables.timeline(db, followed)
    evaluation = await feedback_tables.evaluation(db, followed, case.case_no) if followed.closed_by else None
    question = (await question_tables.last_of(db, [(case.tenant, case.case_id)])).get((case.tenant, case.case_id))
    return public_view(case, followed, timeline, evaluation, question)


async def _followed(db: Database, code: str) -> PublicView:
    """What is the reporter's own affair is left out: questions, feedback, appointment and particulars."""
    following = (await follower_tables.by_code(db, [code])).get(code)
    if following is None:
        raise not_found(NO_SUCH_CODE)
    case_no, follower = following
    case = await case_or_404(db, follower.tenant, case_no)
    followed, timeline = case, await case_tables.timeline(db, case)
    if case.merged_into is not None:
        followed = await case_tables.case_by_number(db, case.tenant, case.merged_into) or case
        timeline += await case_tables.timeline(db, followed)
    view = public_view(case, followed, timeline, None)
    nothing = FeedbackState(open=False, closing=None, until=None, satisfied=None)
    own = {"feedback": nothing, "appointment": None, **dict(NOTHING_SAID)}
    return view.model_copy(update={"following": True, **own})


def public_view(
    case: Record,
    followed: Record,
    timeline: Sequence[Entry],
    evaluation: Record | None,
    question: Question | None = None,
) -> PublicView:
    """In words only: no member, organisation or place of the grid, which are the street's own affair.

    `followed` is the case itself, or the one that it was merged into: that one's progress is shown.
    """
    state, joined = State(followed.state), case.case_no != followed.case_no
    until = followed.closed_at + timedelta(days=FEEDBACK_DAYS) if followed.closed_at else None
    [ended] = [e.details for e in timeline if e.step == state and e.details.get("reason")] or [{}]
    reason = REASON_WORDS[EndReason(ended["reason"])] if ended else None
    return PublicView(
        case_no=case.case_no,
        category=InWords(zh=case.category_name, en=case.category_name_en or case.category_name),
        state=state,
        state_in_words=InWords(**STATE_WORDS[state]),
        reason=InWords(zh=reason.zh, en=reason.en) if reason else None,
        note=redact(ended["note"]) if ended.get("note") else None,
        joined=joined,
        result=(state is State.CLOSED and followed.result) or None,
        answer=_answer(followed, timeline) if state is State.CLOSED and followed.answer else None,
        question=OpenQuestion(number=question.number, question=question.question, answer_by=question.answer_by)
        if question is not None and question.ended_at is None and TRANSITIONS.get(State(case.state), Move.ANSWER)
        else None,
        reported_at=case.reported_at,
        handle_by=followed.handle_by,
        # Of a case that was merged the other's window holds, which is that reporter's affair.
        appointment=None if joined else window(case.appointment_starts_at, case.appointment_ends_at),
        **case.particulars,
        timeline=[
            PublicStep(happened_at=row.happened_at, **STEP_WORDS[row.step])
            for row in in_order(timeline)
            if row.step in STEP_WORDS
        ],
        feedback=FeedbackState(
            open=state is State.CLOSED and evaluation is None and followed.settled_at is None,
            closing=followed.closed_by if until else None,
            until=until,
            satisfied=evaluation.satisfied if evaluation else None,
        ),
    )


def _answer(case: Record, timeline: Sequence[Entry]) -> PublicAnswer:
    answer = Answer(case.answer)
    done = [redact(entry.details["words"]) for entry in timeline if entry.step == "carried_out"]
    return PublicAnswer(
        **ANSWER_WORDS[answer],
        answer=answer,
        planned_for=case.planned_for,
        carried_out_at=case.carried_out_at,
        carried_out=done[-1] if case.carried_out_at else None,
    )
