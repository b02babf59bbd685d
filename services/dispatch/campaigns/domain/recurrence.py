"""When a campaign's rounds begin: a rule of RFC 5545 in the street's time. Pure.

https://www.rfc-editor.org/rfc/rfc5545#section-3.3.10
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime
from itertools import dropwhile, islice, takewhile

from dateutil.rrule import rrule, rrulestr

from libs.sentences import Sentence, Unfit
from libs.street_time import STREET_ZONE, local_day

PARTS = {
    "DAILY": {"INTERVAL", "BYHOUR", "BYMINUTE"},
    "WEEKLY": {"INTERVAL", "BYDAY", "BYHOUR", "BYMINUTE", "WKST"},
    "MONTHLY": {"INTERVAL", "BYDAY", "BYMONTHDAY", "BYSETPOS", "BYHOUR", "BYMINUTE", "WKST"},
    "YEARLY": {"INTERVAL", "BYMONTH", "BYDAY", "BYMONTHDAY", "BYSETPOS", "BYHOUR", "BYMINUTE", "WKST"},
}
"""What a rule may say. With these a rule that never holds is found out within a moment, whatever its numbers are."""

INSTEAD = {
    "UNTIL": Sentence("到何时为止由 ends_at 说明", "ends_at says until when"),
    "COUNT": Sentence("到何时为止由 ends_at 说明", "ends_at says until when"),
    "DTSTART": Sentence("从何时开始由 begins_at 说明", "begins_at says from when"),
}
INTERVAL_AT_MOST = 400
ROUNDS_A_DAY_AT_MOST = 24
LOOKED_AT = {"MONTHLY": 48, "YEARLY": 8}
"""So many months or years ahead it is looked whether a rule passes one over."""


class NoRecurrence(Unfit):
    """The text is no rule that a campaign can follow."""


def checked(rule: str, begins_at: datetime) -> None:
    """Raises NoRecurrence for a rule that cannot be followed, or that never holds."""
    if next(_rounds(rule, begins_at), None) is None:
        raise NoRecurrence(f"{rule} 永远不会出现：没有这样的日子", f"{rule} never holds: there is no such day")


def noticed(rule: str, begins_at: datetime) -> Sentence | None:
    """What of a rule that can be followed may not be meant: a month or a year without such a day is passed over, as
    the standard says."""
    parts = _parts(rule)
    if parts["FREQ"] not in LOOKED_AT:
        return None
    if parts["FREQ"] == "YEARLY" or "BYDAY" in parts:
        return _passed_over(rule, begins_at)
    days = parts.get("BYMONTHDAY", str(local_day(begins_at).day)).split(",")
    if not (missing := [day for day in days if day.lstrip("+") in ("29", "30", "31")]):
        return None
    said = {**parts, "BYMONTHDAY": "-1"}
    last = ";".join(f"{name}={value}" for name, value in said.items())
    day = "、".join(missing)
    return Sentence(
        f"没有 {day} 日的月份不会有这一轮；如要每月最后一天：{last}",
        f"months without a day {', '.join(missing)} are passed over; {last} is the last day of each",
    )


def _passed_over(rule: str, begins_at: datetime) -> Sentence | None:
    """The first month or year without a round, of those in which the rule looks for one."""
    freq, each = _parts(rule)["FREQ"], int(_parts(rule).get("INTERVAL", "1"))
    begin = local_day(begins_at)
    months = each if freq == "MONTHLY" else 12 * each
    first = begin.year * 12 + begin.month - 1
    wanted = [first + months * number for number in range(1, LOOKED_AT[freq] + 1)]
    days = map(local_day, _rounds(rule, begins_at))
    there = {(day.year, day.month) for day in takewhile(lambda day: day.year * 12 <= wanted[-1], days)}
    if freq == "YEARLY":
        years = {year for year, _ in there}
        year = next((month // 12 for month in wanted if month // 12 not in years), None)
        zh, en = f"{year} 年", str(year)
    else:
        year, month = next((divmod(m, 12) for m in wanted if (m // 12, m % 12 + 1) not in there), (None, 0))
        zh, en = f"{year} 年 {month + 1} 月", f"{year}-{month + 1:02}"
    if year is None:
        return None
    return Sentence(
        f"没有这一天的时候不会有这一轮，如 {zh}", f"where there is no such day it is passed over, as in {en}"
    )


def occurrences(
    rule: str, begins_at: datetime, ends_at: datetime | None, exceptions: Collection[date], after: datetime
) -> Iterator[datetime]:
    """The beginnings of rounds after the moment, in UTC; none on the excepted days of the street."""
    later = dropwhile(lambda at: at <= after, _rounds(rule, begins_at))
    for at in later:
        if ends_at is not None and at >= ends_at:
            return
        if local_day(at) not in exceptions:
            yield at


def next_occurrences(
    rule: str, begins_at: datetime, ends_at: datetime | None, exceptions: Collection[date], after: datetime, count: int
) -> list[datetime]:
    return list(islice(occurrences(rule, begins_at, ends_at, exceptions, after), count))


def _rounds(rule: str, begins_at: datetime) -> Iterator[datetime]:
    """dateutil counts in the naive time of the wall clock, which in the street never jumps."""
    start = begins_at.astimezone(STREET_ZONE).replace(tzinfo=None, second=0, microsecond=0)
    return (at.replace(tzinfo=STREET_ZONE).astimezone(UTC) for at in _parsed(rule, start))


def _parsed(rule: str, start: datetime) -> rrule:
    parts = _parts(rule)
    try:
        parsed = rrulestr(rule, dtstart=start)
    except (ValueError, KeyError, IndexError, AttributeError) as error:
        raise NoRecurrence(f"{rule} 不是 RFC 5545 的重复规则", f"{rule} is no rule of RFC 5545: {error}") from None
    if not isinstance(parsed, rrule):
        such = "FREQ=WEEKLY;BYDAY=MO,TH;BYHOUR=9"
        raise NoRecurrence(f"应为一条规则，如 {such}", f"one rule is wanted, such as {such}")
    if len(parts.get("BYHOUR", "").split(",")) * len(parts.get("BYMINUTE", "").split(",")) > ROUNDS_A_DAY_AT_MOST:
        raise NoRecurrence(f"一天最多 {ROUNDS_A_DAY_AT_MOST} 轮", f"{ROUNDS_A_DAY_AT_MOST} rounds a day are the most")
    return parsed


def _parts(rule: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in rule.strip().removeprefix("RRULE:").upper().split(";")]
    parts = {name: value for name, _, value in pairs}
    possible = PARTS.get(parts.get("FREQ", ""))
    if possible is None:
        named = ", ".join(PARTS)
        zh = f"FREQ 应为 {named} 之一，如 FREQ=DAILY;BYHOUR=9"
        raise NoRecurrence(zh, f"FREQ must be one of {named}, as in FREQ=DAILY;BYHOUR=9")
    if len(parts) < len(pairs):
        raise NoRecurrence("规则的每一部分只能写一次", "each part of the rule may be said once")
    for name in parts:
        if name != "FREQ" and name not in possible:
            freq, known = parts["FREQ"], ", ".join(sorted(possible))
            instead = INSTEAD.get(name) or Sentence(f"{freq} 规则可用 {known}", f"a {freq} rule knows {known}")
            raise NoRecurrence(f"这里不能写 {name}：{instead.zh}", f"{name} cannot be said here: {instead.en}")
    interval = parts.get("INTERVAL", "1")
    if not (interval.isascii() and interval.isdigit() and 1 <= int(interval) <= INTERVAL_AT_MOST):
        zh = f"INTERVAL 为 {interval}，应为 1 至 {INTERVAL_AT_MOST} 的数字"
        raise NoRecurrence(zh, f"INTERVAL is {interval}; it must be a number from 1 to {INTERVAL_AT_MOST}")
    return parts
