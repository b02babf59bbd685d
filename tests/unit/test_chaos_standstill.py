"""When chaos takes work for standing still in silence."""

from __future__ import annotations

import pytest

from tests.chaos.standstill import STILL_SECONDS, Look, silent


def looks(*firsts: int | None, told: frozenset[int] = frozenset()) -> list[Look]:
    """Ten seconds apart."""
    return [Look(10.0 * n, "the relay", first, n in told) for n, first in enumerate(firsts)]


@pytest.mark.parametrize(
    "found",
    [
        looks(7, 7, 7),
        looks(7, 8, 9, 10, 11, 12),
        looks(7, 7, 7, None, 7, 7, 7),
        looks(*[None] * 9),
        looks(*[7] * 9, told=frozenset({2})),
    ],
    ids=["not long enough", "it goes on", "it was done", "nothing waits", "it was said"],
)
def test_what_is_no_silent_standstill(found: list[Look]) -> None:
    assert silent(found) == []


def test_the_same_that_waits_for_half_a_minute_is_one_where_nobody_says_so() -> None:
    assert STILL_SECONDS == 30
    assert silent(looks(7, 7, 7, 7)) == ["the relay stood still at 7 for 30 s"]
    assert silent(looks(1, 7, 7, 7, 7, told=frozenset({0}))) == ["the relay stood still at 7 for 30 s"]


def test_each_work_is_looked_at_by_itself() -> None:
    other = [Look(look.at, "dispatch on INCIDENT", n, False) for n, look in enumerate(looks(*[0] * 9))]
    assert silent([*looks(7, 7, 7), *other]) == []
