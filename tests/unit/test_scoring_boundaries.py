"""What the ledger does for events of one instant and for rules without a cap."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from libs.contracts.dispatch import CaseVerified, PatrolVisited
from services.scoring.earning.domain import deeds
from services.scoring.earning.domain.deeds import own_deed
from services.scoring.ledger.domain import Because, Kind, strongest
from tests.support.deeds import RULES, Book, appeal, check_deed, failure, reopening
from tests.support.scoring import checked
from tests.support.stage import NOON, stamped

GOLDEN = Path(__file__).parents[1] / "contracts" / "golden"
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(("after", "covered"), [(timedelta(0), True), (-SECOND, True), (SECOND, False)])
def test_a_failed_check_covers_what_was_earned_until_its_own_instant(after: timedelta, covered: bool) -> None:
    [earned, *_] = Book().hear(check_deed())
    assert failure(at=earned.occurred_at - after).covers(earned) == covered


def test_a_reversal_is_never_reversed() -> None:
    book = Book()
    [earned, *_] = book.hear(check_deed())
    assert not reopening().covers(replace(earned, kind=Kind.REVERSAL))


def test_a_reopening_does_not_cover_what_an_appeal_gave_back_later() -> None:
    [earned, *_] = Book().hear(check_deed())
    given_back = replace(earned, kind=Kind.RESTORE, occurred_at=reopening().occurred_at + SECOND)
    assert not reopening().covers(given_back)
    assert reopening().covers(replace(given_back, occurred_at=reopening().occurred_at))


@pytest.mark.parametrize(("before", "lifted"), [(timedelta(0), True), (SECOND, True), (-SECOND, False)])
def test_an_appeal_lifts_what_was_taken_until_its_own_instant(before: timedelta, lifted: bool) -> None:
    [earned, *_] = Book().hear(check_deed())
    taken = replace(earned, kind=Kind.REVERSAL, occurred_at=appeal().occurred_at - before)
    assert appeal().lifts(taken) == lifted
    assert not appeal().lifts(earned)
    assert not appeal(order=2).lifts(taken)


def test_what_has_no_category_earns_no_points_of_one() -> None:
    """Looking on site whether a report is true is worth the same whatever was reported; so is a visit."""
    verified = CaseVerified.model_validate_json((GOLDEN / f"{CaseVerified.type_name()}.json").read_bytes())
    visited = PatrolVisited.model_validate_json((GOLDEN / f"{PatrolVisited.type_name()}.json").read_bytes())
    assert [deed.category_points for deed in (own_deed(verified), own_deed(visited))] == [0, 0]


def test_a_rule_without_a_cap_pays_every_time() -> None:
    without = replace(RULES, rules=tuple(replace(rule, daily_cap=None) for rule in RULES.rules))
    book = Book(without)
    paid = [
        sum(t.points for t in book.hear(check_deed(number, order=number, points=50)) if t.member_id == "M1")
        for number in range(1, 6)
    ]
    assert len(set(paid)) == 1
    assert paid[0] > 0


def test_the_heavier_of_two_is_kept_in_either_order_and_each_order_has_its_own() -> None:
    early, late = failure(at=NOON), failure(number=601, at=NOON + SECOND)
    for both in ((early, late), (late, early)):
        assert strongest([*both, reopening(order=2)]) == {UUID(int=1): late, UUID(int=2): reopening(order=2)}
    assert late.because is Because.CHECK_FAILED


@pytest.mark.parametrize("passed", [True, False])
def test_a_check_is_a_deed_for_its_order_only_where_it_passed(passed: bool) -> None:
    check = stamped(checked(passed=passed))
    deed = deeds.check_deed(check)
    assert (deed.order_id, deed.holds["passed"]) == (check.order_id if passed else None, passed)
    assert (deed.cause_id, deed.case_id, deed.category_points) == (check.id, check.case_id, check.points)


def test_a_failed_check_undoes_what_its_order_earned() -> None:
    check = stamped(checked(passed=False))
    undo = deeds.undo_of_failed_check(check)
    assert (undo.tenant, undo.order_id, undo.case_id) == (check.tenant, check.order_id, check.case_id)
    assert (undo.cause_id, undo.occurred_at, undo.because) == (check.id, check.occurred_at, Because.CHECK_FAILED)
