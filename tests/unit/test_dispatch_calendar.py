"""The four clocks on a street's calendar: checked by hand, by another library, and by counting minutes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.reasons import Reason, Why
from libs.street_time import STREET_ZONE
from services.dispatch.calendar.domain import (
    NATIONAL,
    PUBLISHED_UNTIL,
    Calendar,
    Clock,
    DayException,
    Light,
    Running,
    TimeUnit,
    deadline,
    unpublished,
    wrong_hours,
)

HOUR, DAY, URGENT, NATURAL = TimeUnit.WORK_HOUR, TimeUnit.WORK_DAY, TimeUnit.URGENT_HOUR, TimeUnit.NATURAL_DAY


def at(text: str) -> datetime:
    """A moment of the street, such as 2026-11-23 09:00."""
    return datetime.fromisoformat(text).replace(tzinfo=STREET_ZONE)


@pytest.mark.parametrize(
    ("start", "amount", "unit", "due"),
    [
        ("2026-11-23 09:00", 2, HOUR, "2026-11-23 11:00"),
        ("2026-11-23 11:00", 2, HOUR, "2026-11-23 15:00"),
        ("2026-11-23 10:00", 2, HOUR, "2026-11-23 12:00"),
        ("2026-11-23 12:30", 1, HOUR, "2026-11-23 15:00"),
        ("2026-11-23 20:00", 1, HOUR, "2026-11-24 09:30"),
        ("2026-11-23 06:00", 1, DAY, "2026-11-23 17:30"),
        ("2026-11-23 09:00", 1, DAY, "2026-11-24 09:00"),
        ("2026-11-27 16:00", 2, DAY, "2026-12-01 16:00"),
        ("2026-11-28 10:00", 1, HOUR, "2026-11-30 09:30"),
        ("2026-09-30 17:00", 1, DAY, "2026-10-08 17:00"),
        ("2026-10-10 09:00", 1, HOUR, "2026-10-10 10:00"),
        ("2026-11-28 23:00", 2, URGENT, "2026-11-29 01:00"),
        ("2026-09-30 17:00", 3, NATURAL, "2026-10-03 17:00"),
    ],
)
def test_a_clock_stands_still_where_the_street_does_not_work(start: str, amount: int, unit: TimeUnit, due: str) -> None:
    assert deadline(at(start), Clock(amount, unit), NATIONAL) == at(due)


def test_working_days_are_those_of_another_library_over_ten_years() -> None:
    country = holidays.country_holidays("CN", years=range(2017, 2027))
    days = [date(2017, 1, 1) + timedelta(days=n) for n in range(3652)]
    differ = [day for day in days if NATIONAL.is_worked(day) != country.is_working_day(day)]
    # In March 2019 Labour Day was made longer than first announced; the other library has the first announcement.
    assert differ == [date(2019, 4, 28), date(2019, 5, 2), date(2019, 5, 3), date(2019, 5, 5)]
    assert days[-1] == date(2026, 12, 31)


def test_the_street_may_close_on_a_day_or_work_on_another() -> None:
    exceptions = {date(2026, 11, 23): DayException(False, "停电"), date(2026, 11, 28): DayException(True, "集中整治")}
    calendar = Calendar(exceptions)
    assert deadline(at("2026-11-23 09:00"), Clock(1, HOUR), calendar) == at("2026-11-24 09:30")
    assert deadline(at("2026-11-28 09:00"), Clock(1, HOUR), calendar) == at("2026-11-28 10:00")


def test_a_street_may_have_hours_of_its_own() -> None:
    through = Calendar(hours=((time(9), time(21)),))
    assert deadline(at("2026-11-23 20:00"), Clock(2, HOUR), through) == at("2026-11-24 10:00")
    assert deadline(at("2026-11-23 09:00"), Clock(1, DAY), through) == at("2026-11-23 21:00")


def test_a_year_that_is_not_published_is_said_to_be_so() -> None:
    later = PUBLISHED_UNTIL + 1
    start, due = at(f"{later - 1}-12-30 09:00"), at(f"{later}-01-05 09:00")
    assert unpublished(start, due, NATIONAL) == (Reason(Why.HOLIDAYS_UNKNOWN, {"year": later}),)
    assert unpublished(start, start, NATIONAL) == ()
    assert unpublished(start, due, Calendar({date(later, 1, 1): DayException(False, "元旦")})) == ()


def test_the_light_is_amber_from_80_percent_of_clock_time_and_red_from_the_end() -> None:
    start = at("2026-11-27 15:00")
    due = deadline(start, Clock(5, HOUR), NATIONAL)
    clock = Running(start, due, HOUR)
    amber = clock.amber_at(NATIONAL)
    assert (amber, due) == (at("2026-11-30 10:00"), at("2026-11-30 11:00"))
    minute = timedelta(minutes=1)
    for moment, shown in (
        (amber - minute, Light.GREEN),
        (amber, Light.AMBER),
        (due - minute, Light.AMBER),
        (due, Light.RED),
    ):
        assert clock.light(NATIONAL, moment) is shown


def test_what_is_over_when_it_begins_is_red_at_once() -> None:
    start, due = at("2026-11-27 15:00"), at("2026-11-26 15:00")
    clock = Running(start, due, HOUR)
    assert clock.amber_at(NATIONAL) == due
    assert clock.light(NATIONAL, start) is Light.RED


def test_time_that_was_spent_before_a_clock_stood_still_counts_for_amber() -> None:
    due = at("2026-11-30 11:00")
    assert Running(at("2026-11-30 09:30"), due, HOUR, spent=timedelta(hours=3, minutes=30)).amber_at(NATIONAL) == at(
        "2026-11-30 10:00"
    )


@pytest.mark.parametrize(
    ("hours", "fine"),
    [
        (((time(8), time(12)), (time(13), time(17))), True),
        (((time(8), time(12)), (time(11), time(17))), False),
        (((time(8), time(12)), (time(12), time(17))), False),
        (((time(12), time(8)),), False),
        ((), False),
    ],
)
def test_working_hours_follow_one_another(hours: tuple[tuple[time, time], ...], fine: bool) -> None:
    assert (wrong_hours(hours) is None) == fine


MOMENTS = st.integers(0, 2_900 * 86_400).map(
    lambda seconds: datetime(2019, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
UNITS = st.sampled_from(TimeUnit)


@given(MOMENTS, st.integers(1, 200), UNITS)
def test_as_much_time_passes_until_a_deadline_as_its_clock_gives(start: datetime, amount: int, unit: TimeUnit) -> None:
    clock = Clock(amount, unit)
    assert NATIONAL.elapsed(start, deadline(start, clock, NATIONAL), unit) == NATIONAL.span(clock)


@given(MOMENTS, MOMENTS, st.integers(1, 40), UNITS)
def test_what_begins_later_is_not_due_earlier(one: datetime, other: datetime, amount: int, unit: TimeUnit) -> None:
    early, late = sorted((one, other))
    clock = Clock(amount, unit)
    assert deadline(early, clock, NATIONAL) <= deadline(late, clock, NATIONAL)
    assert NATIONAL.elapsed(early, late, unit) >= timedelta(0)


@given(MOMENTS.map(lambda moment: moment.replace(second=0, microsecond=0)), st.integers(1, 12))
def test_a_deadline_is_where_counting_minute_by_minute_leads(start: datetime, hours: int) -> None:
    moment, left = start.astimezone(STREET_ZONE), hours * 60
    while left:
        works = NATIONAL.is_worked(moment.date()) and any(o <= moment.time() < c for o, c in NATIONAL.hours)
        left -= works
        moment += timedelta(minutes=1)
    assert deadline(start, Clock(hours, HOUR), NATIONAL) == moment


def test_a_clock_without_any_time_left_is_amber_at_its_end_however_much_was_spent() -> None:
    end = at("2026-11-30 11:00")
    assert Running(end, end, HOUR, spent=timedelta(hours=3)).amber_at(NATIONAL) == end


def test_the_first_working_day_that_is_known_counts_like_any_other() -> None:
    assert deadline(at("2004-01-05 08:30"), Clock(2, HOUR), NATIONAL) == at("2004-01-05 10:30")


def test_the_first_days_of_the_calendar_count_as_all_others() -> None:
    """New Year's Day of 2004 was a holiday, the Friday after it was not."""
    new_year = datetime(2004, 1, 1, tzinfo=STREET_ZONE)
    worked = NATIONAL.elapsed(new_year, new_year + timedelta(days=2), TimeUnit.WORK_HOUR)
    assert worked == timedelta(hours=7)


@pytest.mark.parametrize(
    ("at", "is_open"),
    [("08:29", False), ("08:30", True), ("11:59", True), ("12:00", False), ("14:00", True), ("17:30", False)],
)
def test_the_street_is_open_from_the_minute_it_opens_until_the_minute_it_closes(at: str, is_open: bool) -> None:
    assert NATIONAL.is_open(datetime.fromisoformat(f"2026-11-23T{at}:00+08:00")) is is_open
