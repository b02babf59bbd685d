"""A finding (巡查发现) on its way to become a case: what an answer of incident, or none, means for it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from pydantic import ValidationError

from libs.contracts.incident import Receipt
from libs.contracts.problem import Problem

DELAYS = (timedelta(seconds=1), timedelta(seconds=5), timedelta(seconds=30), timedelta(seconds=120))
"""How long to wait before it is asked again; the last for ever, since an outage ends some day."""


@dataclass(frozen=True, slots=True)
class Reported:
    case_id: UUID
    case_no: str


@dataclass(frozen=True, slots=True)
class NotACase:
    """Asked again, the answer would be the same."""

    reason: str


@dataclass(frozen=True, slots=True)
class AskAgain:
    delay: timedelta


Outcome = Reported | NotACase | AskAgain


def next_outcome(answer: bytes | None, attempts: int) -> Outcome:
    """`answer` None: there was none. `attempts`: with this one."""
    again = AskAgain(DELAYS[min(attempts, len(DELAYS)) - 1])
    if answer is None:
        return again
    try:
        receipt = Receipt.model_validate_json(answer)
    except ValidationError:
        return _refused(answer, again)
    return Reported(receipt.case_id, receipt.case_no)


def _refused(answer: bytes, again: AskAgain) -> Outcome:
    try:
        problem = Problem.model_validate_json(answer)
    except ValidationError:
        return again
    return NotACase(f"{problem.title}: {problem.detail}") if 400 <= problem.status < 500 else again
