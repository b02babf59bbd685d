"""What a correction of the case does to its order: from values only."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.dispatch import OrderCorrected, OrderMoved, OrderOffered
from libs.contracts.reasons import Reason, Why
from libs.contracts.values import Place, Point, RequestKind
from services.dispatch.calendar.domain import deadline
from services.dispatch.components.domain.naming import Named
from services.dispatch.orders.domain import work
from services.dispatch.orders.domain.correction import correct
from services.dispatch.orders.domain.help import Help
from services.dispatch.orders.domain.offering import NewCase
from services.dispatch.orders.domain.order import INSTANT, Changed, Order, State
from services.dispatch.orders.domain.question import go_on, pause
from services.dispatch.routing.domain import RoutingRequest, route_all
from services.dispatch.workload.domain import Workload
from tests.support.orders import LATER, M1, M2, M3, PLACE, changed, claimed, handled, new_order
from tests.support.small_street import ROOT, STREET
from tests.support.stage import NOON

ELSEWHERE = Place(point=Point(longitude=119.015, latitude=36.005))
"""In the micro-grid beside the first, where M3 is."""
BESIDE = Place(point=Point(longitude=119.006, latitude=36.005))
WHEN = NOON + timedelta(hours=3)


def corrected(order: Order, corrections: int = 1, now: datetime = WHEN, **right: Any) -> Changed:
    said = {name: getattr(order, name) for name in ("category", "category_name", "summary", "place", "request_kind")}
    said |= {"reported_by_member": order.reported_by_member} | right
    case = NewCase(order.case_id, order.case_no, opening=order.opening, **said)
    asked = RoutingRequest(case.category, case.place, now, case.request_kind)
    [routed] = route_all([asked], STREET)
    return correct(order, case, corrections, "写错了", routed, STREET, Workload(), now)


def test_other_words_stay_with_whoever_has_it_and_move_no_clock() -> None:
    order = claimed()
    after = corrected(order, summary="灯杆倾斜", reported_by_member="M9")
    assert after.order == replace(
        order, summary="灯杆倾斜", reported_by_member="M9", corrections=1, moved_at=after.order.moved_at
    )
    [told] = after.facts
    assert isinstance(told, OrderCorrected)
    assert (told.member_ids, told.summary, told.reason, told.handle_by) == (
        ("M1",),
        "灯杆倾斜",
        "写错了",
        order.handle_by,
    )


def test_a_place_beside_it_in_the_same_unit_moves_nothing_either() -> None:
    order = new_order()
    after = corrected(order, place=BESIDE)
    assert (after.order.place, after.order.offered_to, after.order.claim_by) == (
        BESIDE,
        order.offered_to,
        order.claim_by,
    )
    assert [type(fact) for fact in after.facts] == [OrderCorrected]
    assert after.order.because == order.because


def test_another_component_is_said_and_moves_nothing() -> None:
    order = replace(claimed(), component=Named("LD-1"))
    after = corrected(order, component=Named("LD-2")).order
    assert (after.component, after.unit, after.member_id, after.handle_by) == (
        Named("LD-2"),
        order.unit,
        "M1",
        order.handle_by,
    )
    assert after.because[:-2] == order.because
    assert [each.reason for each in after.because[-2:]] == ["corrected", "component_unknown"]
    assert corrected(handled(), component=Named("LD-2")).order.component == Named("LD-2")


def test_in_another_unit_it_begins_again_and_whoever_had_it_is_told() -> None:
    order = replace(claimed(), given_back_by=("M2",), rework_count=1, in_kpis=False, extended_times=1)
    after = corrected(order, place=ELSEWHERE).order
    assert (after.state, after.unit, after.org_id, after.member_id) == (
        State.OFFERED,
        f"{ROOT}20102",
        f"P{ROOT}20102",
        None,
    )
    assert "M3" in after.offered_to
    assert (after.order_id, after.opening, after.held_by) == (order.order_id, order.opening, order.held_by)
    assert (after.rework_count, after.in_kpis, after.given_back_by, after.extended_times) == (1, False, (), 0)
    assert after.offers == order.offers + 1
    moved, offered = corrected(order, place=ELSEWHERE).facts
    assert isinstance(moved, OrderMoved)
    assert isinstance(offered, OrderOffered)
    assert (moved.from_unit, moved.from_org, moved.unit, moved.taken_from) == (
        order.unit,
        order.org_id,
        after.unit,
        ("M1",),
    )
    assert offered.offered_to == offered.newly_asked == after.offered_to
    assert after.because[0] == Reason(Why.CORRECTED, {"reason": "写错了"})
    assert moved.because == after.because


def test_its_clocks_begin_with_the_correction_when_it_begins_again() -> None:
    order = new_order()
    again = corrected(order, place=ELSEWHERE).order
    assert again.stage_began_at == WHEN
    assert again.claim_by > order.claim_by
    assert again.handle_by > order.handle_by
    assert again.check_by > order.check_by


def with_plumber() -> Order:
    return changed(work.assign(new_order(), STREET.members["M5"], M3, "近", STREET, Workload(), LATER)).order


def test_who_has_it_and_the_skill_keeps_it_under_another_row_with_all_its_time() -> None:
    order = with_plumber()
    after = corrected(order, category="11002", category_name="水管").order
    assert (after.state, after.member_id, after.category, after.skills) == (
        State.CLAIMED,
        "M3",
        "11002",
        frozenset({"plumber"}),
    )
    assert after.stage_began_at == WHEN
    assert after.handle_by > order.handle_by
    assert after.claim_by == order.claim_by


def test_a_correction_while_the_reporter_is_asked_gives_the_time_of_the_new_row_once() -> None:
    asked = pause(with_plumber(), 1, "哪一盏？", WHEN + timedelta(days=30), LATER).order
    now = WHEN + timedelta(days=14)
    after = corrected(asked, now=now, category="11002").order
    assert (after.member_id, after.paused_at) == ("M3", now)
    answered = go_on(after, 1, None, STREET, now + timedelta(seconds=1)).order
    assert timedelta(0) <= answered.handle_by - after.handle_by <= timedelta(seconds=1)


def test_a_helper_keeps_the_time_of_a_pause_through_a_correction() -> None:
    order = with_plumber()
    due_at = order.handle_by - timedelta(minutes=30)
    help = Help(order.order_id, f"{ROOT}20201", "清障", 20, due_at)
    asked = pause(replace(order, helpers=(help,)), 1, "哪一盏？", WHEN + timedelta(days=30), LATER).order
    now = WHEN + timedelta(days=14)
    kept = go_on(asked, 1, None, STREET, now).order.helpers
    assert corrected(asked, now=now, category="11002").order.helpers == kept
    assert kept[0].due_at is not None
    assert kept[0].due_at > now


def test_who_has_not_the_skill_that_somebody_near_has_gives_it_up() -> None:
    order = claimed()
    assert order.member_id == M1.member_id
    after = corrected(order, category="11002", category_name="水管")
    assert (after.order.state, after.order.offered_to) == (State.OFFERED, ("M3",))
    moved = after.facts[0]
    assert isinstance(moved, OrderMoved)
    assert (moved.from_unit, moved.unit, moved.taken_from) == (order.unit, order.unit, ("M1",))


def test_another_kind_is_another_row() -> None:
    order = new_order()
    after = corrected(order, request_kind=RequestKind.REFERRAL)
    assert after.order.request_kind is RequestKind.REFERRAL
    assert after.order.stage_began_at == WHEN
    assert [type(fact) for fact in after.facts] == [OrderMoved, OrderOffered]
    assert after.facts[0].taken_from == ()  # type: ignore[attr-defined]


def test_a_suspended_order_stays_so_and_has_the_new_time_when_it_goes_on() -> None:
    order = replace(
        claimed(), state=State.SUSPENDED, suspended_at=LATER, suspended_until=LATER + timedelta(days=3), spent=INSTANT
    )
    after = corrected(order, category="12345", category_name="别的").order
    assert after.state is State.OFFERED
    assert (after.suspended_at, after.suspended_until, after.unit) == (None, None, ROOT)
    kept = corrected(order, request_kind=RequestKind.REFERRAL).order
    assert (kept.state, kept.suspended_until, kept.spent) == (State.SUSPENDED, order.suspended_until, timedelta(0))
    assert kept.handle_by == deadline(
        deadline(LATER, order.clocks.claim, STREET.calendar), order.clocks.handle, STREET.calendar
    )
    assert kept.stage_began_at == order.stage_began_at


def test_what_was_handed_in_says_what_is_right_and_is_not_routed_anew() -> None:
    order = handled()
    after = corrected(order, place=ELSEWHERE, category="11002", category_name="水管", reported_by_member="M1")
    assert after.facts == ()
    assert after.order == replace(
        order, place=ELSEWHERE, category="11002", category_name="水管", reported_by_member="M1", corrections=1
    )
    checked = changed(work.check(after.order, M2, True, STREET, WHEN)).facts[0]
    assert checked.own_report  # type: ignore[attr-defined]


@pytest.mark.parametrize("state", list(State))
def test_in_every_state_the_words_are_right_afterwards(state: State) -> None:
    order = replace(handled(), state=state)
    assert corrected(order, summary="对的").order.summary == "对的"


@given(st.permutations([(1, PLACE), (2, ELSEWHERE), (3, BESIDE)]))
def test_of_corrections_in_any_sequence_the_last_holds(sequence: list[tuple[int, Place]]) -> None:
    order = claimed()
    for number, place in sequence:
        order = corrected(order, number, place=place).order
    assert (order.corrections, order.place) == (3, BESIDE)


def test_a_correction_from_before_the_last_move_comes_after_it_all_the_same() -> None:
    order = claimed()
    after = corrected(order, now=NOON, place=ELSEWHERE)
    assert after.order.moved_at == order.moved_at + INSTANT
    assert {fact.occurred_at for fact in after.facts} == {after.order.moved_at}
