"""An order's clocks with an appointment, and the papers that must be given back: from values only."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.db.ids import new_id
from libs.contracts.dispatch import OrderHandled, OrderOffered, OrderRescheduled
from libs.contracts.particulars import Particulars
from libs.contracts.values import Appointment
from libs.street_time import STREET_ZONE
from services.dispatch.calendar.domain import NATIONAL, Clock, Light, TimeUnit
from services.dispatch.orders.domain import suspension as approval
from services.dispatch.orders.domain import work
from services.dispatch.orders.domain.appointment import claim_deadline, handle_deadline, reschedule
from services.dispatch.orders.domain.offering import NewCase, dispatch
from services.dispatch.orders.domain.order import Changed, Order, Refusal, State
from services.dispatch.routing.domain import RoutingRequest, route_all
from services.dispatch.workload.domain import Workload
from tests.support.orders import PLACE, changed
from tests.support.small_street import STREET
from tests.support.stage import NOON

M1 = STREET.members["M1"]
LATER = NOON + timedelta(hours=1)
PAPERS = ("户口簿", "授权委托书")


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=STREET_ZONE)


def window(starts_at: datetime, hours: float = 2) -> Appointment:
    return Appointment(starts_at=starts_at, ends_at=starts_at + timedelta(hours=hours))


def order_for(appointment: Appointment | None) -> Order:
    """Registered on Monday at noon, to be claimed in 4 working hours and handled in 2 working days."""
    [routed] = route_all([RoutingRequest("11001", PLACE, NOON)], STREET)
    case = NewCase(
        new_id(),
        "20261123-000001",
        "11001",
        "代办",
        "代办",
        None,
        PLACE,
        appointment=appointment,
        particulars=Particulars(documents=PAPERS),
    )
    return dispatch(new_id(), case, routed, STREET, Workload(), NOON).order


@pytest.mark.parametrize(
    ("appointment", "claim_by", "handle_by"),
    [
        (None, at(24, 9), at(26, 9)),
        # On the afternoon of the same day: claimed before, and the time to handle it begins with the window.
        (window(at(23, 15)), at(23, 15), at(25, 15)),
        (window(at(26, 9)), at(24, 9), at(30, 9)),
        # On a Saturday: the working clock begins on Monday.
        (window(at(28, 10)), at(24, 9), datetime(2026, 12, 1, 17, 30, tzinfo=STREET_ZONE)),
        # It has begun: as if it began now.
        (window(at(23, 11)), at(24, 9), at(26, 9)),
    ],
)
def test_an_order_is_claimed_before_its_window_and_its_clock_starts_with_it(
    appointment: Appointment | None, claim_by: datetime, handle_by: datetime
) -> None:
    order = order_for(appointment)
    assert (order.claim_by, order.handle_by) == (claim_by, handle_by)
    assert order.check_by > order.handle_by


def test_who_comes_within_the_window_is_never_late() -> None:
    appointment = window(at(24, 8), 10)
    assert handle_deadline(NOON, Clock(1, TimeUnit.WORK_HOUR), appointment, NATIONAL) == at(24, 18)


AMOUNTS = st.builds(Clock, st.integers(1, 40), st.sampled_from(TimeUnit))
MINUTES = st.integers(-3 * 24 * 60, 60 * 24 * 60)


@given(MINUTES, st.integers(1, 24 * 60), AMOUNTS, AMOUNTS)
def test_for_any_window_the_claim_ends_before_it_and_the_handling_after_it(
    minutes: int, length: int, claim: Clock, handle: Clock
) -> None:
    appointment = window(NOON + timedelta(minutes=minutes), length / 60)
    claim_by = claim_deadline(NOON, claim, appointment, NATIONAL)
    handle_by = handle_deadline(claim_by, handle, appointment, NATIONAL)
    usual = claim_deadline(NOON, claim, None, NATIONAL)
    assert NOON < claim_by <= usual
    assert claim_by == usual or claim_by == appointment.starts_at
    assert appointment.starts_at <= NOON or claim_by <= appointment.starts_at
    assert handle_by >= max(claim_by, appointment.ends_at)


def test_the_lights_follow_the_window_however_early_the_order_was_claimed() -> None:
    claimed = changed(work.claim(order_for(window(at(26, 9))), M1, 0, STREET, LATER)).order
    clock = claimed.running
    assert clock is not None
    assert clock.began_at == at(26, 9)
    assert clock.light(NATIONAL, at(26, 8)) is Light.GREEN
    assert at(26, 9) < clock.amber_at(NATIONAL) < claimed.handle_by
    late = changed(work.claim(order_for(window(at(23, 15))), M1, 0, STREET, at(23, 16))).order
    assert late.handling_from == at(23, 16)


def test_a_suspension_before_the_window_takes_no_time_and_one_beyond_it_leaves_all_of_it() -> None:
    claimed = changed(work.claim(order_for(window(at(26, 9))), M1, 0, STREET, LATER)).order
    still = replace(claimed, state=State.SUSPENDED, suspended_at=at(24, 9), suspended_until=at(30, 9))
    before = changed(approval.resume(still, M1, STREET, at(25, 9))).order
    assert (before.handle_by, before.spent) == (claimed.handle_by, timedelta(0))
    beyond = approval.time_up(still, STREET, at(30, 9)).order
    assert beyond.handle_by == datetime(2026, 12, 2, 9, tzinfo=STREET_ZONE)
    assert beyond.spent == timedelta(0)


def test_who_is_asked_knows_the_window_and_the_papers_before_they_claim() -> None:
    appointment = window(at(26, 9))
    [routed] = route_all([RoutingRequest("11001", PLACE, NOON)], STREET)
    case = NewCase(
        new_id(),
        "1",
        "11001",
        "代办",
        "代办",
        None,
        PLACE,
        appointment=appointment,
        particulars=Particulars(documents=PAPERS),
    )
    offer = dispatch(new_id(), case, routed, STREET, Workload(), NOON).facts[-1]
    assert isinstance(offer, OrderOffered)
    assert (offer.appointment, offer.documents) == (appointment, PAPERS)


@pytest.mark.parametrize(
    ("returned", "wrong"), [((), "户口簿, 授权委托书"), (PAPERS[:1], "授权委托书"), ((*PAPERS, "房产证"), "房产证")]
)
def test_no_paper_is_lost_when_an_errand_is_handed_in(returned: tuple[str, ...], wrong: str) -> None:
    claimed = changed(work.claim(order_for(None), M1, 0, STREET, LATER)).order
    refused = work.hand_in(claimed, M1, "办好了", 0, STREET, LATER, returned)
    assert isinstance(refused, Refusal)
    assert refused.reason.en.endswith(wrong)
    [fact] = changed(work.hand_in(claimed, M1, "办好了", 0, STREET, LATER, PAPERS[::-1])).facts
    assert isinstance(fact, OrderHandled)
    assert fact.documents_returned == PAPERS


def test_another_window_moves_the_deadlines_of_an_order_that_nobody_has_yet() -> None:
    order, wanted = order_for(window(at(23, 15))), window(at(26, 9))
    moved = reschedule(order, wanted, 1, STREET, LATER)
    assert (moved.order.claim_by, moved.order.handle_by) == (at(24, 9), at(30, 9))
    assert moved.order.check_by > moved.order.handle_by
    [fact] = moved.facts
    assert isinstance(fact, OrderRescheduled)
    assert (fact.appointment, fact.member_ids, fact.handle_by) == (wanted, order.offered_to, at(30, 9))
    earlier = reschedule(moved.order, window(at(23, 15)), 2, STREET, LATER).order
    assert earlier.claim_by == at(23, 15)
    begun = reschedule(moved.order, window(at(23, 12)), 2, STREET, LATER).order
    assert begun.claim_by == at(24, 9)


def test_who_has_the_order_keeps_it_and_is_told_of_the_window() -> None:
    claimed = changed(work.claim(order_for(window(at(23, 15))), M1, 0, STREET, LATER)).order
    moved = reschedule(claimed, window(at(26, 9)), 1, STREET, LATER)
    assert (moved.order.state, moved.order.member_id, moved.order.handle_by) == (State.CLAIMED, "M1", at(30, 9))
    assert moved.order.claim_by == claimed.claim_by
    [fact] = moved.facts
    assert isinstance(fact, OrderRescheduled)
    assert fact.member_ids == ("M1",)
    clock = moved.order.running
    assert clock is not None
    assert clock.began_at == at(26, 9)


def test_of_two_changes_the_later_one_holds_whatever_comes_first() -> None:
    second = reschedule(order_for(None), window(at(26, 9)), 2, STREET, LATER).order
    assert reschedule(second, window(at(25, 9)), 1, STREET, LATER) == Changed(second, ())
    assert reschedule(second, window(at(26, 9)), 2, STREET, LATER) == Changed(second, ())


def test_what_is_handled_is_not_moved_any_more() -> None:
    claimed = changed(work.claim(order_for(None), M1, 0, STREET, LATER)).order
    handled = changed(work.hand_in(claimed, M1, "办好了", 0, STREET, LATER, PAPERS)).order
    assert reschedule(handled, window(at(26, 9)), 1, STREET, LATER) == Changed(handled, ())


def test_a_suspended_order_has_all_of_its_time_from_another_window_on() -> None:
    claimed = changed(work.claim(order_for(None), M1, 0, STREET, LATER)).order
    still = replace(claimed, state=State.SUSPENDED, suspended_at=at(24, 9), suspended_until=at(25, 9))
    moved = reschedule(still, window(at(26, 9)), 1, STREET, at(24, 10)).order
    assert approval.time_up(moved, STREET, at(25, 9)).order.handle_by == at(30, 9)


@given(MINUTES, st.integers(1, 24 * 60), st.integers(0, 3 * 24 * 60))
def test_for_any_other_window_no_claim_is_over_at_once_and_the_check_comes_last(
    minutes: int, length: int, later: int
) -> None:
    order, wanted = order_for(window(at(23, 15))), window(NOON + timedelta(minutes=minutes), length / 60)
    now = NOON + timedelta(minutes=later)
    moved = reschedule(order, wanted, 1, STREET, now).order
    assert moved.claim_by > now or moved.claim_by == at(24, 9)
    assert moved.handle_by >= max(moved.claim_by, wanted.ends_at)
    assert moved.check_by > moved.handle_by
