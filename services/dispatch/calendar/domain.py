"""A street's calendar and the four clocks: when an amount of clock time is over, and how much of it has passed.

work_hour and work_day pass in the street's working hours, urgent_hour and natural_day at all times. A work_day is
as much time as one day has working hours, so whatever begins after closing time begins when the street opens.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import accumulate, pairwise

import chinese_calendar

from libs.contracts.reasons import Explanation, Reason, Why
from libs.sentences import Sentence
from libs.street_time import STREET_ZONE

AMBER = 0.8


class TimeUnit(StrEnum):
    WORK_HOUR = "work_hour"
    WORK_DAY = "work_day"
    URGENT_HOUR = "urgent_hour"
    NATURAL_DAY = "natural_day"

    @property
    def follows_calendar(self) -> bool:
        return self in (TimeUnit.WORK_HOUR, TimeUnit.WORK_DAY)


@dataclass(frozen=True, slots=True)
class Clock:
    """A time that the responsibility list gives, such as 4 work_hour."""

    amount: int
    unit: TimeUnit


@dataclass(frozen=True, slots=True)
class Clocks:
    claim: Clock
    handle: Clock
    check: Clock


class Light(StrEnum):
    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class DayException:
    """A day that is worked or not, whatever the country does."""

    worked: bool
    name: str = ""


Hours = tuple[tuple[time, time], ...]

USUAL_HOURS: Hours = ((time(8, 30), time(12)), (time(14), time(17, 30)))
"""With a lunch break, in the street's zone."""

PUBLISHED_UNTIL = max(chinese_calendar.holidays).year
"""The last year whose public holidays and make-up days (调休) the library knows: they are published each November."""

# Whole microseconds since a midnight of the street: exact, and several times as fast as datetimes.
_MIDNIGHT = datetime(2004, 1, 1, tzinfo=STREET_ZONE)
_FIRST = _MIDNIGHT.date()
_DAYS = (date(2100, 1, 1) - _FIRST).days
_MICROSECOND = timedelta(microseconds=1)
_DAY = 86_400_000_000


class Calendar:
    """When a street works: the country's working days with the street's exceptions, and hours of each of them."""

    def __init__(self, exceptions: Mapping[date, DayException] | None = None, hours: Hours = USUAL_HOURS) -> None:
        self.exceptions = dict(exceptions or {})
        self.hours = hours
        self._opens = [_since_midnight(opens) for opens, _ in hours]
        self._closes = [_since_midnight(closes) for _, closes in hours]
        self._worked_before = [0, *accumulate(c - o for o, c in zip(self._opens, self._closes, strict=True))]
        self._day = self._worked_before[-1]
        worked = list(_NATIONAL)
        for day, exception in self.exceptions.items():
            worked[(day - _FIRST).days] = exception.worked
        self._worked = worked
        self._days_before = [0, *accumulate(worked)]
        self._working_days = [number for number, is_worked in enumerate(worked) if is_worked]
        self._filled = {day.year for day in self.exceptions}

    def is_worked(self, day: date) -> bool:
        return self._worked[(day - _FIRST).days]

    def is_open(self, moment: datetime) -> bool:
        """Whether the street works at that moment."""
        day, at = divmod((moment - _MIDNIGHT) // _MICROSECOND, _DAY)
        part = bisect_right(self._opens, at) - 1
        return bool(self._worked[day]) and part >= 0 and at < self._closes[part]

    def is_known(self, year: int) -> bool:
        """Whether the holidays of the year are published, or the street has said something of it."""
        return year <= PUBLISHED_UNTIL or year in self._filled

    def span(self, clock: Clock) -> timedelta:
        """How much time the clock gives, in its own time."""
        return clock.amount * self._unit(clock.unit)

    def after(self, start: datetime, span: timedelta, unit: TimeUnit) -> datetime:
        """The first moment at which so much time of the unit has passed since `start`."""
        if span <= timedelta(0):
            return start
        if not unit.follows_calendar:
            return start + span
        days, rest = divmod(self._worked_until(start) + span // _MICROSECOND, self._day)
        # The end of a working day, rather than the beginning of the next.
        if rest == 0:
            days, rest = days - 1, self._day
        part = bisect_right(self._worked_before, rest - 1) - 1
        at = self._opens[part] + rest - self._worked_before[part]
        moment = _MIDNIGHT + timedelta(days=self._working_days[days], microseconds=at)
        return moment.astimezone(start.tzinfo)

    def elapsed(self, start: datetime, end: datetime, unit: TimeUnit) -> timedelta:
        """How much time of the unit passes between two moments; negative when the end comes first."""
        if not unit.follows_calendar:
            return end - start
        return timedelta(microseconds=self._worked_until(end) - self._worked_until(start))

    def _unit(self, unit: TimeUnit) -> timedelta:
        match unit:
            case TimeUnit.WORK_HOUR | TimeUnit.URGENT_HOUR:
                return timedelta(hours=1)
            case TimeUnit.WORK_DAY:
                return timedelta(microseconds=self._day)
            case TimeUnit.NATURAL_DAY:
                return timedelta(days=1)

    def _worked_until(self, moment: datetime) -> int:
        """Working time since the calendar begins, in microseconds."""
        day, at = divmod((moment - _MIDNIGHT) // _MICROSECOND, _DAY)
        whole = self._days_before[day] * self._day
        if not self._worked[day]:
            return whole
        part = bisect_right(self._opens, at) - 1
        if part < 0:
            return whole
        return whole + self._worked_before[part] + min(at, self._closes[part]) - self._opens[part]


def deadline(start: datetime, clock: Clock, calendar: Calendar) -> datetime:
    """When the clock, started then, runs out."""
    return calendar.after(start, calendar.span(clock), clock.unit)


@dataclass(frozen=True, slots=True)
class Running:
    """A clock: when it began, or went on after it stood still and so much of its time was spent, and when it ends."""

    began_at: datetime
    due_at: datetime
    unit: TimeUnit
    spent: timedelta = timedelta(0)

    def amber_at(self, calendar: Calendar) -> datetime:
        """When 80 % of its time is over; a clock that is over when it begins has no amber."""
        left = calendar.elapsed(self.began_at, self.due_at, self.unit)
        if left <= timedelta(0):
            return self.due_at
        return calendar.after(self.began_at, (self.spent + left) * AMBER - self.spent, self.unit)

    def light(self, calendar: Calendar, now: datetime) -> Light:
        if now >= self.due_at:
            return Light.RED
        return Light.AMBER if now >= self.amber_at(calendar) else Light.GREEN


def unpublished(start: datetime, due_at: datetime, calendar: Calendar) -> Explanation:
    """What has to be said of a deadline in a year whose holidays are not known yet."""
    years = range(start.astimezone(STREET_ZONE).year, due_at.astimezone(STREET_ZONE).year + 1)
    return tuple(Reason(Why.HOLIDAYS_UNKNOWN, {"year": year}) for year in years if not calendar.is_known(year))


def wrong_hours(hours: Sequence[tuple[time, time]]) -> Sentence | None:
    """Why these cannot be the working hours of a day."""
    if not hours:
        return Sentence("要有工作时间", "there must be working hours")
    moments = [each for pair in hours for each in pair]
    if any(earlier >= later for earlier, later in pairwise(moments)):
        return Sentence("各段工作时间应先后相接，不能重叠", "working hours must follow one another and may not overlap")
    return None


def _since_midnight(at: time) -> int:
    return timedelta(hours=at.hour, minutes=at.minute, seconds=at.second) // _MICROSECOND


def _worked_in_the_country(day: date) -> bool:
    return day in chinese_calendar.workdays or (day.weekday() < 5 and day not in chinese_calendar.holidays)


_NATIONAL = [_worked_in_the_country(_FIRST + timedelta(days=number)) for number in range(_DAYS)]
NATIONAL = Calendar()
