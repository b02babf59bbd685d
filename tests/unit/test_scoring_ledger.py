"""The ledger's arithmetic: whatever is earned and undone, in whatever sequence, it adds up to zero."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.scoring import PointsPosted, PointsReversed
from libs.street_time import local_day
from services.scoring.earning.domain.caps import CappedDay
from services.scoring.ledger.domain import Because, Kind, Undo, facts, postings, strongest
from services.scoring.rules.domain import Deed
from tests.support.deeds import RULES, Book, appeal, check_deed, failure, reopening
from tests.support.stage import NOON


def test_an_upheld_appeal_gives_back_exactly_what_a_reopening_took() -> None:
    book = Book()
    book.hear(check_deed(points=5))
    before = book.balances()
    taken = book.undo(reopening())
    given = book.uphold(appeal())
    assert book.balances() == before
    assert [(t.reverses, t.points, t.because) for t in given] == [
        (t.id, t.points, Because.APPEAL_UPHELD) for t in taken
    ]
    assert book.uphold(appeal()) == []


def test_what_is_taken_back_after_an_appeal_stays_taken_back() -> None:
    book = Book()
    book.hear(check_deed())
    book.uphold(appeal(at=NOON))
    book.undo(reopening(at=NOON + timedelta(hours=1)))
    assert "member:M1" not in book.balances()


def test_an_appeal_leads_to_the_same_ledger_whenever_it_arrives() -> None:
    ledgers = []
    for arrival in permutations(range(3)):
        book = Book()
        for place in arrival:
            match place:
                case 0:
                    book.hear(check_deed())
                case 1:
                    book.undo(reopening())
                case _:
                    book.uphold(appeal())
        ledgers.append((book.balances(), book.history()))
    assert all(each == ledgers[0] for each in ledgers)


def test_points_move_from_the_rule_to_the_member_and_the_organisation() -> None:
    book = Book()
    book.hear(check_deed(points=5))
    assert book.balances() == {
        "member:M1": 6,
        "member:M9": 1,
        "org:P1": 6,
        "org:P2": 1,
        "rule:handled_and_checked": -10,
        "rule:handled_on_time": -2,
        "rule:check_done": -2,
    }


def test_one_event_earns_once_by_a_rule() -> None:
    book = Book()
    book.hear(check_deed(), check_deed())
    assert len(book.transactions) == 3
    assert book.hear(check_deed()) == []


def test_the_deed_that_reaches_the_cap_earns_the_rest_of_it() -> None:
    book = Book()
    made = book.hear(*(check_deed(n, order=n, points=25, at=NOON + timedelta(minutes=n)) for n in range(1, 5)))
    assert [t.points for t in made if t.rule == "handled_and_checked"] == [25, 25, 10]


def test_the_cap_begins_anew_at_midnight_of_the_street() -> None:
    last_minute = datetime(2026, 11, 23, 15, 59, tzinfo=UTC)
    assert local_day(last_minute) != local_day(last_minute + timedelta(minutes=1))
    book = Book()
    book.hear(check_deed(1, order=1, points=60, at=last_minute))
    made = book.hear(check_deed(2, order=2, points=60, at=last_minute + timedelta(minutes=1)))
    assert [t.points for t in made if t.rule == "handled_and_checked"] == [60]


def test_a_reversed_deed_does_not_make_room_under_the_cap() -> None:
    book = Book()
    book.hear(check_deed(1, order=1, points=60))
    book.undo(reopening(order=1))
    made = book.hear(check_deed(2, order=2, points=60))
    assert [t for t in made if t.rule == "handled_and_checked"] == []


def test_reopening_reverses_everything_of_the_order_exactly_and_once() -> None:
    book = Book()
    book.hear(check_deed(1, order=1), check_deed(2, order=2, handler="M2"))
    taken = book.undo(reopening(order=1))
    assert {(t.rule, t.points, t.rules_version, t.because) for t in taken} == {
        ("handled_and_checked", 5, RULES.version, Because.REOPENED),
        ("handled_on_time", 1, RULES.version, Because.REOPENED),
        ("check_done", 1, RULES.version, Because.REOPENED),
    }
    assert "member:M1" not in book.balances()
    assert book.balances()["member:M2"] == 6
    assert book.undo(reopening(order=1)) == []


def test_reopening_leaves_the_points_of_a_check_that_found_the_work_wanting() -> None:
    book = Book()
    book.hear(check_deed(1, passed=False), check_deed(2, at=NOON + timedelta(minutes=5)))
    book.undo(reopening())
    assert book.balances() == {"member:M9": 1, "org:P2": 1, "rule:check_done": -2}


def test_a_failed_check_takes_back_what_was_earned_before_it_and_not_what_comes_after() -> None:
    book = Book()
    book.hear(check_deed(1))
    book.undo(failure(at=NOON + timedelta(minutes=1)))
    assert book.balances() == {}
    book.hear(check_deed(2, at=NOON + timedelta(minutes=2)))
    assert book.balances()["member:M1"] == 6


def test_a_reopening_weighs_more_than_a_later_failed_check() -> None:
    late_failure = failure(at=NOON + timedelta(days=1))
    assert (
        strongest([reopening(), late_failure]) == strongest([late_failure, reopening()]) == {UUID(int=1): reopening()}
    )


@pytest.mark.parametrize("late_by", [timedelta(), timedelta(hours=5)])
def test_a_reopening_that_comes_first_ends_in_the_same_ledger(late_by: timedelta) -> None:
    """Also when the clocks of the two services disagree about which was first."""
    deed, undo = check_deed(1, at=NOON + late_by), reopening()
    in_order, out_of_order = Book(), Book()
    in_order.hear(deed)
    in_order.undo(undo)
    out_of_order.undo(undo)
    out_of_order.hear(deed)
    assert in_order.history() == out_of_order.history()
    assert in_order.balances() == out_of_order.balances() == {}


MINUTES = st.integers(min_value=0, max_value=3 * 24 * 60)
DEEDS = st.builds(
    lambda number, order, minutes, handler, points, passed: check_deed(
        number, order=order, at=NOON + timedelta(minutes=minutes), handler=handler, points=points, passed=passed
    ),
    number=st.integers(1, 40),
    order=st.integers(1, 8),
    minutes=MINUTES,
    handler=st.sampled_from(["M1", "M2", "M3"]),
    points=st.integers(0, 40),
    passed=st.booleans(),
)
UNDOS = st.builds(
    lambda order, number, minutes, kind: kind(order, number, NOON + timedelta(minutes=minutes)),
    order=st.integers(1, 8),
    number=st.integers(500, 900),
    minutes=MINUTES,
    kind=st.sampled_from([reopening, failure]),
)
# Facts are immutable: the same id is always the same fact.
DISTINCT_DEEDS = st.lists(DEEDS, max_size=25, unique_by=lambda deed: deed.cause_id)


@given(st.lists(st.one_of(DISTINCT_DEEDS, UNDOS), max_size=12))
def test_whatever_happens_the_ledger_sums_to_zero_and_no_member_owes(steps: list[list[Deed] | Undo]) -> None:
    book = Book()
    for step in steps:
        if isinstance(step, Undo):
            book.undo(step)
        else:
            book.hear(*step)
        assert sum(book.balances().values()) == 0
    assert all((total < 0) == account.startswith("rule:") for account, total in book.balances().items())


@given(DISTINCT_DEEDS, st.lists(UNDOS, max_size=6))
def test_each_transaction_is_zero_and_is_reversed_once_at_most(deeds: list[Deed], undos: list[Undo]) -> None:
    book = Book()
    book.hear(*deeds)
    for undo in undos:
        book.undo(undo)
    assert all(sum(p.amount for p in postings(t)) == 0 for t in book.transactions)
    by_id = {t.id: t for t in book.transactions}
    taken = [t for t in book.transactions if t.reverses is not None]
    assert len({t.reverses for t in taken}) == len(taken)
    for each in taken:
        assert each.reverses is not None
        original = {(p.account, p.dimension): p.amount for p in postings(by_id[each.reverses])}
        assert {(p.account, p.dimension): -p.amount for p in postings(each)} == original


@given(DISTINCT_DEEDS, st.data())
def test_no_day_earns_more_than_its_cap_however_it_is_cut_into_batches(deeds: list[Deed], data: st.DataObject) -> None:
    at_once, in_parts = Book(), Book()
    at_once.hear(*deeds)
    rest = data.draw(st.permutations(deeds))
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        in_parts.hear(*rest[:size])
        rest = rest[size:]
    caps = {rule.name: rule.daily_cap for rule in RULES.rules}
    totals: Counter[CappedDay] = Counter()
    for t in in_parts.transactions:
        totals[CappedDay(t.tenant, t.member_id, t.rule, t.day)] += t.points
    assert all(total <= (caps[day.rule] or total) for day, total in totals.items())
    assert in_parts.balances() == at_once.balances()


@given(DISTINCT_DEEDS, st.lists(UNDOS.filter(lambda u: u.because is Because.REOPENED), max_size=4), st.data())
def test_reopenings_end_in_the_same_balances_wherever_they_arrive(
    deeds: list[Deed], undos: list[Undo], data: st.DataObject
) -> None:
    first, other = Book(), Book()
    for deed in deeds:
        first.hear(deed)
    for undo in undos:
        first.undo(undo)
    arrivals = {data.draw(st.integers(0, len(deeds))): undo for undo in undos}
    late = [undo for undo in undos if undo not in arrivals.values()]
    for place, deed in enumerate(deeds):
        if place in arrivals:
            other.undo(arrivals[place])
        other.hear(deed)
    for undo in [*late, *(u for place, u in arrivals.items() if place >= len(deeds))]:
        other.undo(undo)
    assert first.balances() == other.balances()


@given(DISTINCT_DEEDS)
def test_deeds_that_are_heard_again_earn_nothing(deeds: list[Deed]) -> None:
    book = Book()
    book.hear(*deeds)
    assert book.hear(*reversed(deeds)) == []


def test_what_is_posted_is_told_as_it_stands_in_the_ledger() -> None:
    book = Book()
    book.hear(check_deed(points=5))
    book.undo(reopening())
    told = facts(book.transactions)
    assert [type(fact) for fact in told] == [
        PointsReversed if each.kind is Kind.REVERSAL else PointsPosted for each in book.transactions
    ]
    for fact, each in zip(told, book.transactions, strict=True):
        if isinstance(fact, PointsPosted):
            for name in ("member_id", "org_id", "points", "rule", "rules_version", "dimension", "cause_id", "case_id"):
                assert getattr(fact, name) == getattr(each, name)
            assert (fact.transaction_id, fact.occurred_at, fact.tenant) == (each.id, each.occurred_at, each.tenant)
