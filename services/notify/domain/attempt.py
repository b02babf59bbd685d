"""What becomes of a delivery after an attempt: it ends, or it is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

DELAYS = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
)
"""After the first attempt, the second and so on; the one after the last delay is the last."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The channel has it."""


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The channel did not take it, or nobody knows; another attempt may go better."""

    reason: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The channel will never take it."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """There is nobody to send it to any more."""

    reason: str


Outcome = Taken | NotTaken | Rejected | NotSent


@dataclass(frozen=True, slots=True)
class Ended:
    state: Literal["delivered", "failed", "suppressed"]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Again:
    delay: timedelta
    reason: str


def after(outcome: Outcome, attempts: int) -> Ended | Again:
    """`attempts` are those that were made, this one included."""
    match outcome:
        case Taken():
            return Ended("delivered")
        case Rejected(reason):
            return Ended("failed", reason)
        case NotSent(reason):
            return Ended("suppressed", reason)
        case NotTaken(reason):
            if attempts > len(DELAYS):
                return Ended("failed", f"{reason}, after {attempts} attempts")
            return Again(DELAYS[attempts - 1], reason)


def after_status(status: int) -> Outcome:
    """The outcome of an HTTP call (RFC 9110). A redirect is not followed: it could lead anywhere."""
    if 200 <= status < 300:
        return Taken()
    if status >= 500 or status in (408, 425, 429):
        return NotTaken(f"HTTP {status}")
    return Rejected(f"HTTP {status}")
