"""Who is sent to look, and what becomes of it: decided from values only."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from libs.chassis.db.ids import new_id
from libs.contracts.dispatch import (
    CaseVerified,
    InspectionAssigned,
    InspectionCancelled,
    InspectionKind,
    InspectionLapsed,
    InspectionRaised,
    OrderChecked,
)
from libs.contracts.incident import VerifyAsked
from libs.contracts.values import Place, Point, RequestKind
from libs.street_time import STREET_ZONE
from libs.transitions import Impossible
from services.dispatch.calendar.domain import Clock, TimeUnit
from services.dispatch.inspections.domain import choosing as sending
from services.dispatch.inspections.domain import inspection
from services.dispatch.inspections.domain.inspection import MOVES, OPEN, Inspected, Inspection, Move, State
from services.dispatch.orders.domain import work
from services.dispatch.orders.domain.offering import ANYBODY
from services.dispatch.orders.domain.order import Order, Refusal
from services.dispatch.routing.domain import RoutingRequest, route_all
from services.dispatch.workload.domain import Workload
from tests.support.orders import LATER, M1, M2, changed, claimed, handled, new_order
from tests.support.small_street import ROOT, STREET
from tests.support.stage import NOON

FREE = Workload()
MEMBERS = sorted(STREET.members)
M3, M4, M5 = (STREET.members[m] for m in ("M3", "M4", "M5"))


def to_check(order: Order, loads: Workload = FREE, before: Inspection | None = None) -> Inspected:
    return sending.ask_to_check(new_id(), order, before, STREET, loads, order.moved_at)


def report_to_verify(reported_by: str | None = None, category: str = "11001") -> VerifyAsked:
    return VerifyAsked(
        tenant=ROOT,
        occurred_at=NOON,
        case_id=new_id(),
        case_no="20261123-000001",
        category=category,
        category_name="围墙倾斜",
        request_kind=RequestKind.SNAPSHOT,
        place=Place(point=Point(longitude=119.005, latitude=36.005)),
        summary="围墙倾斜",
        reported_by_member=reported_by,
    )


def to_verify(reported_by: str | None = None, loads: Workload = FREE, category: str = "11001") -> Inspected:
    case = report_to_verify(reported_by, category)
    [routed] = route_all([RoutingRequest(case.category, case.place, case.occurred_at, case.request_kind)], STREET)
    return sending.ask_to_verify(new_id(), case, routed, STREET, loads)


def verified(of: Inspection, by: str, true_report: bool = True, note: str = "属实", now: datetime = LATER) -> Inspected:
    answered = inspection.verify(of, STREET.members[by], true_report, note, (), STREET, now)
    assert isinstance(answered, Inspected), answered
    return answered


def test_the_nearest_who_has_not_done_it_is_asked_to_check() -> None:
    order = handled()
    asked = to_check(order)
    assert (asked.inspection.member_id, asked.inspection.due_at) == ("M2", order.check_by)
    [fact] = asked.facts
    assert isinstance(fact, InspectionAssigned)
    assert (fact.kind, fact.member_id, fact.order_id) == ("check", "M2", order.order_id)


def test_an_answer_to_a_proposal_is_read_and_nobody_is_sent_to_its_place() -> None:
    asked = to_check(replace(handled(), request_kind=RequestKind.PROPOSAL))
    assert asked.inspection.kind is InspectionKind.REVIEW
    assert [fact.kind for fact in asked.facts if isinstance(fact, InspectionAssigned)] == [InspectionKind.REVIEW]


def test_neither_the_reporter_nor_who_has_had_the_order_is_asked() -> None:
    order = changed(work.claim(new_order(reported_by="M2"), M1, 0, STREET, LATER)).order
    order = changed(work.assign(order, M5, M3, "离现场最近", STREET, FREE, LATER)).order
    order = changed(work.hand_in(order, M3, "done", 0, STREET, LATER)).order
    assert order.held_by == ("M1", "M3")
    assert to_check(order).inspection.member_id == "M5"


def test_who_is_absent_or_has_as_much_to_do_as_they_may_is_passed_over() -> None:
    assert to_check(handled(), Workload({"M2": 2}, absent=["M3"])).inspection.member_id == "M5"


def test_a_skill_comes_before_nearness_and_where_nobody_with_it_is_left_anybody_may_look() -> None:
    order = replace(handled(), skills=frozenset({"plumber"}))
    assert to_check(order).inspection.member_id == "M3"
    assert to_check(order, Workload(absent=["M3"])).inspection.member_id == "M2"


def test_where_nobody_is_left_the_organisation_above_hears_of_it() -> None:
    asked = to_check(handled(), Workload(absent=MEMBERS))
    assert (asked.inspection.state, asked.inspection.member_id) == (State.RAISED, None)
    [fact] = asked.facts
    assert isinstance(fact, InspectionRaised)
    assert fact.org_id == f"P{ROOT}201"


def test_what_is_handed_in_after_the_time_to_check_has_a_time_of_its_own() -> None:
    late = replace(handled(), moved_at=datetime(2026, 12, 1, 9, tzinfo=STREET_ZONE))
    assert to_check(late).inspection.due_at == datetime(2026, 12, 2, 9, tzinfo=STREET_ZONE)


def test_who_found_it_wanting_is_asked_first_whether_it_is_done_now() -> None:
    first = inspection.conclude(to_check(handled()).inspection, "M4", False, "灯罩未装", (), LATER).inspection
    assert to_check(handled(), before=first).inspection.member_id == "M4"
    assert to_check(handled(), Workload(absent=["M4"]), first).inspection.member_id == "M2"


def test_a_report_is_to_be_verified_as_soon_as_a_case_is_to_be_claimed() -> None:
    asked = to_verify().inspection
    assert (asked.kind, asked.member_id, asked.order_id) == (InspectionKind.VERIFY, "M1", None)
    assert asked.due_at == new_order().claim_by
    assert to_verify(reported_by="M1").inspection.member_id == "M2"


def test_its_time_is_that_of_its_category() -> None:
    row = STREET.responsibilities["11001"][0]
    urgent = replace(row, clocks=replace(row.clocks, claim=Clock(1, TimeUnit.WORK_HOUR)))
    street = replace(STREET, responsibilities={"11001": [urgent]})
    place = Place(point=Point(longitude=119.005, latitude=36.005))
    [routed] = route_all([RoutingRequest("11001", place, NOON)], street)
    asked = sending.ask_to_verify(new_id(), report_to_verify(), routed, street, FREE).inspection
    assert asked.clock == urgent.clocks.claim


def test_what_lapses_goes_to_another_once_and_then_to_the_organisation_above() -> None:
    first = to_verify().inspection
    second = sending.lapse(first, STREET, FREE, first.due_at)
    assert [type(f) for f in second.facts] == [InspectionLapsed, InspectionAssigned]
    assert (second.inspection.member_id, second.inspection.asked) == ("M2", ("M1", "M2"))
    assert second.inspection.due_at > first.due_at
    assert second.inspection.lapses == 1
    third = sending.lapse(second.inspection, STREET, FREE, second.inspection.due_at)
    assert [type(f) for f in third.facts] == [InspectionLapsed, InspectionRaised]
    assert (third.inspection.state, third.inspection.member_id) == (State.RAISED, None)


def test_what_an_absent_member_was_to_look_at_goes_to_another_in_the_same_time() -> None:
    first = to_verify().inspection
    moved = sending.hand_over(first, STREET, Workload(absent=["M1"]), LATER).inspection
    assert (moved.member_id, moved.due_at, moved.lapses) == ("M2", first.due_at, 0)


def test_a_verification_says_what_was_found_and_needs_a_note() -> None:
    asked = to_verify().inspection
    assert isinstance(inspection.verify(asked, M1, True, " ", (), STREET, LATER), Impossible)
    [fact] = verified(asked, "M1", False, "围墙完好").facts
    assert isinstance(fact, CaseVerified)
    assert (fact.true_report, fact.note, fact.member_id, fact.on_time) == (False, "围墙完好", "M1", True)


def test_who_was_asked_before_may_still_say_it_and_who_was_asked_after_them_need_not_go() -> None:
    first = to_verify().inspection
    second = sending.lapse(first, STREET, FREE, first.due_at).inspection
    facts = verified(second, "M1", now=second.due_at + timedelta(hours=1)).facts
    assert [type(f) for f in facts] == [CaseVerified, InspectionCancelled]
    assert (facts[0].on_time, facts[1].member_id) == (False, "M2")  # type: ignore[attr-defined]


def test_only_who_was_asked_or_who_answers_for_the_place_says_what_is_there() -> None:
    asked = to_verify(reported_by="M1").inspection
    for stranger in (M3, M4, None):
        assert isinstance(inspection.verify(asked, stranger, True, "属实", (), STREET, LATER), Impossible)
    refused = inspection.verify(asked, M1, True, "属实", (), STREET, LATER)
    assert isinstance(refused, Impossible)
    assert "own report" in refused.detail.en
    assert verified(asked, "M5").inspection.done_by == "M5"


def test_the_first_answer_counts_and_the_same_again_is_answered_alike() -> None:
    done = verified(to_verify().inspection, "M1").inspection
    assert verified(done, "M1").facts == ()
    for by, true_report in ((M1, False), (M2, True)):
        refused = inspection.verify(done, by, true_report, "属实", (), STREET, LATER)
        assert isinstance(refused, Impossible)
        assert refused.allowed == ()


def test_what_is_found_of_an_order_is_said_by_its_check() -> None:
    refused = inspection.verify(to_check(handled()).inspection, M2, True, "属实", (), STREET, LATER)
    assert isinstance(refused, Impossible)
    assert "/check" in refused.detail.en


def test_a_check_is_for_who_was_sent_or_answers_for_the_order_and_its_failure_is_explained() -> None:
    order = handled()
    assert isinstance(work.check(order, M4, True, STREET, LATER), Refusal)
    assert isinstance(work.check(order, M4, False, STREET, LATER, note=" ", asked=("M4",)), Refusal)
    assert isinstance(work.check(order, M1, True, STREET, LATER, asked=("M1",)), Refusal)
    [fact] = changed(work.check(order, M4, False, STREET, LATER, note="灯罩未装", asked=("M4",))).facts
    assert isinstance(fact, OrderChecked)
    assert (fact.note, fact.checked_by) == ("灯罩未装", "M4")


@pytest.mark.parametrize("kind", list(InspectionKind))
def test_an_inspection_that_is_not_needed_any_more_is_told_to_who_was_on_the_way(kind: InspectionKind) -> None:
    asked = (to_check(handled()) if kind is InspectionKind.CHECK else to_verify()).inspection
    cancelled = inspection.cancel(asked, LATER)
    assert cancelled.inspection.state is State.CANCELLED
    assert [type(f) for f in cancelled.facts] == [InspectionCancelled]


@given(
    holders=st.lists(st.sampled_from(MEMBERS), min_size=1, max_size=4),
    reporter=st.none() | st.sampled_from(MEMBERS),
    busy=st.dictionaries(st.sampled_from(MEMBERS), st.integers(0, 2)),
    absent=st.sets(st.sampled_from(MEMBERS)),
    unit=st.sampled_from(sorted(STREET.units)),
    skills=st.sampled_from([frozenset[str](), frozenset({"plumber"}), frozenset({"legal"})]),
    lapses=st.integers(0, 3),
)
def test_nobody_is_ever_sent_who_had_it_reported_it_is_away_or_busy(
    holders: list[str],
    reporter: str | None,
    busy: dict[str, int],
    absent: set[str],
    unit: str,
    skills: frozenset[str],
    lapses: int,
) -> None:
    order = replace(
        claimed(),
        member_id=holders[-1],
        held_by=tuple(holders),
        reported_by_member=reporter,
        unit=unit,
        skills=skills,
    )
    loads = Workload(busy, absent)
    asked = to_check(order, loads)
    assert asked.inspection == replace(to_check(order, loads).inspection, inspection_id=asked.inspection.inspection_id)
    for _ in range(lapses):
        if asked.inspection.state is State.ASSIGNED:
            asked = sending.lapse(asked.inspection, STREET, loads, asked.inspection.due_at)
    never = {*holders, reporter, *absent, *(m for m, load in busy.items() if load >= STREET.members[m].workload_limit)}
    assert not never & {*asked.inspection.asked}
    assert len({*asked.inspection.asked}) == len(asked.inspection.asked)


class Inspections(RuleBasedStateMachine):
    """Everything that may happen to a verification, in any sequence."""

    @initialize(reporter=st.none() | st.sampled_from(MEMBERS))
    def begin(self, reporter: str | None) -> None:
        self.at: Inspection = to_verify(reporter).inspection
        self.now = LATER
        self.answers = 0

    def meet(self, move: Move, decided: Inspected | Impossible) -> None:
        row = MOVES.get(self.at.state, move)
        match decided:
            case Impossible(reason, allowed):
                assert reason
                assert allowed == MOVES.allowed(self.at.state)
            case Inspected(after, facts):
                if after != self.at:
                    assert row is not None, f"{move} of an inspection that is {self.at.state}"
                    assert after.state is row.leads(self.at.state)
                    self.answers += any(isinstance(fact, CaseVerified) for fact in facts)
                self.at = after

    @rule(by=st.sampled_from(MEMBERS), true_report=st.booleans(), note=st.sampled_from(["", "属实"]))
    def answer(self, by: str, true_report: bool, note: str) -> None:
        decided = inspection.verify(self.at, STREET.members[by], true_report, note, (), STREET, self.now)
        self.meet(Move.VERIFY, decided)

    @rule(away=st.sets(st.sampled_from(MEMBERS)), lapsed=st.booleans())
    def time_passes(self, away: set[str], lapsed: bool) -> None:
        if self.at.state is not State.ASSIGNED:
            return
        self.now = max(self.now, self.at.due_at) if lapsed else self.now
        decide = sending.lapse if lapsed else sending.hand_over
        decided = decide(self.at, STREET, Workload(absent=away), self.now)
        self.meet(Move.PASS_ON if decided.inspection.member_id else Move.RAISE, decided)

    @rule(late=st.integers(0, 9))
    def cancel(self, late: int) -> None:
        if late == 0 and self.at.state in OPEN:
            self.meet(Move.CANCEL, inspection.cancel(self.at, self.now))

    @invariant()
    def one_answer_at_most_and_none_from_the_reporter(self) -> None:
        if hasattr(self, "at"):
            assert self.answers == (self.at.state is State.DONE)
            assert not {self.at.done_by, *self.at.asked} & {*self.at.without}

    @invariant()
    def a_member_has_it_exactly_while_it_is_assigned(self) -> None:
        if hasattr(self, "at") and self.at.state in OPEN:
            assert (self.at.member_id is not None) == (self.at.state is State.ASSIGNED)


TestInspections = Inspections.TestCase
TestInspections.settings = settings(max_examples=60, stateful_step_count=30)


def test_a_report_of_an_unknown_category_may_be_looked_at_by_anybody() -> None:
    assert to_verify(category="99999").inspection.skills == ANYBODY
