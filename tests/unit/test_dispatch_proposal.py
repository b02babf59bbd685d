"""An order of a proposal is handed in with an answer, and any other without one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.dispatch import OrderChecked, OrderHandled
from libs.contracts.values import Answer, RequestKind
from libs.street_time import local_day
from services.dispatch.orders.domain import work
from services.dispatch.orders.domain.offering import NewCase, dispatch
from services.dispatch.orders.domain.order import Order, Refusal
from services.dispatch.orders.domain.proposal import Answered, unfit
from services.dispatch.routing.domain import RoutingRequest, route_all
from services.dispatch.workload.domain import Workload
from tests.support.orders import LATER, M1, M2, PLACE, changed, claimed
from tests.support.small_street import STREET
from tests.support.stage import NOON

TODAY = local_day(LATER)
ACCEPTED = Answered("下月起每晚开放", Answer.ACCEPTED)
PLANNED = Answered("已报入明年项目", Answer.PLANNED, TODAY + timedelta(days=200))
DECLINED = Answered("该路段归县道，已转告交通部门", Answer.DECLINED)


def proposal() -> Order:
    """Claimed by M1."""
    kind = RequestKind.PROPOSAL
    [routed] = route_all([RoutingRequest("11001", PLACE, NOON, kind)], STREET)
    case = NewCase(NOON_ID, "20261123-000001", "11001", "路灯不亮", "加一盏路灯", None, PLACE, request_kind=kind)
    offered = dispatch(NOON_ID, case, routed, STREET, Workload(), NOON).order
    return changed(work.claim(offered, M1, 0, STREET, LATER)).order


NOON_ID = claimed().order_id


def hand_in(order: Order, said: Answered, now: datetime = LATER) -> OrderHandled:
    [fact] = changed(work.hand_in(order, M1, "", 0, STREET, now, said=said)).facts
    assert isinstance(fact, OrderHandled)
    return fact


@pytest.mark.parametrize("said", [ACCEPTED, PLANNED, DECLINED])
def test_an_answer_and_why_are_all_that_is_asked_of_it(said: Answered) -> None:
    fact = hand_in(proposal(), said)
    assert (fact.answer, fact.planned_for, fact.result) == (said.answer, said.planned_for, said.result)


@pytest.mark.parametrize(
    ("said", "named"),
    [
        (Answered("好的"), "answer"),
        (replace(ACCEPTED, result=" "), "result"),
        (replace(PLANNED, planned_for=None), "planned_for"),
        (replace(PLANNED, planned_for=TODAY - timedelta(days=1)), "planned_for"),
        (replace(DECLINED, planned_for=TODAY), "planned_for"),
    ],
)
def test_what_is_missing_of_an_answer_is_said_in_a_sentence(said: Answered, named: str) -> None:
    refused = work.hand_in(proposal(), M1, "写了说明", 1, STREET, LATER, said=said)
    assert isinstance(refused, Refusal)
    assert named in refused.reason.zh
    assert named in refused.reason.en


def test_a_plan_may_be_for_today() -> None:
    assert hand_in(proposal(), replace(PLANNED, planned_for=TODAY)).planned_for == TODAY


@given(
    kind=st.sampled_from([kind for kind in RequestKind if kind is not RequestKind.PROPOSAL]),
    answer=st.none() | st.sampled_from(Answer),
    planned_for=st.none() | st.dates(),
)
def test_no_other_order_takes_an_answer(kind: RequestKind, answer: Answer | None, planned_for: date | None) -> None:
    refused = unfit(kind, Answered("灯已换新", answer, planned_for), LATER)
    assert (refused is None) == (answer is None and planned_for is None)


@given(answer=st.none() | st.sampled_from(Answer), days=st.none() | st.integers(-400, 400), result=st.text(max_size=3))
def test_what_is_taken_says_why_and_by_when_exactly_where_it_is_planned(
    answer: Answer | None, days: int | None, result: str
) -> None:
    planned_for = None if days is None else TODAY + timedelta(days=days)
    if unfit(RequestKind.PROPOSAL, Answered(result, answer, planned_for), LATER) is None:
        assert answer is not None
        assert result.strip()
        assert (answer is Answer.PLANNED) == (planned_for is not None)
        assert planned_for is None or planned_for >= TODAY


def test_the_check_that_passes_tells_the_answer_with_the_better_words() -> None:
    handled = changed(work.hand_in(proposal(), M1, "", 0, STREET, LATER, said=PLANNED)).order
    empty = work.check(handled, M2, True, STREET, LATER, result=" ")
    assert isinstance(empty, Refusal)
    assert "result" in empty.reason.zh
    [passed] = changed(work.check(handled, M2, True, STREET, LATER, result="明年六月前装好")).facts
    assert isinstance(passed, OrderChecked)
    assert (passed.answer, passed.planned_for, passed.result) == (Answer.PLANNED, PLANNED.planned_for, "明年六月前装好")


@pytest.mark.parametrize("other", [DECLINED, replace(PLANNED, planned_for=TODAY), replace(PLANNED, result="不了")])
def test_a_second_hand_in_with_another_answer_is_refused_with_the_first(other: Answered) -> None:
    handled = changed(work.hand_in(proposal(), M1, "", 0, STREET, LATER, said=PLANNED)).order
    assert changed(work.hand_in(handled, M1, "", 0, STREET, LATER, said=PLANNED)).order == handled
    refused = work.hand_in(handled, M1, "", 0, STREET, LATER, said=other)
    assert isinstance(refused, Refusal)
    assert "planned" in refused.reason.zh
    assert PLANNED.result in refused.reason.en


def test_an_answer_that_was_sent_back_is_told_to_nobody_and_may_be_another() -> None:
    handled = changed(work.hand_in(proposal(), M1, "", 0, STREET, LATER, said=PLANNED)).order
    again = changed(work.check(handled, M2, False, STREET, LATER, note="日期写明白"))
    [failed] = again.facts
    assert isinstance(failed, OrderChecked)
    assert (failed.answer, failed.planned_for) == (None, None)
    assert hand_in(again.order, DECLINED).answer is Answer.DECLINED
