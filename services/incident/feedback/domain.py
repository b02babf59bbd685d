"""What the reporter may say about a closed case, and when that opens it again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from services.incident.cases.domain.case import Closing, Standing, State
from services.incident.cases.domain.refusals import Conflict

FEEDBACK_DAYS = 14
FEEDBACK_TIME = timedelta(days=FEEDBACK_DAYS, microseconds=1)
"""After a closing; then it is over. The last moment, to the microsecond, still belongs to the reporter."""
REOPENED_AT_MOST = 2


@dataclass(frozen=True, slots=True)
class EvaluateCase:
    """The reporter says how it was. `closing`: see `evaluate`."""

    tracking_code: str
    satisfied: bool
    words: str | None
    closing: UUID | None = None


@dataclass(frozen=True, slots=True)
class Evaluated:
    case_no: str
    satisfied: bool
    reopened: bool
    state: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One answer to one closing; `reopened` says whether the case was opened again for it."""

    satisfied: bool
    words: str | None
    reopened: bool


def until(closing: Closing) -> datetime:
    """The last moment at which the reporter may say something."""
    return closing.at + timedelta(days=FEEDBACK_DAYS)


def settle(case: Standing, closing: UUID, now: datetime) -> Standing | None:
    """The case when the time after that closing is over; None where it is not, or the case was opened again."""
    if case.state is not State.CLOSED or case.closing is None or case.closing.by != closing:
        return None
    return replace(case, settled_at=until(case.closing)) if now > until(case.closing) else None


def evaluate(
    case: Standing,
    earlier: Evaluation | None,
    satisfied: bool,
    words: str | None,
    now: datetime,
    closing: UUID | None = None,
) -> Evaluation | Conflict:
    """The evaluation of the latest closing. `earlier` is the same reporter's: the same again is no conflict.

    `closing` is the one that the reporter has seen, where that is known.
    """
    if closing is not None and case.closing is not None and case.closing.by != closing:
        return Conflict("Closed again", "The case was closed again since then; look at it, and say how it is now.")
    if earlier is not None:
        if (earlier.satisfied, earlier.words) == (satisfied, words):
            return earlier
        return Conflict("Already evaluated", "This closing has been evaluated, and an evaluation is not changed.")
    if case.state is not State.CLOSED or case.closing is None:
        return Conflict("Not closed", f"The case is {case.state}; it can be evaluated when it is closed.")
    if now > until(case.closing):
        return Conflict(
            "Too late",
            f"The case was closed on {case.closing.at:%Y-%m-%d}; it can be evaluated for {FEEDBACK_DAYS} days after. "
            "Please report it anew if it is not done.",
        )
    return Evaluation(satisfied, words, reopened=not satisfied and case.reopened_times < REOPENED_AT_MOST)
