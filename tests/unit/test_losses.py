"""What a stream has lost, by what was seen of it before and is seen now."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.messaging.losses import Loss, Seen, compare

MADE = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
BEFORE = Seen("SCORING", MADE, 1, 100, {"dispatch": 90, "notify": 80})
END = 2**62


def now(first: int = 1, last: int = 100, *, made_anew: bool = False, **handled: int) -> Seen:
    return Seen("SCORING", MADE + timedelta(minutes=made_anew), first, last, handled or BEFORE.handled)


def test_a_stream_that_goes_on_has_lost_nothing() -> None:
    after = now(1, 130, dispatch=130, notify=85)
    assert compare(BEFORE, after, None) == (after, None)


def test_what_a_stream_that_was_made_anew_does_not_have_is_all_that_was_not_handled_by_all() -> None:
    remembered, loss = compare(BEFORE, now(1, 0, made_anew=True, dispatch=0), None)
    assert loss == Loss(80, END)
    assert remembered.handled == {"dispatch": 0, "notify": 0}


def test_a_consumer_that_is_gone_with_its_stream_has_still_not_handled_the_rest() -> None:
    alone = replace(BEFORE, handled={"dispatch": 100, "notify": 3})
    assert compare(alone, now(1, 100, dispatch=100), None)[0].handled == {"dispatch": 100, "notify": 3}
    assert compare(alone, now(1, 0, made_anew=True, dispatch=0), None)[1] == Loss(3, END)


def test_an_older_copy_lacks_what_came_after_it() -> None:
    remembered, loss = compare(BEFORE, now(1, 85, dispatch=60, notify=60), None)
    assert loss == Loss(85, END)
    assert remembered.handled == {"dispatch": 85, "notify": 80}


def test_an_older_copy_that_has_grown_meanwhile_is_known_by_sequences_given_twice() -> None:
    remembered, loss = compare(BEFORE, now(1, 140, dispatch=60, notify=60), 86)
    assert loss == Loss(85, END)
    assert remembered.handled == {"dispatch": 85, "notify": 80}


def test_what_all_had_handled_of_it_is_not_published_again() -> None:
    assert compare(BEFORE, now(1, 50, dispatch=40, notify=40), None)[1] == Loss(80, END)


def test_a_purge_takes_what_was_not_handled_yet() -> None:
    assert compare(BEFORE, now(101, 100), None)[1] == Loss(80, 100)
    assert compare(BEFORE, now(96, 120), None)[1] == Loss(80, 95)


def test_what_has_aged_out_after_everybody_had_handled_it_is_no_loss() -> None:
    assert compare(BEFORE, now(81, 120), None)[1] is None
    assert compare(BEFORE, now(82, 120), None)[1] == Loss(80, 81)


def test_a_loss_is_noticed_once() -> None:
    purged = now(96, 120)
    remembered, _ = compare(BEFORE, purged, None)
    assert compare(remembered, purged, None)[1] is None


@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 200), st.booleans())
def test_nothing_that_is_lost_and_not_handled_by_all_is_ever_left_out(
    first: int, last: int, handled: int, anew: bool
) -> None:
    before = replace(BEFORE, handled={"notify": handled})
    _, loss = compare(before, now(first, last, made_anew=anew, notify=0), None)
    kept = range(0) if anew else range(first, last + 1)
    for sequence in range(handled + 1, 101):
        if sequence not in kept:
            assert loss is not None
            assert loss.after < sequence <= loss.until
