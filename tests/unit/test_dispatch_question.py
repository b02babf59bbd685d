"""An order whose reporter was asked for more: from values only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.dispatch import OrderContinued, OrderPaused
from libs.contracts.values import Appointment, Level
from libs.street_time import STREET_ZONE
from services.dispatch.orders.batch import clock_of
from services.dispatch.orders.domain import escalation, suspension, work
from services.dispatch.orders.domain.order import INSTANT, Order, ReporterAnswer, State
from services.dispatch.orders.domain.question import go_on, pause, running_again
from services.dispatch.workload.domain import Workload
from tests.support.orders import M1, changed, claimed, handled, new_order
from tests.support.small_street import ROOT, STREET
from tests.support.stage import NOON


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=STREET_ZONE)


UNTIL = at(27, 9)
SAID = ReporterAnswer("哪一盏？", "东头", ("p1",))


def paused(order: Order, now: datetime) -> Order:
    return pause(order, 1, "哪一盏？", UNTIL, now).order


def test_the_clock_stands_still_and_whose_turn_it_is_hears_why() -> None:
    order = new_order()
    [told] = pause(order, 1, "哪一盏？", UNTIL, at(23, 15)).facts
    assert isinstance(told, OrderPaused)
    assert (told.question, told.answer_by, told.member_ids) == ("哪一盏？", UNTIL, order.offered_to)
    after = paused(order, at(23, 15))
    assert (after.running, after.due_at(), after.state) == (None, None, State.OFFERED)
    assert after.paused_at == at(23, 15)


def test_an_offered_order_has_what_was_left_of_the_time_to_claim() -> None:
    """Of 4 working hours from noon (13:30 or 14:00 on) one hour is spent at 15:00 when it began at 14:00."""
    order = new_order()
    spent = STREET.calendar.elapsed(NOON, at(23, 15), order.clocks.claim.unit)
    left = STREET.calendar.elapsed(at(23, 15), order.claim_by, order.clocks.claim.unit)
    after = go_on(paused(order, at(23, 15)), 1, SAID, STREET, at(25, 10)).order
    assert after.claim_by == STREET.calendar.after(at(25, 10), left, order.clocks.claim.unit)
    assert after.handle_by > order.handle_by
    assert after.check_by > order.check_by
    assert (after.spent, after.stage_began_at, after.paused_at) == (spent, at(25, 10), None)


def test_a_claimed_order_has_what_was_left_of_the_time_to_handle() -> None:
    order = claimed()
    unit = order.clocks.handle.unit
    left = STREET.calendar.elapsed(at(24, 9), order.handle_by, unit)
    answered = go_on(paused(order, at(24, 9)), 1, SAID, STREET, at(26, 9))
    assert answered.order.handle_by == STREET.calendar.after(at(26, 9), left, unit)
    assert answered.order.claim_by == order.claim_by
    assert answered.order.spent == STREET.calendar.elapsed(order.stage_began_at, at(24, 9), unit)
    [told] = answered.facts
    assert isinstance(told, OrderContinued)
    assert (told.answer, told.handle_by, told.member_ids) == ("东头", answered.order.handle_by, ("M1",))


def test_claimed_while_it_waits_it_has_all_that_was_left_when_the_clock_stopped() -> None:
    order = paused(new_order(), at(23, 15))
    order = changed(work.claim(order, M1, 0, STREET, at(25, 10))).order
    assert order.due_at() is None
    left = STREET.calendar.elapsed(at(23, 15), order.handle_by, order.clocks.handle.unit)
    after = running_again(order, STREET, at(26, 10))
    assert after.handle_by == STREET.calendar.after(at(26, 10), left, order.clocks.handle.unit)


@pytest.mark.parametrize("make", [new_order, claimed])
def test_what_was_overdue_stays_so(make: object) -> None:
    order = make()  # type: ignore[operator]
    late = at(30, 15)
    after = go_on(paused(order, late), 1, None, STREET, late + timedelta(days=2)).order
    assert (after.claim_by, after.handle_by, after.paused_at) == (order.claim_by, order.handle_by, None)


@pytest.mark.parametrize("make", [new_order, claimed])
def test_what_was_told_to_be_overdue_is_not_told_again_when_the_clock_goes_on(make: Callable[[], Order]) -> None:
    late = at(30, 15)
    street_has_it = replace(make(), unit=ROOT, level=Level.STREET)
    lapsed = escalation.lapse(street_has_it, STREET, Workload(), late).order
    assert lapsed.due_at() == lapsed.told_overdue is not None
    assert clock_of(street_has_it, STREET) is not None
    going = go_on(paused(lapsed, late), 1, None, STREET, late + timedelta(days=2)).order
    assert clock_of(going, STREET) is None


def test_what_was_told_to_be_near_is_not_told_again_when_the_clock_goes_on_until_the_same_time() -> None:
    """As by night, in which no working time is spent."""
    order = claimed()
    first = clock_of(order, STREET)
    assert first is not None
    assert first.due_at < first.stage_ends_at
    night = at(23, 22)
    going = go_on(paused(order, night), 1, SAID, STREET, night + timedelta(hours=1)).order
    assert clock_of(going, STREET) == first
    warned = escalation.warn(order, night).order
    going = go_on(paused(warned, night), 1, SAID, STREET, night + timedelta(hours=1)).order
    assert clock_of(going, STREET) == first.model_copy(update={"due_at": first.stage_ends_at})


def test_before_an_appointment_nothing_of_the_time_is_spent() -> None:
    visit = Appointment(starts_at=at(25, 9), ends_at=at(25, 11))
    order = replace(claimed(), appointment_starts_at=visit.starts_at, appointment_ends_at=visit.ends_at)
    order = replace(order, handle_by=at(27, 9))
    early = running_again(paused(order, at(24, 9)), STREET, at(24, 15))
    assert (early.handle_by, early.spent) == (order.handle_by, timedelta(0))


def test_handed_in_while_it_waits_it_is_in_time_if_it_was_when_the_clock_stopped() -> None:
    order = paused(claimed(), at(24, 9))
    far = at(30, 9)
    done = changed(work.hand_in(running_again(order, STREET, far), M1, "好了", 0, STREET, far))
    assert (done.order.state, done.order.paused_at, done.order.answered) == (State.HANDLED, None, 1)
    assert done.facts[0].on_time  # type: ignore[attr-defined]
    assert go_on(done.order, 1, SAID, STREET, far).facts == ()


def test_a_suspended_order_waits_for_both() -> None:
    order = replace(claimed(), state=State.SUSPENDED, suspended_at=at(24, 9), suspended_until=at(26, 9))
    order = paused(order, at(24, 15))
    assert order.due_at() == at(26, 9)
    assert go_on(order, 1, SAID, STREET, at(25, 9)).order.suspended_until == at(26, 9)
    going = suspension.time_up(order, STREET, at(26, 9)).order
    assert (going.state, going.paused_at, going.due_at()) == (State.HANDLING, at(26, 9), None)
    left = STREET.calendar.elapsed(at(26, 9), going.handle_by, order.clocks.handle.unit)
    assert running_again(going, STREET, at(27, 9)).handle_by == STREET.calendar.after(
        at(27, 9), left, order.clocks.handle.unit
    )


def test_nothing_is_paused_that_is_handed_in_or_was_answered_before() -> None:
    assert pause(handled(), 1, "哪一盏？", UNTIL, at(24, 9)).facts == ()
    answered = go_on(new_order(), 1, SAID, STREET, at(24, 9))
    assert answered.facts != ()
    assert pause(answered.order, 1, "哪一盏？", UNTIL, at(24, 8)).facts == ()
    assert pause(answered.order, 1, "哪一盏？", UNTIL, at(24, 8)).order == answered.order


@given(st.permutations(["ask 1", "answer 1", "ask 2", "answer 2"]))
def test_in_whatever_sequence_it_is_heard_it_runs_when_all_is_answered(sequence: list[str]) -> None:
    order = claimed()
    for step in sequence:
        what, number = step.split()
        if what == "ask":
            order = pause(order, int(number), "哪一盏？", UNTIL, at(24, 9)).order
        else:
            order = go_on(order, int(number), SAID, STREET, at(24, 10)).order
    assert (order.paused_at, order.asked, order.answered) == (None, 2, 2)


def test_an_answer_to_an_older_question_leaves_the_newer_open() -> None:
    order = pause(paused(claimed(), at(24, 9)), 2, "几点？", UNTIL, at(24, 10)).order
    assert order.paused_at == at(24, 9)
    assert go_on(order, 1, SAID, STREET, at(24, 11)).order.paused_at == at(24, 9)
    again = go_on(order, 2, SAID, STREET, at(24, 11))
    assert again.order.paused_at is None
    assert again.facts[0].occurred_at == again.order.moved_at == at(24, 11)


def test_a_question_from_before_the_last_move_comes_after_it_all_the_same() -> None:
    order = claimed()
    assert paused(order, NOON).moved_at == order.moved_at + INSTANT


def test_what_was_answered_is_kept_once_and_silence_is_not() -> None:
    order = paused(new_order(), at(23, 15))
    answered = go_on(order, 1, SAID, STREET, at(24, 9)).order
    assert answered.reporter_answers == (SAID,)
    assert go_on(answered, 1, SAID, STREET, at(24, 10)).order.reporter_answers == (SAID,)
    assert go_on(order, 1, None, STREET, at(24, 9)).order.reporter_answers == ()
