"""The life of a case: the table of moves, and facts in any order."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.dispatch import OrderChecked
from libs.contracts.message import OrderEvent
from libs.contracts.values import Registration
from libs.transitions import Impossible
from services.incident.cases.domain.case import (
    FIRST_STATE,
    RANKS,
    TRANSITIONS,
    Move,
    Standing,
    State,
    apply_order_fact,
    decide,
    reopen,
    step_of,
)
from services.incident.cases.domain.history import ORDER_FACTS
from services.incident.cases.domain.words import FOR_STAFF, STATE_WORDS, STEPS, in_order
from tests.support.order_facts import NOON, after, checked, claimed, dispatched, handled, overdue

SERVICE = Path(__file__).resolve().parents[2] / "services" / "incident"
STEP = re.compile(r'(?:append_entry|history\.append|_note_on)\([^"\n]*"([a-z_]+)"')
REGISTERED = Standing(State.REGISTERED)


def failed(minute: int, number: int = 1) -> OrderChecked:
    return checked(minute, number, passed=False)


def test_handled_before_claimed_ends_like_claimed_before_handled() -> None:
    assert after(REGISTERED, handled(2, 1), claimed(1, 2)) == after(REGISTERED, claimed(1, 2), handled(2, 1))
    assert after(REGISTERED, handled(2, 1), claimed(1, 2)).state is State.RESOLVED


def test_facts_of_one_instant_are_judged_by_their_stage() -> None:
    assert after(REGISTERED, checked(1, 1), handled(1, 2), claimed(1, 3)).state is State.CLOSED


def test_a_failed_check_puts_the_case_back_to_work_and_a_passed_one_closes_it() -> None:
    assert after(REGISTERED, claimed(1, 1), handled(2, 2), failed(3, 3)).state is State.IN_PROGRESS
    assert after(REGISTERED, failed(3, 3), checked(5, 4), handled(4, 5)).state is State.CLOSED


def test_an_overdue_order_is_told_and_moves_nothing() -> None:
    assert apply_order_fact(REGISTERED, overdue(1)) == REGISTERED


def test_the_deadline_shown_is_that_of_the_latest_dispatch_whichever_is_heard_last() -> None:
    case = after(REGISTERED, dispatched(5, 1, handle_hours=9), dispatched(1, 2, handle_hours=4))
    assert case.promise is not None
    assert case.promise.handle_by == NOON + timedelta(hours=9)


def test_a_fact_from_before_the_closing_does_not_undo_the_reopening() -> None:
    case = reopen(after(REGISTERED, checked(5, 1)), NOON, UUID(int=9))
    assert after(case, handled(4, 2)).state is State.IN_PROGRESS
    assert after(case, handled(6, 3)).state is State.RESOLVED
    assert case.reopened_times == 1


Drawn = tuple[Callable[[int, int], OrderEvent], int]
MAKERS: tuple[Callable[[int, int], OrderEvent], ...] = (dispatched, claimed, handled, checked, failed, overdue)
FACTS = st.lists(st.tuples(st.sampled_from(MAKERS), st.integers(0, 6)), min_size=1, max_size=7)


@given(FACTS, st.data())
def test_every_order_of_arrival_ends_the_same(drawn: list[Drawn], data: st.DataObject) -> None:
    facts = [make(minute, number) for number, (make, minute) in enumerate(drawn, 1)]
    shuffled = data.draw(st.permutations(facts))
    assert after(REGISTERED, *shuffled) == after(REGISTERED, *facts)


@given(FACTS)
def test_facts_that_come_again_change_nothing(drawn: list[Drawn]) -> None:
    facts = [make(minute, number) for number, (make, minute) in enumerate(drawn, 1)]
    assert after(REGISTERED, *facts, *facts) == after(REGISTERED, *facts)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("move", list(Move))
def test_a_decision_is_possible_exactly_where_the_table_says_so(state: State, move: Move) -> None:
    [row] = TRANSITIONS.of(move)
    decided = decide(Standing(state), move)
    if state in row.origins:
        assert decided == Standing(row.leads(state), opened=1 if row.target is State.REGISTERED else 0)
    else:
        assert isinstance(decided, Impossible)
        assert decided.allowed == TRANSITIONS.allowed(state)
        assert f"the case is {state}" in decided.detail.en


def test_every_policy_begins_where_staff_or_dispatch_can_go_on() -> None:
    assert set(FIRST_STATE) == set(Registration)
    assert all(TRANSITIONS.allowed(s) or TRANSITIONS.get(s, Move.CLAIM) for s in FIRST_STATE.values())
    verifying = {t.move for t in TRANSITIONS.allowed(State.VERIFYING)}
    always = {Move.VOID, Move.MERGE, Move.CORRECT, Move.REWORD, Move.ASK}
    assert verifying == {Move.REJECT, Move.CONFIRM, Move.DISPROVE, *always}
    assert {t.move for t in TRANSITIONS.allowed(State.REGISTERED)} == always


def test_a_rejected_case_is_not_moved_by_an_order() -> None:
    assert apply_order_fact(Standing(State.REJECTED), claimed(1)).state is State.REJECTED


def test_every_state_and_every_fact_has_words_in_both_languages() -> None:
    assert set(STATE_WORDS) == set(State)
    for make in MAKERS:
        assert set(STEPS[step_of(make(1, 1))]) == {"zh", "en"}
    kept = {fact.message_name for fact in ORDER_FACTS} - {"checked"}
    written = {each for path in SERVICE.glob("*/*.py") for each in STEP.findall(path.read_text(encoding="utf-8"))}
    assert len(written) > 15
    assert {*kept, *written} <= STEPS.keys()
    assert STEPS.keys() >= FOR_STAFF


def test_what_follows_from_another_step_of_the_same_instant_stands_after_it() -> None:
    steps = ["continued", "order_moved", "corrected", "answered", "paused", "questioned", "something new"]
    entries = [SimpleNamespace(step=step, happened_at=NOON) for step in steps]
    ordered = ["questioned", "paused", "answered", "corrected", "order_moved", "continued", "something new"]
    assert [entry.step for entry in in_order(entries)] == ordered


def test_of_two_checks_of_one_instant_neither_is_later_by_what_it_found() -> None:
    assert RANKS[Move.PASS] == RANKS[Move.FAIL] == RANKS[Move.HANDLE] + 1 == RANKS[Move.REOPEN] - 1
