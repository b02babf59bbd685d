"""What the reporter may say about a closed case, and when that opens it again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.incident.domain.case import Standing, State

FEEDBACK_DAYS = 14
REOPENED_AT_MOST = 2


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One answer to one closing; `reopened` says whether the case was opened again for it."""

    satisfied: bool
    words: str | None
    reopened: bool


@dataclass(frozen=True, slots=True)
class Conflict:
    title: str
    detail: str


def evaluate(
    case: Standing, earlier: Evaluation | None, satisfied: bool, words: str | None, now: datetime
) -> Evaluation | Conflict:
    """The evaluation of the latest closing. `earlier` is the one that it has: the same again is no conflict."""
    if earlier is not None:
        if (earlier.satisfied, earlier.words) == (satisfied, words):
            return earlier
        return Conflict("Already evaluated", "This closing has been evaluated, and an evaluation is not changed.")
    if case.state is not State.CLOSED or case.closing is None:
        return Conflict("Not closed", f"The case is {case.state}; it can be evaluated when it is closed.")
    if now > case.closing.at + timedelta(days=FEEDBACK_DAYS):
        return Conflict(
            "Too late",
            f"The case was closed on {case.closing.at:%Y-%m-%d}; it can be evaluated for {FEEDBACK_DAYS} days after. "
            "Please report it anew if it is not done.",
        )
    return Evaluation(satisfied, words, reopened=not satisfied and case.reopened_times < REOPENED_AT_MOST)
