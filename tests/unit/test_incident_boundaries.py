"""What holds exactly at a limit and for facts of one instant: cases, likeness and windows from values only."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from libs.contracts.values import Place, Registration
from services.incident.cases.domain.case import (
    Closing,
    Promise,
    Standing,
    State,
    after_all,
    apply_order_fact,
    begin,
    reopen,
    step_of,
    window,
)
from services.incident.cases.domain.case import Move as CaseMove
from services.incident.cases.domain.history import Entry, apply_entry, broken
from services.incident.cases.domain.redaction import SUMMARY_LENGTH, summarise
from services.incident.cases.domain.refusals import no_case
from services.incident.cases.domain.tracking_code import as_issued
from services.incident.cases.domain.words import in_order
from services.incident.duplicates.domain import LATELY, LIKELY, NEAR_METRES, Sighting, compare, metres_between
from services.incident.intake.domain import key_used, unknown_category, unstorable
from tests.support.order_facts import CASE, NOON, STREET, checked, claimed, dispatched, handled
from tests.support.order_facts import after as after_facts
from tests.support.reports import REPORT
from tests.support.timelines import STEPS, chain

LAMP = Sighting("1", 119.0, 36.0, "儒林", NOON, "路灯不亮")


def test_only_a_case_that_begins_registered_counts_as_given_to_dispatch() -> None:
    assert begin(Registration.AUTOMATIC) == Standing(State.REGISTERED, opened=1)
    assert {begin(policy).opened for policy in Registration if policy is not Registration.AUTOMATIC} == {0}


@pytest.mark.parametrize(("state", "opened"), [("registered", 1), ("reported", 0), ("verifying", 0)])
def test_a_history_begins_as_the_case_did(state: str, opened: int) -> None:
    entry = Entry(STREET, CASE, 1, UUID(int=3), "reported", NOON, NOON, {"state": state})
    assert apply_entry(None, entry) == Standing(State(state), opened=opened)


def test_of_two_promises_of_one_instant_the_later_deadline_holds_in_either_order() -> None:
    short, long = dispatched(1, handle_hours=8), dispatched(1, number=2, handle_hours=9)
    case = Standing(State.REGISTERED)
    for facts in ((short, long), (long, short)):
        after_both = apply_order_fact(apply_order_fact(case, facts[0]), facts[1])
        assert after_both.promise == Promise(long.occurred_at, long.handle_by)


def test_a_case_that_no_order_has_moved_is_moved_when_it_is_opened_again() -> None:
    closed = Standing(State.CLOSED, closing=Closing(NOON, UUID(int=1), UUID(int=2)), opened=1)
    again = reopen(closed, NOON, UUID(int=5))
    assert (again.state, again.opened, again.reopened_times) == (State.IN_PROGRESS, 2, 1)
    assert again.moved == after_all(closed, CaseMove.REOPEN, NOON, UUID(int=5))
    assert again.moved is not None
    assert again.moved.at == NOON


def test_a_case_without_an_order_has_no_latest_one() -> None:
    assert (Standing(State.REPORTED).opening, Standing(State.REGISTERED, opened=2).opening) == (None, 1)


def test_an_empty_chain_that_should_have_entries_is_broken() -> None:
    _, head = chain(*STEPS)
    assert broken([], head) == "it ends with entry 0, and 4 were recorded"


def test_text_and_name_of_a_place_are_refused_with_a_nul_character() -> None:
    named = REPORT.model_copy(update={"place": Place(name="儒\0林")})
    refusal = unstorable(named)
    assert refusal is not None
    assert refusal.title == "Invalid text"


def test_a_refusal_names_what_was_wrong() -> None:
    assert "key k-1" in key_used(REPORT).detail.en.replace("Idempotency-Key", "key")
    assert key_used(REPORT).title == "Key used for another report"
    assert unknown_category(REPORT, street_known=True).title == "Unknown category"
    assert unknown_category(REPORT, street_known=False).title == "Unknown street"


@pytest.mark.parametrize(("typed", "length"), [("0" * 12, 12), ("0" * 13, 13), ("0" * 14, 14)])
def test_a_tracking_code_has_thirteen_characters(typed: str, length: int) -> None:
    assert (as_issued(typed) is not None) == (length == 13)


def test_a_likeness_of_exactly_the_threshold_is_shown_and_one_below_is_not() -> None:
    """The same spot, at the last moment but one, with other words: half for the place, next to nothing for the time."""
    other = replace(LAMP, case_no="2", text="垃圾", reported_at=NOON - LATELY + timedelta(minutes=1))
    found = compare(LAMP, other)
    assert found is not None
    assert found.score == LIKELY
    assert compare(LAMP, replace(other, latitude=36.0001)) is None


def test_what_is_exactly_as_far_as_the_farthest_in_time_is_no_candidate() -> None:
    assert compare(LAMP, replace(LAMP, case_no="2", reported_at=NOON - LATELY)) is None
    assert compare(LAMP, replace(LAMP, case_no="2", reported_at=NOON + LATELY)) is None


def test_what_is_too_far_away_is_no_candidate_though_all_else_is_the_same() -> None:
    far = replace(LAMP, case_no="2", latitude=36.0028)
    assert metres_between(119.0, 36.0, 119.0, 36.0028) > NEAR_METRES
    assert compare(LAMP, far) is None


@pytest.mark.parametrize(
    "half", [replace(LAMP, case_no="2", longitude=None), replace(LAMP, case_no="2", latitude=None)]
)
def test_half_a_point_is_none_and_the_name_of_the_place_decides(half: Sighting) -> None:
    for one, other in ((LAMP, half), (half, LAMP)):
        found = compare(one, other)
        assert found is not None
        assert found.because[0].en == "the same place: 儒林"
    elsewhere = replace(half, place_name="大儒林")
    assert compare(LAMP, elsewhere) is None


def test_two_places_without_name_and_point_are_not_the_same() -> None:
    nowhere = replace(LAMP, longitude=None, latitude=None, place_name=None)
    assert compare(nowhere, replace(nowhere, case_no="2")) is None


@pytest.mark.parametrize(("hours", "said"), [(47, "47 h apart"), (48, "2 days apart"), (60, "2 days apart")])
def test_from_two_days_on_days_are_counted(hours: int, said: str) -> None:
    found = compare(LAMP, replace(LAMP, case_no="2", reported_at=NOON - timedelta(hours=hours)))
    assert found is not None
    assert found.because[1].en == said


@pytest.mark.parametrize("text", ["", "亮"])
def test_a_text_without_pairs_is_like_no_other(text: str) -> None:
    for mine, its in ((text, "路灯不亮"), ("路灯不亮", text), (text, text)):
        found = compare(replace(LAMP, text=mine), replace(LAMP, case_no="2", text=its))
        assert found is not None
        assert found.because[2].en == "0% of the text alike"


def test_a_window_has_both_ends_or_is_none() -> None:
    assert window(NOON, None) is window(None, NOON) is window(None, None) is None
    both = window(NOON, NOON + timedelta(hours=1))
    assert both is not None
    assert (both.starts_at, both.ends_at) == (NOON, NOON + timedelta(hours=1))


def test_a_step_that_decides_nothing_leaves_the_case_as_it_is() -> None:
    case = Standing(State.REGISTERED, opened=1)
    noted = Entry(STREET, CASE, 2, UUID(int=3), "noted", NOON, NOON, {})
    assert apply_entry(case, noted) == case


def test_a_case_that_is_opened_again_at_the_instant_of_its_closing_stays_open() -> None:
    """The order's facts may have the higher id; that the reporter speaks after the check decides."""
    closed = after_facts(Standing(State.REGISTERED, opened=1), claimed(1), handled(2), checked(3, number=9))
    again = reopen(closed, closed.closing.at if closed.closing else NOON, UUID(int=1))
    assert apply_order_fact(again, checked(3, number=9)).state is State.IN_PROGRESS


def test_a_summary_of_exactly_the_greatest_length_is_not_cut() -> None:
    assert summarise("灯" * SUMMARY_LENGTH) == "灯" * SUMMARY_LENGTH
    assert summarise("灯" * (SUMMARY_LENGTH + 1)) == "灯" * (SUMMARY_LENGTH - 1) + "…"


def test_a_check_is_in_the_timeline_by_its_result() -> None:
    assert [step_of(checked(1)), step_of(checked(1, passed=False)), step_of(claimed(1))] == [
        "passed",
        "failed",
        "claimed",
    ]


def test_a_case_that_was_opened_again_or_put_under_another_stands_so_by_its_history() -> None:
    closed = after_facts(Standing(State.REGISTERED, opened=1), claimed(1), handled(2), checked(3))
    at = NOON + timedelta(days=1)
    again = apply_entry(closed, Entry(STREET, CASE, 9, UUID(int=9), "reopened", at, at, {}))
    assert again == reopen(closed, at, UUID(int=9))
    under = apply_entry(closed, Entry(STREET, CASE, 9, UUID(int=9), "put_under", at, at, {"parent": "20261123-000009"}))
    assert under == replace(closed, parent="20261123-000009")


def test_the_same_fact_again_moves_nothing() -> None:
    for fact in (dispatched(1), claimed(1), handled(1), checked(1), checked(1, passed=False)):
        once = replace(apply_order_fact(Standing(State.REGISTERED, opened=1), fact), settled_at=NOON)
        assert apply_order_fact(once, fact) == once


def test_steps_are_shown_by_their_time_and_at_one_instant_as_a_case_goes() -> None:
    def step(name: str, minute: int) -> Entry:
        at = NOON + timedelta(minutes=minute)
        return Entry(STREET, CASE, 1, UUID(int=1), name, at, at, {})

    shuffled = [step("passed", 2), step("claimed", 2), step("handled", 2), step("reported", 1)]
    assert [s.step for s in in_order(shuffled)] == ["reported", "claimed", "handled", "passed"]


def test_days_apart_are_days_of_twenty_four_hours() -> None:
    found = compare(LAMP, replace(LAMP, case_no="2", reported_at=NOON - timedelta(days=13)))
    assert found is not None
    assert "13 days apart" in [why.en for why in found.because]


def test_a_case_that_is_not_here_is_named_with_its_street() -> None:
    assert no_case("370784004", "20261123-000001").en == "Street 370784004 has no case 20261123-000001."


def test_the_latest_passed_check_is_the_closing_whichever_is_heard_last() -> None:
    for facts in ((checked(3, 1), checked(5, 2)), (checked(5, 2), checked(3, 1))):
        closing = after_facts(Standing(State.REGISTERED), *facts).closing
        assert closing is not None
        assert (closing.at, closing.by) == (NOON + timedelta(minutes=5), UUID(int=2))
