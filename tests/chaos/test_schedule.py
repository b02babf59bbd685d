"""The schedule of faults is a pure function of seed and minutes, and leaves the system room to breathe."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.schedule import GAP_SECONDS, KINDS, schedule

SEEDS = range(1, 21)


def test_the_same_seed_gives_the_same_schedule_and_another_seed_another() -> None:
    assert schedule(1, 10) == schedule(1, 10)
    assert schedule(1, 10) != schedule(2, 10)


@pytest.mark.parametrize("seed", SEEDS)
def test_ten_minutes_hold_every_kind_and_end_healed(seed: int) -> None:
    planned = schedule(seed, 10)
    assert {each.kind for each in planned} == {kind.name for kind in KINDS}
    assert all(each.at_seconds + each.lasts_seconds < 600 for each in planned)


@pytest.mark.parametrize("seed", SEEDS)
def test_two_faults_never_hold_the_same_part(seed: int) -> None:
    planned = schedule(seed, 10)
    for guard in {guard for each in planned for guard in each.guards}:
        mine = [each for each in planned if guard in each.guards]
        assert all(a.at_seconds + a.lasts_seconds <= b.at_seconds for a, b in pairwise(mine))


@pytest.mark.parametrize("seed", SEEDS)
def test_postgresql_is_away_a_fifth_of_the_time_at_most(seed: int) -> None:
    away = sum(each.lasts_seconds for each in schedule(seed, 60) if each.kind.startswith("PostgreSQL"))
    assert 0 < away <= 60 * 60 / 5


def test_faults_come_every_one_to_five_seconds() -> None:
    times = [each.at_seconds for each in schedule(1, 10)]
    shortest, _ = GAP_SECONDS
    assert all(later - earlier >= shortest for earlier, later in pairwise(times))
    assert len(times) > 600 / 5 / 2


def test_every_kind_can_be_inflicted() -> None:
    assert {kind.name for kind in KINDS} == set(FAULTS)
