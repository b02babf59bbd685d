"""What the street says of how a closed case was handled (街道评价)."""

from __future__ import annotations

from dataclasses import dataclass

from libs.contracts.incident import Grade
from libs.sentences import Sentence
from services.incident.cases.domain.case import Standing, State
from services.incident.cases.domain.refusals import Conflict, not_closed


@dataclass(frozen=True, slots=True)
class EvaluateForStreet:
    """A member of the street committee says how a closed case was handled."""

    tenant: str
    case_no: str
    grade: Grade
    words: str | None
    by_member: str


@dataclass(frozen=True, slots=True)
class StreetEvaluation:
    """One for each closing; `by_member` is of the street committee, which scoring knows and this service does not."""

    grade: Grade
    words: str | None
    by_member: str


def evaluate(case: Standing, earlier: StreetEvaluation | None, wanted: StreetEvaluation) -> StreetEvaluation | Conflict:
    """The evaluation of the latest closing; `earlier` where it is the same again, which is no conflict."""
    if case.state is not State.CLOSED or case.closing is None:
        return not_closed(case)
    if earlier is None or earlier == wanted:
        return earlier or wanted
    zh = f"{earlier.by_member} 已评价本次结案为 {earlier.grade}，评价不能更改。"
    en = f"{earlier.by_member} has evaluated this closing as {earlier.grade}, and an evaluation is not changed."
    return Conflict("Already evaluated", Sentence(zh, en))
