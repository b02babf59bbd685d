"""Several organisations at one order: from values only."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.db.ids import new_id
from libs.contracts.dispatch import (
    CancelCause,
    HelpAsked,
    HelpAssigned,
    HelpCalledOff,
    HelpCause,
    HelpDone,
    HelpOverdue,
    OrderChecked,
)
from libs.contracts.values import Place, Point
from libs.street_time import local_minutes
from services.dispatch.calendar.domain import deadline
from services.dispatch.joint import domain as joint
from services.dispatch.joint.domain import HelpWish
from services.dispatch.orders.batch import help_clocks_of
from services.dispatch.orders.domain import question, work
from services.dispatch.orders.domain.correction import correct
from services.dispatch.orders.domain.help import Help, HelpState
from services.dispatch.orders.domain.helping import due, shares, units_named
from services.dispatch.orders.domain.offering import NewCase
from services.dispatch.orders.domain.order import Changed, Decision, Order, Refusal, ReporterAnswer, State
from services.dispatch.routing.domain import RoutingRequest, route_all
from services.dispatch.workload.domain import Workload
from tests.support.orders import LATER, M1, changed, claimed, handled, new_order
from tests.support.small_street import ROOT, STREET

M2, M3, M4, M5 = (STREET.members[m] for m in ("M2", "M3", "M4", "M5"))
GRID, NEXT, COMMUNITY = f"{ROOT}20101", f"{ROOT}20201", f"{ROOT}01"
WISH = HelpWish(NEXT, "出动清障车", 20)
SOON = LATER + timedelta(hours=1)
SAID = ReporterAnswer("哪一盏？", "东头")


def asked(order: Order, wish: HelpWish = WISH, now: datetime = LATER) -> Order:
    return changed(joint.ask(order, M1, wish, new_id(), STREET, now)).order


def assigned(order: Order, now: datetime = LATER) -> Order:
    return changed(joint.assign(order, order.helpers[-1], M4, M4, STREET, now)).order


def finished(order: Order, number: int = -1, now: datetime = SOON) -> Changed:
    return changed(joint.finish(order, order.helpers[number], M4, "已清障", STREET, now))


def said_no(decision: Decision) -> str:
    assert isinstance(decision, Refusal), decision
    return decision.reason.en


def test_another_organisation_is_asked_once_and_told_what_where_and_by_when() -> None:
    order = claimed()
    first = changed(joint.ask(order, M1, WISH, new_id(), STREET, LATER))
    [told] = first.facts
    assert isinstance(told, HelpAsked)
    assert (told.unit, told.org_id, told.asked_by_org, told.task, told.place) == (
        NEXT,
        f"P{NEXT}",
        order.org_id,
        "出动清障车",
        order.place,
    )
    assert (told.due_at, told.share, told.asked_by) == (order.handle_by, 20, "M1")
    again = changed(joint.ask(first.order, M1, WISH, new_id(), STREET, SOON))
    assert (again.order, again.facts) == (first.order, ())


def test_who_may_ask_whom_and_for_what() -> None:
    order = claimed()
    assert "answers for the order asks" in said_no(joint.ask(order, M4, WISH, new_id(), STREET, LATER))
    assert "answers for the order asks" in said_no(joint.ask(order, None, WISH, new_id(), STREET, LATER))
    assert "is no unit" in said_no(joint.ask(order, M1, replace(WISH, unit="370784004299"), new_id(), STREET, LATER))
    assert "itself" in said_no(joint.ask(order, M1, replace(WISH, unit=GRID), new_id(), STREET, LATER))
    assert "task" in said_no(joint.ask(order, M1, replace(WISH, task="  "), new_id(), STREET, LATER))
    assert "not possible now" in said_no(joint.ask(handled(), M1, WISH, new_id(), STREET, LATER))


@pytest.mark.parametrize("late", [timedelta(0), timedelta(microseconds=1)])
def test_a_deadline_of_its_own_lies_inside_that_of_the_order(late: timedelta) -> None:
    order = claimed()
    decision = joint.ask(order, M1, replace(WISH, due_at=order.handle_by + late), new_id(), STREET, LATER)
    assert isinstance(decision, Refusal) is bool(late)
    assert isinstance(joint.ask(order, M1, replace(WISH, due_at=LATER), new_id(), STREET, LATER), Refusal)


def test_helpers_have_four_fifths_of_the_points_at_most_and_are_four_at_most() -> None:
    order = asked(asked(claimed(), replace(WISH, share=50)), replace(WISH, unit=COMMUNITY, share=30))
    assert "0 % are left" in said_no(joint.ask(order, M1, replace(WISH, task="再", share=1), new_id(), STREET, LATER))
    for task in "二三四":
        order = asked(order, replace(WISH, task=task, share=0)) if len(order.helpers) < 4 else order
    assert "4 helpers" in said_no(joint.ask(order, M1, replace(WISH, task="五", share=0), new_id(), STREET, LATER))
    ended = changed(joint.call_help_off(order, order.helpers[0], M1, "不需要", STREET, LATER)).order
    assert len(asked(ended, replace(WISH, task="五", share=50)).open_helpers) == 4


def test_the_helping_organisation_gives_the_task_to_one_of_its_own() -> None:
    order = asked(claimed())
    [help] = order.helpers
    assert "which helps" in said_no(joint.assign(order, help, M1, M4, STREET, LATER))
    assert "must serve" in said_no(joint.assign(order, help, M4, M3, STREET, LATER))
    assert "must serve" in said_no(joint.assign(order, help, M4, None, STREET, LATER))
    given = changed(joint.assign(order, help, M5, M4, STREET, LATER)) if M5.unit == COMMUNITY else None
    assert given is not None
    [told] = given.facts
    assert isinstance(told, HelpAssigned)
    assert (told.member_id, told.assigned_by, told.taken_from) == ("M4", "M5", None)
    assert "M4" in given.order.held_by
    assert changed(joint.assign(given.order, given.order.helpers[0], M4, M4, STREET, SOON)).facts == ()


def test_who_has_the_order_is_no_helper_of_it() -> None:
    order = asked(claimed(), replace(WISH, unit=COMMUNITY))
    [help] = order.helpers
    assert "besides" in said_no(joint.assign(order, help, M5, M1, STREET, LATER))
    assert "helps" in said_no(joint.finish(order, help, M1, "好了", STREET, LATER))


def test_who_helps_or_has_helped_does_not_have_the_order_besides() -> None:
    order = replace(asked(new_order(), replace(WISH, unit=COMMUNITY)), offered_to=("M1", "M5"))
    helping = changed(joint.assign(order, order.helpers[0], M5, M5, STREET, LATER)).order
    done = changed(joint.finish(helping, helping.helpers[0], M5, "好了", STREET, SOON)).order
    for each in (helping, done):
        assert "you help with" in said_no(work.claim(each, M5, 0, STREET, SOON))
        assert "helps with this order" in said_no(work.assign(each, M5, M5, "忙", STREET, Workload(), SOON))
    free = changed(joint.call_help_off(helping, helping.helpers[0], M5, "不需要", STREET, SOON)).order
    assert changed(work.claim(free, M5, 0, STREET, SOON)).order.member_id == "M5"


def test_who_helped_and_whom_nobody_knows_hear_why_they_may_not() -> None:
    order = finished(assigned(asked(claimed()))).order
    order = changed(work.hand_in(order, M1, "done", 0, STREET, SOON)).order
    assert "who helped" in said_no(work.check(order, M4, True, STREET, SOON))
    assert "not a member of this street" in said_no(work.claim(new_order(), None, 0, STREET, SOON))


def test_a_deadline_that_is_too_late_hears_that_of_the_order_in_the_time_of_the_street() -> None:
    order = claimed()
    late = replace(WISH, due_at=order.handle_by + timedelta(days=1))
    refused = joint.ask(order, M1, late, new_id(), STREET, LATER)
    assert isinstance(refused, Refusal)
    for sentence in (refused.reason.zh, refused.reason.en):
        assert local_minutes(order.handle_by) in sentence
        assert "+00:00" not in sentence


def test_the_check_waits_for_the_last_helper_and_its_time_begins_then() -> None:
    order = assigned(asked(asked(claimed(), replace(WISH, task="抽水")), WISH))
    done = changed(work.hand_in(order, M1, "好了", 0, STREET, SOON)).order
    assert (done.state, done.running, done.due_at()) == (State.HANDLED, None, None)
    assert "not all helpers are done" in said_no(work.check(done, M2, True, STREET, SOON))
    first = finished(done, 0)
    [told] = first.facts
    assert isinstance(told, HelpDone)
    assert (told.left, told.on_time, told.member_ids) == (1, True, ("M1",))
    assert first.order.due_at() is None
    far = order.check_by + timedelta(days=3)
    last = finished(first.order, 1, far)
    [told] = last.facts
    assert isinstance(told, HelpDone)
    assert (told.left, told.on_time) == (0, False)
    assert last.order.due_at() == told.check_by == deadline(far, order.clocks.check, STREET.calendar)
    assert isinstance(work.check(last.order, M4, True, STREET, far), Refusal)
    [checked] = changed(work.check(last.order, M2, True, STREET, far)).facts
    assert isinstance(checked, OrderChecked)
    assert checked.on_time  # of who answers for it: helpers' lateness is theirs
    assert [(s.member_id, s.points, s.on_time) for s in checked.helped] == [("M4", 2, False)]
    assert checked.points == order.points - 2


@given(
    points=st.integers(0, 1000),
    given_shares=st.lists(st.integers(0, 20), min_size=1, max_size=4),
    done=st.lists(st.booleans(), min_size=4, max_size=4),
)
def test_no_point_is_lost_or_made(points: int, given_shares: list[int], done: list[bool]) -> None:
    helpers = tuple(
        Help(
            new_id(),
            NEXT,
            str(number),
            share,
            None,
            HelpState.DONE if ended else HelpState.CALLED_OFF,
            member_id=f"M{number % 2 + 3}",
            on_time=True,
        )
        for number, (share, ended) in enumerate(zip(given_shares, done, strict=False))
    )
    order = replace(handled(), points=points, helpers=helpers)
    [checked] = changed(work.check(order, M2, True, STREET, SOON)).facts
    assert isinstance(checked, OrderChecked)
    assert checked.points + sum(share.points for share in checked.helped) == points
    assert checked.points >= points // 5
    assert len({share.member_id for share in checked.helped}) == len(checked.helped)
    assert checked.helped == shares(order, STREET)


def test_a_late_helper_is_told_once_and_nothing_of_the_order_moves() -> None:
    order = assigned(asked(claimed(), replace(WISH, due_at=SOON)))
    [clock] = help_clocks_of(order)
    assert (clock.due_at, clock.order_id) == (SOON, order.order_id)
    late = joint.lapse(order, order.helpers[0], STREET, SOON)
    [told] = late.facts
    assert isinstance(told, HelpOverdue)
    assert (told.member_ids, told.org_id, told.above_org) == (("M4",), f"P{NEXT}", f"P{ROOT}202")
    assert told.asked_by_org == order.org_id
    assert (late.order.unit, late.order.due_at(), help_clocks_of(late.order)) == (order.unit, order.due_at(), [])
    assert joint.lapse(late.order, late.order.helpers[0], STREET, SOON).facts == ()
    [done] = finished(late.order, now=SOON + timedelta(minutes=5)).facts
    assert isinstance(done, HelpDone)
    assert not done.on_time


def test_while_the_reporter_is_asked_a_helper_has_time_too() -> None:
    order = asked(claimed(), replace(WISH, due_at=SOON))
    waiting = question.pause(order, 1, "哪一盏？", SOON + timedelta(days=2), LATER).order
    assert help_clocks_of(waiting) == []
    back = LATER + timedelta(days=2)
    going = question.go_on(waiting, 1, SAID, STREET, back).order
    left = STREET.calendar.elapsed(LATER, SOON, order.clocks.handle.unit)
    assert due(going, going.helpers[0]) == STREET.calendar.after(back, left, order.clocks.handle.unit)
    together = asked(claimed())
    going = question.go_on(
        question.pause(together, 1, "哪一盏？", SOON + timedelta(days=2), LATER).order, 1, SAID, STREET, back
    ).order
    assert due(going, going.helpers[0]) == going.handle_by


def test_with_the_order_its_helpers_are_called_off_and_what_is_done_stays_done() -> None:
    order = asked(finished(assigned(asked(claimed()))).order, replace(WISH, unit=COMMUNITY, task="引导交通"))
    over = changed(work.cancel(order, CancelCause.VOIDED, STREET, SOON + timedelta(hours=1)))
    [called_off] = [fact for fact in over.facts if isinstance(fact, HelpCalledOff)]
    assert (called_off.unit, called_off.why) == (COMMUNITY, HelpCause.ORDER_OVER)
    assert [help.state for help in over.order.helpers] == [HelpState.DONE, HelpState.CALLED_OFF]
    late = joint.finish(over.order, over.order.helpers[1], M5, "好了", STREET, SOON + timedelta(hours=2))
    assert "not possible now" in said_no(late)


def test_called_off_by_hand_the_check_of_what_was_handed_in_begins() -> None:
    order = changed(work.hand_in(asked(claimed()), M1, "好了", 0, STREET, SOON)).order
    assert "calls helpers off" in said_no(joint.call_help_off(order, order.helpers[0], M4, "不需要", STREET, SOON))
    assert "reason" in said_no(joint.call_help_off(order, order.helpers[0], M1, " ", STREET, SOON))
    off = changed(joint.call_help_off(order, order.helpers[0], M1, "不需要", STREET, SOON))
    assert off.order.due_at() == off.order.check_by
    assert changed(joint.call_help_off(off.order, off.order.helpers[0], M1, "再", STREET, SOON)).facts == ()
    done = finished(asked(claimed())).order
    assert "not possible now" in said_no(joint.call_help_off(done, done.helpers[0], M1, "不需要", STREET, SOON))


def test_finishing_needs_words_and_is_answered_alike_when_it_is_sent_again() -> None:
    order = assigned(asked(claimed()))
    assert "note" in said_no(joint.finish(order, order.helpers[0], M4, " ", STREET, SOON))
    assert "which helps" in said_no(joint.finish(order, order.helpers[0], M3, "好了", STREET, SOON))
    done = finished(order).order
    assert changed(joint.finish(done, done.helpers[0], M4, "好了", STREET, SOON)).facts == ()


def test_a_level_of_the_list_is_the_one_above_the_order_and_no_unit_helps_itself() -> None:
    assert units_named(["community", NEXT, "grid", "micro_grid", "370784004299", NEXT], GRID, STREET) == (
        COMMUNITY,
        NEXT,
        f"{ROOT}201",
    )
    assert units_named(["micro_grid", "street"], COMMUNITY, STREET) == (ROOT,)


def test_an_order_that_nobody_has_may_have_helpers() -> None:
    order = asked(new_order())
    [told] = finished(order).facts
    assert isinstance(told, HelpDone)
    assert told.member_ids == order.offered_to


def test_the_helpers_of_an_order_that_is_corrected_away_are_called_off_and_those_of_the_new_row_asked() -> None:
    helped = replace(
        STREET, responsibilities={"11001": [replace(STREET.responsibilities["11001"][0], helpers=(NEXT,))]}
    )
    order = assigned(asked(claimed()))
    there = Place(point=Point(longitude=119.015, latitude=36.005))
    case = NewCase(order.case_id, order.case_no, "11001", "路灯不亮", "路灯不亮", None, there)
    [routed] = route_all([RoutingRequest("11001", there, SOON)], helped)
    after = correct(order, case, 1, "写错了", routed, helped, Workload(), SOON)
    [off] = [fact for fact in after.facts if isinstance(fact, HelpCalledOff)]
    [new] = [fact for fact in after.facts if isinstance(fact, HelpAsked)]
    assert (off.why, off.member_ids, new.unit, new.task, new.asked_by) == (
        HelpCause.ORDER_MOVED,
        ("M4",),
        NEXT,
        "路灯不亮",
        None,
    )
    assert [help.help_id for help in after.order.open_helpers] == [new.help_id]
