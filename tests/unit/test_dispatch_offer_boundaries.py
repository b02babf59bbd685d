"""What holds for an offer exactly at a limit, and what an order takes over from the responsibility list."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from libs.chassis.db.ids import new_id
from libs.contracts.dispatch import OrderOffered
from libs.contracts.values import Level, Place, Point, Reach, RequestKind
from services.dispatch.absences.domain import Absence, AbsenceReason, record
from services.dispatch.calendar.domain import Clock, Clocks, TimeUnit
from services.dispatch.inspections.domain.choosing import who_may_be_sent
from services.dispatch.orders.domain import work
from services.dispatch.orders.domain.appointment import claim_deadline
from services.dispatch.orders.domain.offering import (
    LEASE_SHARE,
    OFFERED_AT_MOST,
    WIDENED_AT_MOST,
    NewCase,
    choose,
    dispatch,
    offer_without,
    widen,
    wider,
)
from services.dispatch.orders.domain.order import Order, Refusal
from services.dispatch.routing.domain import RoutedTo, RoutingRequest, route_all
from services.dispatch.street.domain.street import Member
from services.dispatch.workload.domain import Workload
from tests.support.orders import LATER, M1, PLACE, changed, claimed, new_order
from tests.support.small_street import ROOT, STREET
from tests.support.stage import NOON

FREE = Workload()
CLOCKS = Clocks(Clock(1, TimeUnit.URGENT_HOUR), Clock(7, TimeUnit.URGENT_HOUR), Clock(9, TimeUnit.URGENT_HOUR))


def routed() -> RoutedTo:
    [found] = route_all([RoutingRequest("11002", PLACE, NOON)], STREET)
    assert isinstance(found, RoutedTo)
    return found


def dispatched(to: RoutedTo) -> Order:
    case = NewCase(new_id(), "20261123-000001", "11002", "管道", "漏水", None, PLACE)
    return dispatch(new_id(), case, to, STREET, FREE, NOON).order


def test_an_order_takes_clocks_evidence_points_and_skills_from_the_row_of_its_category() -> None:
    to = routed()
    assert to.responsibility is not None
    row = replace(to.responsibility, clocks=CLOCKS, evidence="photo", points=7)
    order = dispatched(replace(to, responsibility=row))
    assert (order.clocks, order.evidence, order.points, order.skills) == (CLOCKS, "photo", 7, row.skills)
    assert order.claim_by == claim_deadline(NOON, CLOCKS.claim, None, STREET.calendar)


def test_a_case_that_says_nothing_else_is_opened_for_the_first_time() -> None:
    order = dispatched(routed())
    assert (order.opening, order.request_kind, order.rework_count) == (0, RequestKind.SNAPSHOT, 0)


def test_each_offer_is_counted_and_has_a_lease_while_it_may_still_be_widened() -> None:
    order = replace(new_order(), offered_to=("M1",))
    assert order.offers == 1
    once = widen(order, STREET, FREE, LATER).order
    assert (once.offers, once.reach) == (2, Reach.MICRO_GRID)
    assert once.lease_ends_at == LATER + (order.claim_by - order.stage_began_at) * LEASE_SHARE


def test_an_offer_has_no_lease_that_would_end_when_it_must_be_claimed() -> None:
    order = replace(new_order(), offered_to=("M1",))
    lease = (order.claim_by - order.stage_began_at) * LEASE_SHARE
    assert widen(order, STREET, FREE, order.claim_by - lease).order.lease_ends_at is None
    assert widen(order, STREET, FREE, order.claim_by - lease - timedelta(seconds=1)).order.lease_ends_at is not None


def test_the_widest_offer_has_no_lease_however_early_it_is() -> None:
    order = replace(new_order(), offered_to=("M1", "M2", "M3"), reach=Reach.GRID)
    widest = widen(order, STREET, FREE, NOON).order
    assert (widest.reach, widest.lease_ends_at) == (Reach.COMMUNITY, None)
    assert wider(widest) == ()
    again = widen(replace(widest, lease_ends_at=LATER), STREET, FREE, LATER)
    assert (again.order.reach, again.order.lease_ends_at, again.facts) == (Reach.COMMUNITY, None, ())


def test_an_offer_to_which_nobody_can_be_added_counts_as_the_widest() -> None:
    after = widen(replace(new_order(), offered_to=tuple(STREET.members)), STREET, FREE, LATER).order
    assert after.reach is Reach.COMMUNITY


def test_wider_than_the_nearest_are_all_levels_from_the_units_own() -> None:
    order = new_order()
    assert wider(order) == (Reach.MICRO_GRID, Reach.GRID, Reach.COMMUNITY)
    assert wider(replace(order, reach=Reach.MICRO_GRID)) == (Reach.GRID, Reach.COMMUNITY)
    assert wider(replace(order, level=Level.STREET, reach=Reach.NEAREST)) == (Reach.STREET,)


def crowd(count: int) -> dict[str, Member]:
    return {f"N{n:02}": replace(M1, member_id=f"N{n:02}") for n in range(count)}


def test_a_wider_offer_asks_nine_more_at_most() -> None:
    many = replace(STREET, members=crowd(20))
    order = replace(new_order(), offered_to=("N00",), given_back_by=())
    [fact] = widen(order, many, FREE, LATER).facts
    assert isinstance(fact, OrderOffered)
    assert len(fact.newly_asked) == WIDENED_AT_MOST == 9


def test_who_is_away_is_replaced_by_as_many_as_were_asked_at_first_and_never_fewer_than_are_left() -> None:
    many = replace(STREET, members=crowd(20))
    order = replace(new_order(), offered_to=("N00", "N01"))
    assert offer_without(order, {"N00"}, many, FREE, LATER).order.offered_to == ("N01", "N02", "N03")
    wide = replace(order, offered_to=tuple(crowd(6)))
    assert offer_without(wide, {"N00"}, many, FREE, LATER).order.offered_to == tuple(crowd(6))[1:]
    assert OFFERED_AT_MOST == 3


def test_who_has_exactly_as_many_orders_as_they_may_is_not_free_and_who_has_none_is() -> None:
    busy = Workload({"M1": M1.workload_limit, "M2": M1.workload_limit - 1})
    assert choose(["M1", "M2"], STREET, busy) == ("M2",)
    none = replace(STREET, members={**STREET.members, "M1": replace(M1, workload_limit=1)})
    assert choose(["M1"], none, Workload({"M2": 9})) == ("M1",)
    assert choose(["M2", "M1"], none, Workload({"M2": 9})) == ("M1",)


def test_who_has_no_open_order_may_be_given_one_where_one_is_the_limit() -> None:
    one = replace(STREET.members["M3"], workload_limit=1)
    given = work.assign(claimed(), STREET.members["M2"], one, "he is nearer", STREET, FREE, LATER)
    assert changed(given).order.member_id == "M3"


def test_a_photo_that_the_list_asks_for_cannot_be_left_out() -> None:
    order = replace(claimed(), evidence="photo")
    without = work.hand_in(order, M1, "done", 0, STREET, LATER)
    assert isinstance(without, Refusal)
    assert "photos must name a photo of the result" in without.reason.en
    assert changed(work.hand_in(order, M1, "done", 1, STREET, LATER)).facts


def test_to_look_at_something_any_member_near_may_be_sent_whatever_skill_it_takes() -> None:
    assert who_may_be_sent(f"{ROOT}20101", frozenset({"plumber"}), STREET) == {"M1", "M2", "M3", "M4", "M5"}


@pytest.mark.parametrize(("from_day", "until_day"), [(3, 4), (0, 1)])
def test_an_absence_may_end_when_the_next_begins(from_day: int, until_day: int) -> None:
    def away(first: int, last: int) -> Absence:
        days = timedelta(days=first), timedelta(days=last)
        return Absence(new_id(), ROOT, "M1", LATER + days[0], LATER + days[1], AbsenceReason.LEAVE)

    wanted = away(from_day, until_day)
    assert record(wanted, M1, [away(1, 3)], LATER) is wanted


def test_a_point_within_a_unit_is_said_to_lie_in_it() -> None:
    to = routed()
    assert to.because[0].en == "the point lies in 儒林一微 (37078400420101)"
    near = Place(point=Point(longitude=118.9999, latitude=36.005))
    [outside] = route_all([RoutingRequest("11002", near, NOON)], STREET)
    assert "m outside of 儒林一微" in outside.because[0].en
