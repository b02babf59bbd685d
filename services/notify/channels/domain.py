"""What comes of one attempt: the channel has taken it, may take it later, or never will."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST_WAIT = timedelta(hours=1)
"""However long a channel asks to wait, this is as long as it gets."""

SECONDS = re.compile(r"[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Taken:
    """The channel has it."""


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The channel did not take it, or nobody knows; another attempt may go better, after `wait` at the earliest."""

    reason: str
    wait: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Rejected:
    """The channel will never take it."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """There is nobody to send it to any more."""

    reason: str


Outcome = Taken | NotTaken | Rejected | NotSent


def after_status(status: int, retry_after: str | None, now: datetime) -> Outcome:
    """The outcome of an HTTP call (RFC 9110). A redirect is not followed: it could lead anywhere."""
    if 200 <= status < 300:
        return Taken()
    if status >= 500 or status in (408, 425, 429):
        asked = retry_after if status in (429, 503) else None
        return NotTaken(f"HTTP {status}", _wait(asked, now) if asked else timedelta())
    return Rejected(f"HTTP {status}")


def _wait(retry_after: str, now: datetime) -> timedelta:
    """Seconds or a date (RFC 9110, 10.2.3); what is neither asks for nothing. At most the longest delay counts."""
    if SECONDS.fullmatch(retry_after):
        return timedelta(seconds=min(int(retry_after), LONGEST_WAIT.total_seconds()))
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return timedelta()
    return max(timedelta(), (until if until.tzinfo else until.replace(tzinfo=UTC)) - now)
