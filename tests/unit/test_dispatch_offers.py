"""To whom an order is offered, whom it reaches when nobody claims it, and who is passed over: values only."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from libs.chassis.db.ids import new_id
from libs.contracts.dispatch import (
    EscalationCause,
    OrderAssigned,
    OrderEscalated,
    OrderOffered,
    OrderSentDown,
    RaiseReason,
)
from libs.contracts.values import Level, Reach
from services.dispatch.absences.domain import Absence, AbsenceReason, NotRecorded, absence_fact, record
from services.dispatch.orders.domain import escalation, work
from services.dispatch.orders.domain.offering import LEASE_SHARE, choose, offer_without, widen
from services.dispatch.orders.domain.order import Order, Refusal, State
from services.dispatch.workload.domain import Workload
from tests.support.orders import LATER, M1, M2, M3, changed, claimed, new_order
from tests.support.small_street import ROOT, STREET

FREE = Workload()
LEAD = STREET.members["M5"]


def few(order: Order, *members: str) -> Order:
    """The order as if only these had been near enough."""
    return replace(order, offered_to=members)


def test_an_offer_is_a_lease_for_a_part_of_the_time_to_claim() -> None:
    order = new_order()
    assert order.reach is Reach.NEAREST
    assert order.lease_ends_at == order.stage_began_at + (order.claim_by - order.stage_began_at) * LEASE_SHARE


def test_an_offer_that_runs_out_reaches_the_party_group_then_the_branch_then_the_community() -> None:
    order, reached = few(new_order(), "M1"), []
    while order.lease_ends_at is not None:
        wider = widen(order, STREET, FREE, order.lease_ends_at)
        reached += [(f.reach, f.newly_asked, f.offered_to) for f in wider.facts if isinstance(f, OrderOffered)]
        order = wider.order
    assert reached == [
        (Reach.MICRO_GRID, ("M2",), ("M1", "M2")),
        (Reach.GRID, ("M3",), ("M1", "M2", "M3")),
        (Reach.COMMUNITY, ("M5", "M4"), ("M1", "M2", "M3", "M5", "M4")),
    ]


def test_a_level_that_has_nobody_else_is_passed_over() -> None:
    wider = widen(few(new_order(), "M1", "M2"), STREET, FREE, LATER)
    assert wider.order.reach is Reach.GRID


def test_when_everybody_has_heard_of_it_the_offer_stands_until_the_clock_is_red() -> None:
    wider = widen(few(new_order(), *STREET.members), STREET, FREE, LATER)
    assert (wider.order.lease_ends_at, wider.facts) == (None, ())


def test_who_gave_it_back_or_is_at_their_limit_does_not_hear_of_it_again() -> None:
    order = replace(few(new_order(), "M1"), given_back_by=("M2",))
    [fact] = widen(order, STREET, Workload({"M5": LEAD.workload_limit}), LATER).facts
    assert isinstance(fact, OrderOffered)
    assert fact.newly_asked == ("M3",)


def test_who_is_absent_is_not_asked_even_where_all_others_are_at_their_limit() -> None:
    busy = {m: member.workload_limit for m, member in STREET.members.items() if m != "M1"}
    assert choose(["M1", "M2"], STREET, Workload(busy, absent=["M1"])) == ("M2",)


def test_the_offers_of_who_goes_away_move_to_others() -> None:
    moved = offer_without(new_order(), {"M1"}, STREET, Workload(absent=["M1"]), LATER)
    [fact] = moved.facts
    assert isinstance(fact, OrderOffered)
    assert (fact.offered_to, fact.newly_asked) == (("M2", "M3", "M5"), ("M5",))
    assert isinstance(work.claim(moved.order, M1, 0, STREET, LATER), Refusal)


def test_an_organisation_that_answers_gives_an_order_to_a_member_from_whoever_has_it() -> None:
    given = changed(work.assign(claimed(), M2, M3, "M1 is absent", STREET, FREE, LATER))
    [fact] = given.facts
    assert isinstance(fact, OrderAssigned)
    assert (fact.taken_from, fact.member_id, fact.assigned_by_org) == ("M1", "M3", M2.org_id)
    assert given.order.stage_began_at == claimed().stage_began_at
    assert changed(work.assign(given.order, M2, M3, "again", STREET, FREE, LATER)).facts == ()


def test_an_order_that_nobody_has_claimed_may_be_assigned_too() -> None:
    given = changed(work.assign(new_order(), LEAD, M3, "nobody claims it", STREET, FREE, LATER)).order
    assert (given.state, given.member_id, given.lease_ends_at) == (State.CLAIMED, "M3", None)


@pytest.mark.parametrize(
    ("organiser", "member", "reason", "workload", "because"),
    [
        (M3, M2, "why not", FREE, "answers for the order"),
        (M2, M3, " ", FREE, "reason"),
        (M2, None, "why not", FREE, "not a member"),
        (M2, M3, "why not", Workload(absent=["M3"]), "absent"),
        (M2, M3, "why not", Workload({"M3": 2}), "limit"),
    ],
)
def test_an_order_is_not_assigned(
    organiser: object, member: object, reason: str, workload: object, because: str
) -> None:
    refused = work.assign(claimed(), organiser, member, reason, STREET, workload, LATER)  # type: ignore[arg-type]
    assert isinstance(refused, Refusal)
    assert because in refused.reason.en


def test_an_organisation_raises_an_order_by_hand_and_it_is_with_nobody_then() -> None:
    up = changed(escalation.raise_by_hand(claimed(), M2, RaiseReason.BEYOND_MEANS, STREET, FREE, LATER))
    fact, offered = up.facts
    assert isinstance(fact, OrderEscalated)
    assert isinstance(offered, OrderOffered)
    assert (fact.cause, fact.reason, fact.by_member) == (EscalationCause.BY_HAND, RaiseReason.BEYOND_MEANS, "M2")
    assert (up.order.state, up.order.member_id, up.order.unit) == (State.OFFERED, None, f"{ROOT}201")


def test_at_the_street_nobody_raises_an_order_any_further() -> None:
    order = replace(new_order(), unit=ROOT, level=Level.STREET)
    lead = replace(M1, org_id=STREET.root.org_id)
    assert isinstance(escalation.raise_by_hand(order, lead, RaiseReason.DANGEROUS, STREET, FREE, LATER), Refusal)
    assert isinstance(escalation.raise_by_hand(new_order(), M3, RaiseReason.DANGEROUS, STREET, FREE, LATER), Refusal)


def test_an_order_is_sent_down_to_a_unit_below_and_offered_there() -> None:
    order = changed(escalation.raise_by_hand(claimed(), M2, RaiseReason.DANGEROUS, STREET, FREE, LATER)).order
    down = changed(escalation.send_down(order, LEAD, f"{ROOT}20102", "能处置", STREET, FREE, LATER))
    fact, offered = down.facts
    assert isinstance(fact, OrderSentDown)
    assert isinstance(offered, OrderOffered)
    assert (fact.from_unit, fact.to_unit, offered.offered_to[0]) == (f"{ROOT}201", f"{ROOT}20102", "M3")
    assert isinstance(escalation.send_down(order, LEAD, f"{ROOT}201", "能处置", STREET, FREE, LATER), Refusal)
    assert isinstance(escalation.send_down(order, LEAD, f"{ROOT}20201", "能处置", STREET, FREE, LATER), Refusal)
    assert isinstance(escalation.send_down(order, M1, f"{ROOT}20102", "能处置", STREET, FREE, LATER), Refusal)


def test_small_matters_that_stay_in_the_community_are_a_share_of_all() -> None:
    assert escalation.within_community({Level.STREET: 1, Level.GRID: 2}) == "66.67"
    assert escalation.within_community({}) is None


def away(days: int, until: int) -> Absence:
    start = LATER + timedelta(days=days)
    return Absence(new_id(), ROOT, "M1", start, LATER + timedelta(days=until), AbsenceReason.LEAVE)


def test_an_absence_is_recorded_once_and_two_do_not_overlap() -> None:
    first = record(away(1, 3), M1, [], LATER)
    assert isinstance(first, Absence)
    assert record(away(1, 3), M1, [first], LATER) is first
    assert isinstance(record(away(2, 5), M1, [first], LATER), NotRecorded)
    assert isinstance(record(away(3, 5), M1, [first], LATER), Absence)


def test_an_absence_that_is_over_or_of_a_stranger_is_not_recorded() -> None:
    assert isinstance(record(away(-3, 0), M1, [], LATER), NotRecorded)
    assert isinstance(record(away(2, 1), M1, [], LATER), NotRecorded)
    assert isinstance(record(away(1, 2), None, [], LATER), NotRecorded)


def test_the_organisation_of_who_is_absent_hears_what_they_have_claimed_and_not_why_they_are_away() -> None:
    fact = absence_fact(away(0, 2), M1, [claimed()], LATER)
    assert (fact.org_id, fact.case_nos) == (M1.org_id, ("20261123-000001",))
    assert "leave" not in fact.model_dump_json()
