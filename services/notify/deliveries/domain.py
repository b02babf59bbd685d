"""What becomes of a delivery after an attempt: it ends, or it is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from services.notify.channels.domain import LONGEST_WAIT, NotSent, NotTaken, Outcome, Rejected, Taken

DELAYS = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    LONGEST_WAIT,
)
"""After the first attempt, the second and so on; the attempt after the last delay is the last."""


@dataclass(frozen=True, slots=True)
class Ended:
    state: Literal["delivered", "failed", "suppressed"]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Again:
    delay: timedelta
    reason: str


def next_step(outcome: Outcome, attempts: int) -> Ended | Again:
    """`attempts` are those that were made, this one included."""
    match outcome:
        case Taken():
            return Ended("delivered")
        case Rejected(reason):
            return Ended("failed", reason)
        case NotSent(reason):
            return Ended("suppressed", reason)
        case NotTaken(reason, wait):
            if attempts > len(DELAYS):
                return Ended("failed", f"{reason}, after {attempts} attempts")
            return Again(max(DELAYS[attempts - 1], min(wait, LONGEST_WAIT)), reason)
