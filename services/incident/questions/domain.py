"""A question to the reporter: when it may be put and answered, and what happens without an answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from libs.contracts.incident import EndReason
from libs.contracts.values import Place, Unanswered
from libs.sentences import Sentence
from libs.street_time import local_minutes
from libs.transitions import Impossible
from services.incident.cases.domain.case import TRANSITIONS, Move, Standing, State, decide

ANSWER_TIME = timedelta(days=3)
"""For a question that names no other time."""
LEAST, MOST = timedelta(hours=1), timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Question:
    """`answer` is None while nobody has answered, `photos` are its.

    `ended_at`: it is answered, too late to be, or the case has moved past it.
    """

    tenant: str
    case_id: UUID
    number: int
    question: str
    asked_by: str
    asked_at: datetime
    answer_by: datetime
    answer: str | None = None
    photos: tuple[str, ...] = ()
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AskReporter:
    """A member wants to know more. `answer_by` None: within the usual time."""

    tenant: str
    case_no: str
    by_member: str
    question: str
    answer_by: datetime | None


@dataclass(frozen=True, slots=True)
class AnswerQuestion:
    """The reporter's answer, and where it is, if that was not right."""

    tracking_code: str
    number: int
    words: str
    place: Place | None
    photos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    case_no: str
    number: int
    answer_by: datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """`status`: as HTTP has it. `allowed`: what staff may do instead."""

    status: int
    detail: Sentence
    impossible: Impossible | None = None


def ask(case: Standing, last: Question | None, wish: AskReporter, case_id: UUID, now: datetime) -> Question | Refusal:
    """The next question of the case. One is open at a time; the same again is the one that is open."""
    answer_by = wish.answer_by or now + ANSWER_TIME
    if last is not None and last.ended_at is None:
        if (last.question, last.asked_by) == (wish.question, wish.by_member):
            return last
        zh = f"已在请上报人补充“{last.question}”，期限 {local_minutes(last.answer_by)}，请等待答复"
        en = (
            f"the reporter is being asked “{last.question}”, until {local_minutes(last.answer_by)}: wait for the answer"
        )
        return Refusal(409, Sentence(zh, en))
    decided = decide(case, Move.ASK)
    if isinstance(decided, Impossible):
        return Refusal(409, decided.detail, decided)
    if not LEAST <= answer_by - now <= MOST:
        zh, en = f"answer_by：应在 1 小时至 {MOST.days} 天之内", f"answer_by: it is 1 hour to {MOST.days} days from now"
        return Refusal(422, Sentence(zh, en))
    number = last.number + 1 if last is not None else 1
    return Question(wish.tenant, case_id, number, wish.question, wish.by_member, now, answer_by)


def refuse_answer(case: Standing, question: Question | None, wish: AnswerQuestion, now: datetime) -> Refusal | None:
    """Why an answer is not taken; None where it is, also when it is the same again."""
    if question is None or question.number != wish.number:
        zh = f"没有第 {wish.number} 个问题，或之后又有新的问题：请重新打开链接"
        return Refusal(
            404, Sentence(zh, f"There is no question {wish.number}, or a newer one: please open the link again.")
        )
    if question.answer is not None:
        if (question.answer, question.photos) == (wish.words, wish.photos):
            return None
        return Refusal(409, Sentence("已经答复过，谢谢", "It was answered before, thank you."))
    if TRANSITIONS.get(case.state, Move.ANSWER) is None:
        zh = f"案件{TRANSITIONS.states[case.state]}，不再需要补充"
        return Refusal(409, Sentence(zh, f"The case is {case.state}: no answer is needed any more."))
    if question.ended_at is not None and question.ended_at <= question.answer_by:
        zh = "案件之后已有进展，这个问题不再需要补充"
        return Refusal(409, Sentence(zh, "The case has gone on since, and this needs no answer any more."))
    if question.ended_at is not None or now > question.answer_by:
        until = local_minutes(question.answer_by)
        zh = f"答复期限 {until} 已过，案件已继续处理"
        return Refusal(409, Sentence(zh, f"The time to answer was over at {until}, and the case has gone on."))
    return None


@dataclass(frozen=True, slots=True)
class Step:
    """What a case did, and when. `work`: it was handed in or checked. `to`: how the case stands after it."""

    at: datetime
    before: State
    to: State
    work: bool = False

    @property
    def leaves(self) -> bool:
        """Whether the case cannot be answered for any more since then."""
        return self.before is not self.to and TRANSITIONS.get(self.to, Move.ANSWER) is None


def is_past(question: Question, step: Step) -> bool:
    """Whether no answer is needed after the step, also where later ones were heard of before it.

    What is handed in or checked needs no answer to what was asked before; what is over, none at all.
    """
    return step.leaves or (step.work and question.asked_at <= step.at)


def without_answer(case: Standing, policy: Unanswered) -> tuple[Standing, EndReason | None] | None:
    """What the category's rule makes of a case whose question nobody has answered: as it is, or ended for the reason.

    None: the case has moved on by itself, and nothing happens.
    """
    if TRANSITIONS.get(case.state, Move.ANSWER) is None:
        return None
    if policy is Unanswered.GO_ON:
        return case, None
    ended = decide(case, Move.REJECT if case.state in (State.REPORTED, State.VERIFYING) else Move.VOID)
    assert isinstance(ended, Standing)
    return ended, EndReason.UNCLEAR
