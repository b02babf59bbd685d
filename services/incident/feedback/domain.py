"""What the reporter may say about a closed case, and when that opens it again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from libs.sentences import Sentence
from services.incident.cases.domain.case import Closing, Standing, State
from services.incident.cases.domain.refusals import Conflict, not_closed

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
        en = "The case was closed again since then; look at it, and say how it is now."
        return Conflict("Closed again", Sentence("案件此后又结案了一次：请查看后再评价。", en))
    if earlier is not None:
        if (earlier.satisfied, earlier.words) == (satisfied, words):
            return earlier
        en = "This closing has been evaluated, and an evaluation is not changed."
        return Conflict("Already evaluated", Sentence("本次结案已评价过，评价不能更改。", en))
    if case.state is not State.CLOSED or case.closing is None:
        return not_closed(case)
    if now > until(case.closing):
        day = f"{case.closing.at:%Y-%m-%d}"
        zh = f"案件已于 {day} 结案，评价期为 {FEEDBACK_DAYS} 天，已过。如仍未解决，请重新上报。"
        en = (
            f"The case was closed on {day}; it can be evaluated for {FEEDBACK_DAYS} days after. "
            "Please report it anew if it is not done."
        )
        return Conflict("Too late", Sentence(zh, en))
    return Evaluation(satisfied, words, reopened=not satisfied and case.reopened_times < REOPENED_AT_MOST)
