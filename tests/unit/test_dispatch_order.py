"""The life of an order: decided from values only."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from libs.contracts.dispatch import (
    DeadlineNear,
    EscalationCause,
    OrderChecked,
    OrderClaimed,
    OrderEscalated,
    OrderHandled,
    OrderOffered,
    OrderOverdue,
    OrderReturned,
)
from libs.contracts.values import Level
from libs.sentences import Sentence
from libs.street_time import STREET_ZONE, local_minutes
from services.dispatch.orders.domain import escalation, work
from services.dispatch.orders.domain.order import ENDED, MOVES, STAGE_OF, Changed, Move, Refusal, State, without
from services.dispatch.orders.domain.proposal import Answered
from services.dispatch.workload.domain import Workload
from tests.support.orders import LATER, M1, M2, changed, claimed, handled, new_order
from tests.support.small_street import ROOT, STREET
from tests.support.stage import NOON


def test_an_order_is_offered_to_the_nearest_with_deadlines_of_its_category() -> None:
    order = new_order()
    assert order.offered_to == ("M1", "M2", "M3")
    # Monday at twelve the lunch break begins: four working hours are over on Tuesday at nine.
    assert order.claim_by == datetime(2026, 11, 24, 9, tzinfo=STREET_ZONE)
    assert order.handle_by == datetime(2026, 11, 26, 9, tzinfo=STREET_ZONE)
    assert order.check_by == datetime(2026, 11, 27, 9, tzinfo=STREET_ZONE)


def test_the_first_claim_wins_and_the_second_hears_why() -> None:
    first = changed(work.claim(new_order(), M1, 0, STREET, LATER))
    assert [type(f) for f in first.facts] == [OrderClaimed]
    second = work.claim(first.order, M2, 0, STREET, LATER)
    assert isinstance(second, Refusal)
    assert second.allowed == MOVES.allowed(State.CLAIMED, without(first.order))
    at = local_minutes(first.order.stage_began_at)
    name = STREET.members["M1"].name
    assert second.reason == Sentence(f"M1 {name}已先于 {at} 接单", f"M1 {name} was first, at {at}")


def test_who_claims_again_what_they_have_is_told_the_same_and_nothing_follows() -> None:
    again = changed(work.claim(claimed(), M1, 1, STREET, LATER))
    assert again.order.state is State.CLAIMED
    assert again.facts == ()


def test_a_member_at_the_workload_limit_cannot_claim() -> None:
    assert isinstance(work.claim(new_order(), M1, M1.workload_limit, STREET, LATER), Refusal)


def test_a_member_whom_it_is_not_offered_to_cannot_claim() -> None:
    assert isinstance(work.claim(new_order(), STREET.members["M4"], 0, STREET, LATER), Refusal)
    assert isinstance(work.claim(new_order(), None, 0, STREET, LATER), Refusal)


def test_handing_in_needs_the_evidence_that_the_list_asks_for() -> None:
    assert isinstance(work.hand_in(claimed(), M1, " ", 0, STREET, LATER), Refusal)
    assert isinstance(work.hand_in(claimed(), M2, "done", 0, STREET, LATER), Refusal)
    [fact] = changed(work.hand_in(claimed(), M1, "done", 0, STREET, LATER)).facts
    assert isinstance(fact, OrderHandled)
    assert fact.on_time


def test_a_hand_in_sent_again_is_answered_alike_and_one_with_other_words_is_refused() -> None:
    said = Answered("灯已换好")
    order = changed(work.hand_in(claimed(), M1, "done", 0, STREET, LATER, said=said)).order
    assert changed(work.hand_in(order, M1, "done", 0, STREET, LATER, said=Answered(" 灯已换好 "))) == Changed(order, ())
    refused = work.hand_in(order, M1, "done", 0, STREET, LATER, said=Answered("灯没换"))
    assert isinstance(refused, Refusal)
    assert "灯已换好" in refused.reason.zh


def test_a_member_does_not_check_their_own_work() -> None:
    assert isinstance(work.check(handled(), M1, True, STREET, LATER), Refusal)


def test_a_failed_check_is_rework_and_is_counted() -> None:
    failed = changed(work.check(handled(), M2, False, STREET, LATER, note="灯罩未装"))
    assert (failed.order.state, failed.order.rework_count) == (State.HANDLING, 1)
    again = changed(work.hand_in(failed.order, M1, "done again", 0, STREET, LATER))
    assert changed(work.check(again.order, M2, True, STREET, LATER)).order.state is State.CHECKED


def test_a_check_says_when_the_handler_had_reported_it_too() -> None:
    order = changed(work.claim(new_order(reported_by="M1"), M1, 0, STREET, LATER)).order
    order = changed(work.hand_in(order, M1, "done", 0, STREET, LATER)).order
    [fact] = changed(work.check(order, M2, True, STREET, LATER)).facts
    assert isinstance(fact, OrderChecked)
    assert fact.own_report


def test_an_order_that_is_given_back_is_offered_to_others() -> None:
    back = changed(work.give_back(claimed(), M1, "a crane is needed", STREET, Workload(), LATER))
    assert [type(f) for f in back.facts] == [OrderReturned, OrderOffered]
    assert "M1" not in back.order.offered_to
    assert back.order.member_id is None
    assert isinstance(work.give_back(claimed(), M1, " ", STREET, Workload(), LATER), Refusal)


def test_when_everybody_near_has_given_it_back_it_goes_one_level_up() -> None:
    order = new_order()
    for _ in range(len(STREET.members)):
        member = STREET.members[order.offered_to[0]]
        order = changed(work.claim(order, member, 0, STREET, LATER)).order
        back = changed(work.give_back(order, member, "cannot", STREET, Workload(), LATER))
        order = back.order
        if isinstance(back.facts[1], OrderEscalated):
            break
    assert order.level is Level.GRID
    assert isinstance(back.facts[1], OrderEscalated)
    assert back.facts[1].cause is EscalationCause.RETURNED


def test_amber_tells_those_whose_turn_it_is() -> None:
    [fact] = escalation.warn(new_order(), LATER).facts
    assert isinstance(fact, DeadlineNear)
    assert fact.member_ids == ("M1", "M2", "M3")
    # 80 % of four working hours: 3 h 12 min after the lunch break.
    clock = new_order().running
    assert clock is not None
    assert clock.amber_at(STREET.calendar) == datetime(2026, 11, 23, 17, 12, tzinfo=STREET_ZONE)


def test_a_claim_that_lapses_goes_one_level_up_to_members_who_have_not_been_asked() -> None:
    lapsed = escalation.lapse(new_order(), STREET, Workload(), NOON + timedelta(hours=4))
    assert [type(f) for f in lapsed.facts] == [OrderOverdue, OrderEscalated, OrderOffered]
    assert lapsed.order.level is Level.GRID
    assert not set(lapsed.order.offered_to) & {"M1", "M2", "M3"}
    assert lapsed.order.claim_by == datetime(2026, 11, 24, 11, tzinfo=STREET_ZONE)


def test_a_member_who_is_late_keeps_the_order_while_the_level_above_hears_of_it() -> None:
    late = escalation.lapse(claimed(), STREET, Workload(), NOON + timedelta(days=3))
    assert late.order.member_id == "M1"
    assert late.order.org_id == f"P{ROOT}201"
    assert late.order.handle_by == claimed().handle_by


def test_at_the_street_there_is_no_level_above() -> None:
    order = new_order()
    for _ in range(5):
        order = escalation.lapse(order, STREET, Workload(), NOON + timedelta(days=1)).order
    assert order.level is Level.STREET
    assert [type(f) for f in escalation.lapse(order, STREET, Workload(), NOON).facts] == [OrderOverdue]


@pytest.mark.parametrize("state", list(State))
def test_every_state_but_the_last_has_a_clock_and_a_way_out(state: State) -> None:
    rows = [t for t in MOVES.transitions if state in t.origins]
    assert (state in ENDED) == all(t.leads(state) is state for t in rows)
    assert (state in STAGE_OF) == any(t.move is Move.WARN for t in rows)
    assert state in STAGE_OF or state is State.SUSPENDED or state in ENDED


def test_what_happens_to_an_order_is_told_in_its_sequence_though_clocks_differ() -> None:
    claim = changed(work.claim(new_order(), M1, 0, STREET, LATER))
    hand_in = changed(work.hand_in(claim.order, M1, "done", 0, STREET, NOON))
    failed = changed(work.check(hand_in.order, M2, False, STREET, LATER, note="灯罩未装"))
    again = changed(work.hand_in(failed.order, M1, "done", 0, STREET, NOON))
    passed = changed(work.check(again.order, M2, True, STREET, LATER))
    times = [decided.facts[0].occurred_at for decided in (claim, hand_in, failed, again, passed)]
    assert times == sorted(set(times))
