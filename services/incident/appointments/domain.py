"""What a service order (点单) or an errand (代办) may say of when somebody is expected, and of papers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from libs.contracts.incident import ReportCase
from libs.contracts.values import Appointment, RequestKind
from libs.sentences import Sentence
from services.incident.cases.domain.case import TRANSITIONS, Standing, State
from services.incident.cases.domain.content import WITH_APPOINTMENT
from services.incident.cases.domain.redaction import redact
from services.incident.cases.domain.refusals import Conflict, Refusal, no_nul

AHEAD_DAYS = 60
MOVABLE = (State.REPORTED, State.VERIFYING, State.REGISTERED, State.IN_PROGRESS)


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


def unfit(report: ReportCase, now: datetime) -> Refusal | None:
    """Why a report with this window and these papers is not taken."""
    if report.appointment is None and not report.documents:
        return None
    if report.request_kind not in WITH_APPOINTMENT:
        kinds = ", ".join(sorted(WITH_APPOINTMENT))
        zh = f"request_kind {report.request_kind}：只有 {kinds} 可以有预约和材料，请去掉。"
        en = f"request_kind {report.request_kind}: only {kinds} have an appointment or documents; leave them out."
        return Refusal("Not for this kind of report", Sentence(zh, en))
    return unfit_window(report.appointment, now) or _unfit_documents(report.documents)


def unfit_window(appointment: Appointment | None, now: datetime) -> Refusal | None:
    """A window that has begun is still one, a window that is over is none."""
    if appointment is None:
        return None
    if appointment.ends_at <= now:
        ends_at = appointment.ends_at.isoformat()
        zh = f"appointment：结束于 {ends_at}，已经过去，请另选时段。"
        en = f"appointment: it ends at {ends_at}, which is over; name a later one."
        return Refusal("Appointment is over", Sentence(zh, en))
    if appointment.starts_at > now + timedelta(days=AHEAD_DAYS):
        zh = f"appointment：最多可约 {AHEAD_DAYS} 天之内。"
        en = f"appointment: it may start at most {AHEAD_DAYS} days from now."
        return Refusal("Appointment too far ahead", Sentence(zh, en))
    return None


def change(
    case: Standing,
    kind: RequestKind,
    current: Appointment | None,
    wanted: Appointment,
    now: datetime,
    *,
    by_reporter: bool,
) -> Refusal | Conflict | None:
    """Why the window of a case cannot become another (改约); None where it can. Staff may move one that has begun."""
    if kind not in WITH_APPOINTMENT:
        en = f"A case of kind {kind} has no appointment."
        return Conflict("Not for this kind of report", Sentence(f"{kind} 类案件没有预约。", en))
    if case.state not in MOVABLE:
        zh = f"案件{TRANSITIONS.states[case.state]}：只有尚未处置的才能改约。"
        en = f"The case is {case.state}; another window is for what is yet to be done."
        return Conflict("Not possible now", Sentence(zh, en))
    if by_reporter and current is not None and current.starts_at <= now:
        en = "It can be changed until it begins. Please call the street."
        return Conflict("Appointment has begun", Sentence("预约时段已经开始，不能再改，请致电街道。", en))
    return unfit_window(wanted, now)


def _unfit_documents(documents: Sequence[str]) -> Refusal | None:
    """Names of papers only: a number of one is as good as the paper to whoever misuses it. It is not repeated here."""
    for place, name in enumerate(documents):
        if "\0" in name:
            return Refusal("Invalid text", no_nul(f"documents.{place}"))
        if redact(name) != name:
            zh = f"documents.{place}：像是含有电话、证件号码或地址，请只写材料名称，如身份证、户口簿。"
            en = (
                f"documents.{place}: it looks as if it held a phone or identity number or an address. Name the paper "
                "only, such as 身份证 or 户口簿."
            )
            return Refusal("Number in a document", Sentence(zh, en))
    if len(set(documents)) < len(documents):
        zh = "documents：每份材料只写一次；请注明是谁的，如户口簿（本人）。"
        en = "documents: each may be named once; say which is whose, such as 户口簿（本人）."
        return Refusal("Document named twice", Sentence(zh, en))
    return None
