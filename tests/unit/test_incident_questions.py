"""Questions to reporters: when they may be put and answered, and what no answer does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from libs.contracts.incident import EndReason
from libs.contracts.values import Unanswered
from services.incident.cases.domain.case import Standing, State
from services.incident.questions.domain import (
    ANSWER_TIME,
    LEAST,
    MOST,
    AnswerQuestion,
    AskReporter,
    Question,
    Refusal,
    Step,
    ask,
    is_past,
    refuse_answer,
    without_answer,
)
from tests.support.stage import NOON

CASE = UUID(int=7)
REGISTERED = Standing(State.REGISTERED, opened=1)
OPEN = (State.REPORTED, State.VERIFYING, State.REGISTERED, State.IN_PROGRESS)
WISH = AskReporter("370784004", "20261123-000001", "M7", "哪一盏？", None)
FIRST = Question("370784004", CASE, 1, "哪一盏？", "M7", NOON, NOON + ANSWER_TIME)
ANSWER = AnswerQuestion("code", 1, "东头", None)


@pytest.mark.parametrize("state", list(State))
def test_a_question_is_put_while_the_work_is_not_handed_in(state: State) -> None:
    asked = ask(Standing(state), None, WISH, CASE, NOON)
    assert (asked == FIRST) == (state in OPEN)
    if isinstance(asked, Refusal):
        assert (asked.status, asked.impossible is None) == (409, False)


@pytest.mark.parametrize(("away", "fits"), [(LEAST, True), (MOST, True), (LEAST / 2, False), (MOST * 1.01, False)])
def test_it_says_until_when_within_bounds(away: timedelta, fits: bool) -> None:
    asked = ask(REGISTERED, None, replace(WISH, answer_by=NOON + away), CASE, NOON)
    assert isinstance(asked, Question) is fits
    if isinstance(asked, Refusal):
        assert asked.status == 422
    else:
        assert asked.answer_by == NOON + away


def test_one_is_open_at_a_time_and_the_same_again_is_that_one() -> None:
    assert ask(REGISTERED, FIRST, WISH, CASE, NOON) is FIRST
    for other in (replace(WISH, question="几点？"), replace(WISH, by_member="M8")):
        refused = ask(REGISTERED, FIRST, other, CASE, NOON)
        assert isinstance(refused, Refusal)
        assert "哪一盏？" in refused.detail.zh
        assert "哪一盏？" in refused.detail.en
    second = ask(REGISTERED, replace(FIRST, ended_at=NOON), WISH, CASE, NOON)
    assert isinstance(second, Question)
    assert second.number == 2


@pytest.mark.parametrize("state", list(State))
def test_an_answer_is_taken_while_it_is_of_use(state: State) -> None:
    refused = refuse_answer(Standing(state), FIRST, ANSWER, NOON)
    assert (refused is None) == (state in OPEN)
    if refused is not None:
        assert (refused.status, str(state) in refused.detail.en) == (409, True)


def test_the_last_moment_counts_and_the_next_is_too_late() -> None:
    assert refuse_answer(REGISTERED, FIRST, ANSWER, FIRST.answer_by) is None
    late = refuse_answer(REGISTERED, FIRST, ANSWER, FIRST.answer_by + timedelta(microseconds=1))
    assert late is not None
    assert late.status == 409
    assert refuse_answer(REGISTERED, replace(FIRST, ended_at=NOON), ANSWER, NOON) is not None


def test_an_answer_names_its_question_and_is_given_once() -> None:
    for question in (None, replace(FIRST, number=2)):
        unknown = refuse_answer(REGISTERED, question, ANSWER, NOON)
        assert unknown is not None
        assert unknown.status == 404
    given = replace(FIRST, answer="东头", ended_at=NOON)
    assert refuse_answer(REGISTERED, given, ANSWER, NOON) is None
    other = refuse_answer(REGISTERED, given, replace(ANSWER, words="西头"), NOON)
    assert other is not None
    assert other.status == 409


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("policy", list(Unanswered))
def test_the_rule_of_the_category_decides_without_an_answer(state: State, policy: Unanswered) -> None:
    case = Standing(state)
    decided = without_answer(case, policy)
    if state not in OPEN:
        assert decided is None
    elif policy is Unanswered.GO_ON:
        assert decided == (case, None)
    else:
        ended = State.REJECTED if state in (State.REPORTED, State.VERIFYING) else State.VOID
        assert decided == (replace(case, state=ended), EndReason.UNCLEAR)


@pytest.mark.parametrize("away", [timedelta(minutes=-1), timedelta(0), timedelta(minutes=1)])
@pytest.mark.parametrize("now", list(State))
def test_a_question_is_over_with_work_after_it_and_wherever_no_answer_is_taken(now: State, away: timedelta) -> None:
    before = State.IN_PROGRESS
    over = now not in OPEN
    assert is_past(FIRST, Step(NOON + away, before, now)) is over
    assert is_past(FIRST, Step(NOON + away, before, now, work=True)) is (over or away >= timedelta(0))


def test_what_was_over_before_its_time_says_that_the_case_has_gone_on() -> None:
    refused = refuse_answer(REGISTERED, replace(FIRST, ended_at=NOON), ANSWER, NOON)
    assert isinstance(refused, Refusal)
    assert "gone on since" in refused.detail.en
