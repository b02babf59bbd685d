"""The hash chain of a timeline, and how a case stood by what was known at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.incident.cases.domain.case import State
from services.incident.cases.domain.history import Head, append, broken, link, standing_at
from tests.support.timelines import STEPS, chain

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
STREET, CASE = "370784004", UUID(int=1)
CLAIMED = {"order_id": str(UUID(int=2)), "member_id": "m-1", "org_id": "P4", "category": "11001"}


def test_a_chain_as_it_was_recorded_holds() -> None:
    assert broken(*chain(*STEPS)) is None


@given(st.integers(0, 3), st.sampled_from(["step", "happened_at", "recorded_at", "details", "entry_id", "tenant"]))
def test_any_change_of_an_entry_is_found_where_it_was_made(place: int, name: str) -> None:
    entries, head = chain(*STEPS)
    entry, hash = entries[place]
    changed: dict[str, Any] = {
        "step": "rejected",
        "happened_at": entry.happened_at + timedelta(microseconds=1),
        "recorded_at": entry.recorded_at + timedelta(microseconds=1),
        "details": {**entry.details, "by_member": "m-8"},
        "entry_id": UUID(int=99),
        "tenant": "370784005",
    }
    entries[place] = (replace(entry, **{name: changed[name]}), hash)
    assert (broken(entries, head) or "").startswith(f"entry {place + 1} ")


@given(st.integers(0, 3))
def test_an_entry_that_is_gone_is_missed(place: int) -> None:
    entries, head = chain(*STEPS)
    del entries[place]
    expected = f"entry {place + 1} is missing" if place < 3 else "it ends with entry 3, and 4 were recorded"
    assert broken(entries, head) == expected


def test_an_entry_that_was_made_up_with_its_hash_breaks_the_next_link() -> None:
    entries, head = chain(*STEPS)
    forged = replace(entries[1][0], details={"move": "accept", "by_member": "m-8", "reason": None})
    entries[1] = (forged, link(entries[0][1], forged))
    assert broken(entries, head) == "entry 3 (claimed) is not what was recorded, or follows another entry 2"


def test_a_history_that_was_made_up_as_a_whole_does_not_end_as_the_case_says() -> None:
    entries, _ = chain(*STEPS[:3], ("failed", {}))
    assert broken(entries, chain(*STEPS)[1]) == "it ends with entry 4, and 4 were recorded"


def test_a_decision_that_the_case_does_not_allow_any_more_changes_nothing() -> None:
    twice = ("registered", {"move": "accept", "by_member": "m-7", "reason": None})
    entries, head = chain(*STEPS, twice)
    as_of = head.at
    assert standing_at([entry for entry, _ in entries], as_of) == standing_at([e for e, _ in entries[:-1]], as_of)


def test_what_is_hashed_keeps_its_chinese_characters() -> None:
    """A hash that was written with another form of JSON would not fit any more."""
    entries, _ = chain(("reported", {"sender": "网格员", "state": "reported"}))
    assert link(bytes(32), entries[0][0]).hex() == entries[0][1].hex()


def test_the_hash_is_the_same_after_a_way_through_json() -> None:
    entry = chain(("passed", {"b": [1, "二"], "a": None}))[0][0][0]
    again = replace(entry, details={"a": None, "b": [1, "二"]}, recorded_at=entry.recorded_at.astimezone(None))
    assert link(bytes(32), again) == link(bytes(32), entry)


def test_what_a_clock_that_is_ahead_recorded_stays_before_what_follows() -> None:
    ahead = Head(1, bytes(32), NOON + timedelta(hours=1))
    entry, head = append(ahead, STREET, CASE, UUID(int=3), "registered", NOON, NOON, {})
    assert entry.recorded_at == head.at == NOON + timedelta(hours=1)


def test_how_a_case_stood_follows_from_what_was_recorded_by_then() -> None:
    entries = [entry for entry, _ in chain(*STEPS)[0]]
    stood = [standing_at(entries, NOON + timedelta(minutes=m)) for m in (-1, 0, 1, 2, 2.5, 3)]
    states = [s and s.state for s in stood]
    assert states == [
        None,
        State.REPORTED,
        State.REGISTERED,
        State.IN_PROGRESS,
        State.IN_PROGRESS,
        State.RESOLVED,
    ]
