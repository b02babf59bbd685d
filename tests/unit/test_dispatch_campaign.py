"""Campaigns: when their rounds begin, which units they visit, and what may become of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from libs.chassis.db.ids import new_id
from libs.contracts.values import Level
from libs.street_time import STREET_ZONE
from libs.transitions import Impossible
from services.dispatch.campaigns.domain.campaign import (
    Campaign,
    Move,
    Plan,
    State,
    after_round,
    begin,
    move,
    units_of,
    upcoming,
    what_is_wrong,
)
from services.dispatch.campaigns.domain.recurrence import NoRecurrence, checked, noticed
from tests.support.campaigns import PLAN
from tests.support.small_street import ROOT, STREET
from tests.support.stage import NOON


def days(plan: Plan, after: datetime, count: int) -> list[str]:
    return [at.astimezone(STREET_ZONE).strftime("%m-%d %H:%M") for at in upcoming(plan, after, count)]


def begun() -> Campaign:
    return begin(new_id(), ROOT, PLAN, NOON)


def moved(campaign: Campaign, what: Move, plan: Plan | None = None, at: datetime = NOON) -> Campaign:
    after = move(campaign, what, at, plan)
    assert isinstance(after, Campaign), after
    return after


def test_rounds_begin_by_the_clock_of_the_street_in_summer_and_in_winter() -> None:
    """Germany, for one, would change its clocks on 25 October; China has not since 1991."""
    autumn = datetime(2026, 10, 24, 0, 0, tzinfo=UTC)
    assert days(PLAN, autumn, 3) == ["10-24 09:00", "10-25 09:00", "10-26 09:00"]


def test_the_last_day_of_a_month_is_there_in_every_month_and_the_31st_is_not() -> None:
    spring = datetime(2027, 1, 31, 12, tzinfo=UTC)
    last = replace(PLAN, recurrence="FREQ=MONTHLY;BYMONTHDAY=-1;BYHOUR=9;BYMINUTE=0")
    on_the_31st = replace(PLAN, recurrence="FREQ=MONTHLY;BYMONTHDAY=31;BYHOUR=9;BYMINUTE=0")
    assert days(last, spring, 3) == ["02-28 09:00", "03-31 09:00", "04-30 09:00"]
    assert days(on_the_31st, spring, 3) == ["03-31 09:00", "05-31 09:00", "07-31 09:00"]


def test_a_leap_day_comes_every_fourth_year() -> None:
    leap = replace(PLAN, recurrence="FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYHOUR=9;BYMINUTE=0")
    assert [at.year for at in upcoming(leap, NOON, 2)] == [2028, 2032]


def test_every_second_week_keeps_its_beat_from_the_beginning() -> None:
    second = replace(PLAN, recurrence="FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;BYHOUR=9;BYMINUTE=0")
    assert days(second, datetime(2026, 11, 1, tzinfo=UTC), 3) == ["11-02 09:00", "11-16 09:00", "11-30 09:00"]


def test_there_is_no_round_on_an_excepted_day_of_the_street() -> None:
    early = replace(PLAN, recurrence="FREQ=DAILY;BYHOUR=6;BYMINUTE=0", exceptions=(date(2026, 11, 24),))
    assert days(early, NOON, 2) == ["11-25 06:00", "11-26 06:00"]


def test_no_round_begins_when_the_campaign_is_over() -> None:
    ending = replace(PLAN, ends_at=datetime(2026, 11, 25, 1, 0, tzinfo=UTC))
    assert days(ending, NOON, 5) == ["11-24 09:00"]


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        ("every day", "FREQ must be one of DAILY, WEEKLY, MONTHLY, YEARLY"),
        ("FREQ=SECONDLY", "FREQ must be one of"),
        ("FREQ=DAILY;INTERVAL=0", "from 1 to 400"),
        ("FREQ=DAILY;COUNT=5", "ends_at says until when"),
        ("FREQ=DAILY;BYDAY=MO", "a DAILY rule knows BYHOUR, BYMINUTE, INTERVAL"),
        ("FREQ=WEEKLY;BYDAY=XX", "no rule of RFC 5545"),
        ("FREQ=DAILY;BYHOUR=25", "no rule of RFC 5545"),
        ("FREQ=DAILY;BYHOUR=8,9,10,11,12;BYMINUTE=0,10,20,30,40", "24 rounds a day are the most"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "there is no such day"),
        ("FREQ=DAILY\nRRULE:FREQ=DAILY", "FREQ must be one of"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused_with_what_would_be_right(rule: str, wrong: str) -> None:
    with pytest.raises(NoRecurrence, match=wrong):
        checked(rule, PLAN.begins_at)


@pytest.mark.parametrize(
    ("rule", "last"),
    [
        ("FREQ=MONTHLY", "FREQ=MONTHLY;BYMONTHDAY=-1"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,30;BYHOUR=9", "FREQ=MONTHLY;BYMONTHDAY=-1;BYHOUR=9"),
        ("FREQ=MONTHLY;BYMONTHDAY=28", None),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", None),
        ("FREQ=MONTHLY;BYDAY=1MO", None),
        ("FREQ=WEEKLY;BYDAY=MO;WKST=SU", None),
    ],
)
def test_months_that_a_rule_passes_over_are_said_and_the_last_day_is_offered(rule: str, last: str | None) -> None:
    on_a_31st = datetime(2026, 10, 31, 1, 0, tzinfo=UTC)
    checked(rule, on_a_31st)
    notice = noticed(rule, on_a_31st)
    assert (notice is None) == (last is None)
    if notice is not None and last is not None:
        assert last in notice.zh
        assert last in notice.en
        checked(last, on_a_31st)


@pytest.mark.parametrize(
    ("rule", "without"),
    [
        ("FREQ=MONTHLY;BYDAY=5MO", "2026-12"),
        ("FREQ=MONTHLY;BYDAY=-5MO", "2026-12"),
        ("FREQ=MONTHLY;INTERVAL=2;BYDAY=MO;BYSETPOS=5", "2026-12"),
        ("FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1", None),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2027"),
        ("FREQ=YEARLY;INTERVAL=4;BYMONTH=2;BYMONTHDAY=29;BYHOUR=9", "2030"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1", None),
        ("FREQ=YEARLY;BYMONTH=3;BYDAY=1MO", None),
        ("FREQ=YEARLY", None),
    ],
)
def test_the_first_month_or_year_that_a_rule_passes_over_is_said(rule: str, without: str | None) -> None:
    on_a_31st = datetime(2026, 10, 31, 1, 0, tzinfo=UTC)
    notice = noticed(rule, on_a_31st)
    assert (notice and notice.en.rpartition(" ")[2]) == without
    leap_day = datetime(2028, 2, 29, 1, 0, tzinfo=UTC)
    assert (yearly := noticed("FREQ=YEARLY", leap_day)) is not None
    assert yearly.zh == "没有这一天的时候不会有这一轮，如 2029 年"


def test_a_campaign_did_not_begin_longer_ago_than_can_be_counted() -> None:
    [wrong] = what_is_wrong(replace(PLAN, begins_at=NOON - timedelta(days=4000)), STREET, NOON)
    assert wrong.field == "begins_at"


def test_every_unit_of_the_level_in_the_areas_is_visited() -> None:
    assert units_of(replace(PLAN, areas=(f"{ROOT}201",)), STREET) == [f"{ROOT}20101", f"{ROOT}20102"]
    assert units_of(replace(PLAN, areas=(f"{ROOT}20102", f"{ROOT}201")), STREET) == [f"{ROOT}20101", f"{ROOT}20102"]
    assert units_of(replace(PLAN, level=Level.COMMUNITY), STREET) == [f"{ROOT}01"]


def test_a_plan_that_fits_has_nothing_wrong() -> None:
    assert what_is_wrong(PLAN, STREET, NOON) == []


def test_everything_that_does_not_fit_is_named_at_once() -> None:
    plan = replace(
        PLAN,
        areas=("370784004999",),
        recurrence="FREQ=HOURLY",
        window=timedelta(minutes=1),
        checklist=(PLAN.checklist[0], PLAN.checklist[0]),
        category="99999",
    )
    fields = [wrong.field for wrong in what_is_wrong(plan, STREET, NOON)]
    assert fields == ["areas", "window_minutes", "recurrence", "checklist", "category"]


def test_an_area_below_the_level_is_refused() -> None:
    [wrong] = what_is_wrong(replace(PLAN, areas=(f"{ROOT}20101",), level=Level.GRID), STREET, NOON)
    assert wrong.wrong.en == f"{ROOT}20101 is a micro_grid, in which there is no grid"


def test_a_campaign_whose_time_is_over_cannot_begin() -> None:
    [wrong] = what_is_wrong(replace(PLAN, ends_at=NOON - timedelta(days=1)), STREET, NOON)
    assert "no round would begin any more" in wrong.wrong.en


def test_a_change_holds_for_what_begins_later() -> None:
    evening = replace(PLAN, recurrence="FREQ=DAILY;BYHOUR=18;BYMINUTE=0")
    changed = moved(begun(), Move.CHANGE, evening)
    assert changed.next_at == NOON + timedelta(hours=6)


def test_what_would_have_begun_during_a_pause_is_not_made_up_for() -> None:
    paused = moved(begun(), Move.PAUSE)
    assert paused.next_at is None
    assert moved(paused, Move.RESUME, at=NOON + timedelta(days=3)).next_at == NOON + timedelta(days=3, hours=21)


def test_what_fell_due_during_an_outage_comes_late_and_in_order() -> None:
    campaign = begun()
    assert campaign.next_at is not None
    second = after_round(campaign, campaign.next_at).next_at
    assert second == campaign.next_at + timedelta(days=1)


def test_a_campaign_ends_with_its_last_round() -> None:
    campaign = begin(new_id(), ROOT, replace(PLAN, ends_at=NOON + timedelta(days=1)), NOON)
    assert campaign.next_at is not None
    over = after_round(campaign, campaign.next_at)
    assert (over.state, over.next_at) == (State.ENDED, None)


def test_an_ended_campaign_stays_ended() -> None:
    ended = moved(begun(), Move.END)
    refused = move(ended, Move.RESUME, NOON)
    assert isinstance(refused, Impossible)
    assert refused.allowed == ()
