"""What the service's own HTTP side asks of it. Other systems report with libs.contracts.incident.ReportCase."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from libs.contracts.incident import EndReason, Grade, ReportCase
from libs.contracts.values import Appointment
from services.incident.domain.case import Move


@dataclass(frozen=True, slots=True)
class TakeReport:
    """A report with its tracking code, which is in the sealed contact already."""

    report: ReportCase
    tracking_code: str


@dataclass(frozen=True, slots=True)
class DecideCase:
    """A member of staff accepts, rejects, confirms, disproves or voids; `reason` says why where the case ends."""

    tenant: str
    case_no: str
    move: Move
    by_member: str
    reason: EndReason | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class MergeCase:
    """The case is the same matter as the other, which survives."""

    tenant: str
    case_no: str
    into: str
    by_member: str
    note: str | None


@dataclass(frozen=True, slots=True)
class UnmergeCase:
    tenant: str
    case_no: str
    by_member: str
    note: str


@dataclass(frozen=True, slots=True)
class PutUnder:
    """The case belongs to the other as a part of it; None takes it out again."""

    tenant: str
    case_no: str
    parent: str | None
    by_member: str


@dataclass(frozen=True, slots=True)
class EvaluateCase:
    """The reporter says how it was. `closing`: see `evaluate`."""

    tracking_code: str
    satisfied: bool
    words: str | None
    closing: UUID | None = None


@dataclass(frozen=True, slots=True)
class ChangeAppointment:
    """A member of staff names another window for a case."""

    tenant: str
    case_no: str
    appointment: Appointment
    by_member: str


@dataclass(frozen=True, slots=True)
class ChangeOwnAppointment:
    """The reporter names another window."""

    tracking_code: str
    appointment: Appointment


@dataclass(frozen=True, slots=True)
class AppointmentChanged:
    case_no: str
    appointment: Appointment


@dataclass(frozen=True, slots=True)
class EvaluateForStreet:
    """A member of the street committee says how a closed case was handled."""

    tenant: str
    case_no: str
    grade: Grade
    words: str | None
    by_member: str


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
