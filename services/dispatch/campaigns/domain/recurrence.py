"""When a campaign's rounds begin: a rule of RFC 5545 in the street's time. Pure.

https://www.rfc-editor.org/rfc/rfc5545#section-3.3.10
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime
from itertools import dropwhile, islice

from dateutil.rrule import rrule, rrulestr

from libs.street_time import STREET_ZONE, local_day

PARTS = {
    "DAILY": {"INTERVAL", "BYHOUR", "BYMINUTE"},
    "WEEKLY": {"INTERVAL", "BYDAY", "BYHOUR", "BYMINUTE"},
    "MONTHLY": {"INTERVAL", "BYDAY", "BYMONTHDAY", "BYSETPOS", "BYHOUR", "BYMINUTE"},
    "YEARLY": {"INTERVAL", "BYMONTH", "BYDAY", "BYMONTHDAY", "BYSETPOS", "BYHOUR", "BYMINUTE"},
}
"""What a rule may say. With these a rule that never holds is found out within a moment, whatever its numbers are."""

INSTEAD = {
    "UNTIL": "ends_at says until when",
    "COUNT": "ends_at says until when",
    "DTSTART": "begins_at says from when",
}
INTERVAL_AT_MOST = 400
ROUNDS_A_DAY_AT_MOST = 24


class NoRecurrence(Exception):
    """The text is no rule that a campaign can follow; the argument says what is wrong and what would be right."""


def checked(rule: str, begins_at: datetime) -> None:
    """Raises NoRecurrence for a rule that cannot be followed, or that never holds."""
    if next(_rounds(rule, begins_at), None) is None:
        raise NoRecurrence(f"{rule} never holds: there is no such day")


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
        raise NoRecurrence(f"{rule} is no rule of RFC 5545: {error}") from None
    if not isinstance(parsed, rrule):
        raise NoRecurrence("one rule is wanted, such as FREQ=WEEKLY;BYDAY=MO,TH;BYHOUR=9")
    if len(parts.get("BYHOUR", "").split(",")) * len(parts.get("BYMINUTE", "").split(",")) > ROUNDS_A_DAY_AT_MOST:
        raise NoRecurrence(f"{ROUNDS_A_DAY_AT_MOST} rounds a day are the most")
    return parsed


def _parts(rule: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in rule.strip().removeprefix("RRULE:").upper().split(";")]
    parts = {name: value for name, _, value in pairs}
    possible = PARTS.get(parts.get("FREQ", ""))
    if possible is None:
        raise NoRecurrence(f"FREQ must be one of {', '.join(PARTS)}, as in FREQ=DAILY;BYHOUR=9")
    if len(parts) < len(pairs):
        raise NoRecurrence("each part of the rule may be said once")
    for name in parts:
        if name != "FREQ" and name not in possible:
            instead = INSTEAD.get(name) or f"a {parts['FREQ']} rule knows {', '.join(sorted(possible))}"
            raise NoRecurrence(f"{name} cannot be said here: {instead}")
    interval = parts.get("INTERVAL", "1")
    if not (interval.isascii() and interval.isdigit() and 1 <= int(interval) <= INTERVAL_AT_MOST):
        raise NoRecurrence(f"INTERVAL is {interval}; it must be a number from 1 to {INTERVAL_AT_MOST}")
    return parts
