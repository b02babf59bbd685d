"""What holds for an order exactly at a limit, at the top of the tree and the second time: decided from values only."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from libs.chassis.db.ids import new_id
from libs.contracts import reasons
from libs.contracts.dispatch import (
    ApprovalKind,
    CancelCause,
    DeadlineNear,
    EscalationCause,
    OrderChecked,
    OrderHandled,
    OrderOverdue,
    RaiseReason,
)
from libs.contracts.reasons import Reason, Why
from libs.contracts.values import Level
from libs.sentences import Language
from services.dispatch.approvals import domain as approval
from services.dispatch.approvals.domain import SUSPENDED_DAYS_AT_MOST, Approval, ApprovalRequest, ApprovalResult
from services.dispatch.calendar.domain import Clock, Clocks, TimeUnit
from services.dispatch.inspections.domain import choosing as sending
from services.dispatch.orders.domain import escalation, offering, suspension, work
from services.dispatch.orders.domain.offering import (
    CANDIDATES_AT_MOST,
    DESK_CLOCKS,
    NewCase,
    candidates,
    plan_offer,
    who_may_be_asked,
)
from services.dispatch.orders.domain.order import Order, Refusal, State
from services.dispatch.routing.domain import RoutingRequest, route_all
from services.dispatch.workload.domain import Workload
from tests.support.approvals import REASON, TUESDAY, asked, granted
from tests.support.orders import LATER, M1, M2, PLACE, changed, claimed, handled, new_order
from tests.support.small_street import ROOT, STREET, routed
from tests.support.stage import NOON
from tests.support.visits import FIRST

FREE = Workload()
EXTENSION, SUSPENSION, APPEAL = ApprovalKind
STREET_DESK = replace(M1, member_id="M9", unit=ROOT, org_id=f"P{ROOT}")
WITH_DESK = replace(STREET, members={**STREET.members, "M9": STREET_DESK})


def at_the_street(order: Order) -> Order:
    return replace(order, unit=ROOT, level=Level.STREET, org_id=f"P{ROOT}")


def cancelled() -> Order:
    return changed(work.cancel(new_order(), CancelCause.VOIDED, STREET, LATER)).order


def test_who_starts_or_hands_in_again_is_told_the_same_and_nothing_follows() -> None:
    started = changed(work.start(claimed(), M1, STREET, LATER))
    assert started.facts
    again = changed(work.start(started.order, M1, STREET, LATER))
    assert (again.order, again.facts) == (started.order, ())
    again = changed(work.hand_in(handled(), M1, "done", 0, STREET, LATER))
    assert (again.order.state, again.facts) == (State.HANDLED, ())


def test_who_does_not_have_the_order_neither_starts_it_nor_is_taken_to_have() -> None:
    started = changed(work.start(claimed(), M1, STREET, LATER)).order
    for member in (M2, None):
        assert isinstance(work.start(claimed(), member, STREET, LATER), Refusal)
        assert isinstance(work.start(started, member, STREET, LATER), Refusal)
        assert isinstance(work.hand_in(handled(), member, "done", 0, STREET, LATER), Refusal)


def pending(kind: ApprovalKind, by: str = "M1") -> Approval:
    answered = asked(claimed(), kind)
    assert isinstance(answered, ApprovalResult)
    return replace(answered.approval, asked_by=by)


@pytest.mark.parametrize("other", [pending(SUSPENSION), pending(EXTENSION, by="M2")])
def test_another_kind_of_wish_and_another_members_are_not_taken_for_ones_own(other: Approval) -> None:
    answered = asked(claimed(), EXTENSION, earlier=(other,))
    assert isinstance(answered, ApprovalResult)
    assert answered.approval.approval_id != other.approval_id
    assert (answered.approval.kind, answered.approval.asked_by) == (EXTENSION, "M1")


@pytest.mark.parametrize(
    ("days", "fits"), [(0, False), (1, True), (SUSPENDED_DAYS_AT_MOST, True), (SUSPENDED_DAYS_AT_MOST + 1, False)]
)
def test_a_suspension_is_for_one_day_to_the_most_there_may_be(days: int, fits: bool) -> None:
    assert isinstance(asked(claimed(), SUSPENSION, days), ApprovalResult) == fits


def test_an_extension_may_be_as_long_as_the_order_had_at_first_and_until_the_time_is_over() -> None:
    assert isinstance(asked(claimed(), EXTENSION, claimed().clocks.handle.amount), ApprovalResult)
    assert isinstance(asked(claimed(), EXTENSION, now=claimed().handle_by), ApprovalResult)


def test_an_appeal_that_waits_is_no_appeal_that_was_decided() -> None:
    other = replace(pending(EXTENSION), kind=APPEAL, asked_by="M2")
    assert isinstance(asked(claimed(), APPEAL, earlier=(other,)), ApprovalResult)
    assert isinstance(asked(claimed(), APPEAL, earlier=(replace(other, state=approval.State.REFUSED),)), Refusal)
    elsewhere = replace(other, kind=EXTENSION, state=approval.State.REFUSED)
    assert isinstance(asked(claimed(), APPEAL, earlier=(elsewhere,)), ApprovalResult)


def test_at_the_street_it_decides_itself_what_is_asked() -> None:
    wish = ApprovalRequest(EXTENSION, REASON[EXTENSION], "等待材料", 1)
    answered = approval.ask(at_the_street(claimed()), M1, wish, (), new_id(), STREET, TUESDAY)
    assert isinstance(answered, ApprovalResult)
    assert (answered.approval.unit, answered.approval.org_id) == (ROOT, f"P{ROOT}")


def test_who_goes_on_again_is_told_the_same_and_only_they_go_on() -> None:
    suspended = granted(claimed(), SUSPENSION).changed.order
    for member in (M2, None):
        assert isinstance(suspension.resume(suspended, member, STREET, TUESDAY), Refusal)
    resumed = changed(suspension.resume(suspended, M1, STREET, TUESDAY)).order
    again = changed(suspension.resume(resumed, M1, STREET, TUESDAY))
    assert (again.order, again.facts) == (resumed, ())
    assert isinstance(suspension.resume(claimed(), M1, STREET, TUESDAY), Refusal)


def test_the_end_of_a_suspension_that_is_over_changes_nothing() -> None:
    order = claimed()
    ended = suspension.time_up(order, STREET, TUESDAY)
    assert (ended.order, ended.facts) == (order, ())


def test_above_the_street_there_is_no_level_and_nothing_is_told() -> None:
    order = at_the_street(new_order())
    up = escalation.escalate(order, EscalationCause.OVERDUE, STREET, FREE, LATER)
    assert (up.order, up.facts) == (order, ())
    raised = escalation.raise_by_hand(order, STREET_DESK, RaiseReason.BEYOND_MEANS, WITH_DESK, FREE, LATER)
    assert isinstance(raised, Refusal)
    assert "highest level" in raised.reason.en


def test_a_category_without_a_row_has_the_clocks_of_the_desk() -> None:
    case = NewCase(new_id(), "20261123-000001", "99999", "其他", "其他", None, PLACE)
    order = offering.dispatch(new_id(), case, routed("99999", point=(119.005, 36.005)), STREET, FREE, NOON).order
    hours, two_days, day = (Clock(4, TimeUnit.WORK_HOUR), Clock(2, TimeUnit.WORK_DAY), Clock(1, TimeUnit.WORK_DAY))
    assert order.clocks == DESK_CLOCKS == Clocks(claim=hours, handle=two_days, check=day)
    assert (order.evidence, order.points, order.responsibility_version, order.skills) == ("note", 0, None, frozenset())


@pytest.mark.parametrize(
    ("category", "loads", "because"),
    [
        ("11001", FREE, "3 hear of it first: the nearest; not 2 further away"),
        ("11002", FREE, "1 hear of it first: the nearest with plumber; not 4 without the skill"),
        (
            "11001",
            Workload({"M1": 2}, absent=["M2"]),
            "the nearest; not 1 who are absent; not 1 at their workload",
        ),
        ("11002", Workload({"M3": 2}), "1 hear of it first: the nearest with plumber; all of them are at their"),
    ],
)
def test_the_explanation_counts_who_was_passed_over_and_why(category: str, loads: Workload, because: str) -> None:
    said = plan_offer(routed(category, point=(119.005, 36.005)), STREET, loads).because
    assert because in reasons.told(said, Language.EN)


def test_where_nobody_was_passed_over_the_explanation_says_nothing_of_it() -> None:
    one = {"M1": STREET.members["M1"]}
    alone = replace(STREET, members=one)
    hearing = plan_offer(routed("11001", point=(119.005, 36.005)), alone, FREE)
    assert hearing.because == (Reason(Why.HEAR_FIRST, {"count": 1}),)


def test_a_check_whose_time_is_over_at_this_instant_has_the_time_that_a_check_has() -> None:
    order = handled()
    at_the_end = sending.ask_to_check(new_id(), order, None, STREET, FREE, order.check_by)
    assert at_the_end.inspection.due_at > order.check_by
    just_before = sending.ask_to_check(new_id(), order, None, STREET, FREE, order.check_by - timedelta(seconds=1))
    assert just_before.inspection.due_at == order.check_by


def test_who_serves_one_level_up_may_be_asked_though_many_are_nearer_and_nobody_two_levels_up() -> None:
    many = {f"N{n}": replace(M1, member_id=f"N{n}") for n in range(CANDIDATES_AT_MOST + 1)}
    grid = {f"G{n}": replace(M1, member_id=f"G{n}", unit=f"{ROOT}201") for n in range(CANDIDATES_AT_MOST)}
    lead = STREET.members["M5"]
    crowded = replace(STREET, members={**many, **grid, lead.member_id: lead})
    assert len(candidates(FIRST, frozenset(), crowded)) == 40
    asked_too = who_may_be_asked(FIRST, frozenset(), crowded)
    assert asked_too & grid.keys()
    assert lead.member_id not in asked_too


def test_what_happens_at_the_same_instant_is_told_a_microsecond_after_what_was_before() -> None:
    order = claimed()
    assert order.next_moment(order.moved_at) == order.moved_at + timedelta(microseconds=1)
    assert order.next_moment(order.moved_at + timedelta(seconds=1)) == order.moved_at + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("ended", "percent"),
    [({Level.GRID: 4}, "100.00"), ({Level.GRID: 2, Level.STREET: 1}, "66.67"), ({Level.STREET: 3}, "0.00"), ({}, None)],
)
def test_what_did_not_end_at_the_street_ended_within_a_community(ended: dict[Level, int], percent: str | None) -> None:
    assert escalation.within_community(ended) == percent


def test_where_nobody_has_the_skill_the_explanation_says_so_and_anybody_is_asked() -> None:
    without = replace(STREET, members={m: member for m, member in STREET.members.items() if m != "M3"})
    [unskilled] = route_all([RoutingRequest("11002", PLACE, NOON)], without)
    assert "the nearest, nobody has plumber" in plan_offer(unskilled, without, FREE).because[0].en


def test_a_warning_tells_the_people_that_are_named_and_else_those_who_have_the_order() -> None:
    for people, told in ((None, ("M1", "M2", "M3")), (("M5",), ("M5",)), ((), ())):
        [fact] = escalation.warn(new_order(), LATER, people).facts
        assert isinstance(fact, DeadlineNear)
        assert fact.member_ids == told
        [overdue, *_] = escalation.lapse(new_order(), STREET, FREE, LATER, people).facts
        assert isinstance(overdue, OrderOverdue)
        assert overdue.member_ids == told


def test_only_who_has_the_order_gives_it_back() -> None:
    for member in (M2, None):
        assert isinstance(work.give_back(claimed(), member, "a crane is needed", STREET, FREE, LATER), Refusal)


@pytest.mark.parametrize(("late", "on_time"), [(timedelta(0), True), (timedelta(microseconds=1), False)])
def test_what_is_handed_in_at_its_deadline_is_on_time(late: timedelta, on_time: bool) -> None:
    order = claimed()
    done = changed(work.hand_in(order, M1, "done", 0, STREET, order.handle_by + late))
    [handed_in] = done.facts
    assert isinstance(handed_in, OrderHandled)
    [looked_at] = changed(work.check(done.order, M2, True, STREET, order.handle_by + timedelta(hours=1))).facts
    assert isinstance(looked_at, OrderChecked)
    assert (handed_in.on_time, looked_at.on_time) == (on_time, on_time)


def test_what_is_over_is_neither_warned_of_nor_overdue_nor_moved() -> None:
    order = cancelled()
    for after in (escalation.warn(order, LATER), escalation.lapse(order, STREET, FREE, LATER)):
        assert (after.order, after.facts) == (order, ())
    lead = STREET.members["M5"]
    for decision in (
        escalation.raise_by_hand(order, lead, RaiseReason.BEYOND_MEANS, STREET, FREE, LATER),
        escalation.send_down(order, lead, FIRST, "nearer", STREET, FREE, LATER),
        escalation.supervise(order, lead, "now", STREET, LATER),
        work.assign(order, lead, M2, "nearer", STREET, FREE, LATER),
    ):
        assert isinstance(decision, Refusal)
