"""What every channel is: what it is given to send, and what may come of an attempt."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol
from uuid import UUID

from services.notify.wording.domain import RenderedMessage

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


@dataclass(frozen=True, slots=True, repr=False)
class Outgoing:
    """A delivery in words. Each attempt at it has the same `delivery_id`, by which a receiver may know a copy."""

    delivery_id: UUID
    template: str
    case_id: UUID | None
    case_no: str
    occurred_at: datetime
    message: RenderedMessage
    link: str


@dataclass(frozen=True, slots=True)
class Address:
    """What a contact calls its address for a channel, and whether a text is one."""

    name: str
    fits: Callable[[str], object]


class ChannelClient(Protocol):
    """Sends over one channel; refusals and failures are outcomes, any exception is a bug.

    `connections`: attempts at the same time.
    """

    address: Address
    connections: int

    async def send(self, address: str, outgoing: Outgoing) -> Outcome: ...

    def close(self) -> None: ...


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
