"""What the service's own HTTP side asks of it. Other systems report with libs.contracts.incident.ReportCase."""

from __future__ import annotations

from dataclasses import dataclass

from libs.contracts.incident import ReportCase
from services.incident.domain.case import Move


@dataclass(frozen=True, slots=True)
class TakeReport:
    """A report with its tracking code, which is in the sealed contact already."""

    report: ReportCase
    tracking_code: str


@dataclass(frozen=True, slots=True)
class DecideCase:
    """A member of staff accepts, rejects, confirms or disproves; `reason` is required where the case ends."""

    tenant: str
    case_no: str
    move: Move
    by_member: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class EvaluateCase:
    """The reporter says how it was."""

    tracking_code: str
    satisfied: bool
    words: str | None


@dataclass(frozen=True, slots=True)
class Decided:
    case_no: str
    state: str


@dataclass(frozen=True, slots=True)
class Evaluated:
    case_no: str
    satisfied: bool
    reopened: bool
    state: str
