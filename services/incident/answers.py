"""What HTTP answers of the incident service look like."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from libs.chassis.db.database import Record
from libs.chassis.handlers import Answer, Done
from libs.contracts.incident import EndReason, Grade
from libs.contracts.values import Appointment, Registration, RequestKind
from libs.street_time import local_minutes
from services.incident.domain.appointment import window
from services.incident.domain.case import Move, State
from services.incident.domain.feedback import FEEDBACK_DAYS
from services.incident.domain.history import Entry, standing_at
from services.incident.domain.likeness import Candidate
from services.incident.domain.reasons import REASON_WORDS
from services.incident.domain.redaction import redact, summarise
from services.incident.domain.words import STATE_WORDS, STEP_WORDS, in_order


class InWords(BaseModel):
    zh: str
    en: str


class AppointmentView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    case_no: str
    appointment: Appointment


class ReasonView(BaseModel):
    reason: EndReason
    zh: str
    en: str
    moves: list[Move] = Field(description="What it may be given for.")


class CandidateView(BaseModel):
    """A case that may be the same matter."""

    case_no: str
    state: State
    category_name: str
    place_name: str | None
    reported_at: datetime
    text: str
    score: float = Field(description="0 to 1: how likely it is the same.")
    because: list[str]


class KnownView(BaseModel):
    """What may be known already, for who reported it too: how it stands, and nothing that another wrote."""

    state: State
    state_in_words: InWords
    reported_at: datetime
    handle_by: datetime | None


class ChildView(BaseModel):
    case_no: str
    state: State


class StreetEvaluated(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    grade: Grade
    words: str | None
    by_member: str


class Decided(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    case_no: str
    state: State


class Evaluated(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    case_no: str
    satisfied: bool
    reopened: bool
    state: State


class CategoryView(BaseModel):
    category: str
    name_zh: str
    name_en: str
    area: str
    registration: Registration


CSV_COLUMNS = (
    "case_no",
    "state",
    "request_kind",
    "category",
    "category_name",
    "place_name",
    "reported_at",
    "handle_by",
    "reopened_times",
    "summary",
)


def csv_line(row: Record) -> list[Any]:
    """Times as the street reads them; what the reporter wrote, without anything that looks like a contact."""
    times = {name: _in_the_street(getattr(row, name)) for name in ("reported_at", "handle_by")}
    shown = {**row, **times, "summary": summarise(row.text)}
    return [shown[name] for name in CSV_COLUMNS]


def _in_the_street(time: datetime | None) -> str | None:
    return local_minutes(time) if time else None


class Moved(BaseModel):
    case_no: str
    status: int = Field(description="As the same decision on this case alone would have been answered: 200, 404, 409.")
    state: State | None = Field(description="The case as it is now; null when there is none.")
    detail: str | None = Field(description="Why not.")


class CaseLine(BaseModel):
    case_no: str
    state: State
    request_kind: RequestKind
    category: str
    category_name: str
    place_name: str | None
    reported_at: datetime
    handle_by: datetime | None
    reopened_times: int
    changed_at: datetime


class Step(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    position: int = Field(description="Its place in the order of recording.")
    step: str
    happened_at: datetime
    recorded_at: datetime = Field(description="When it came to be known here.")
    details: dict[str, Any]


class StaffView(CaseLine):
    case_id: UUID
    sender: str
    text: str
    longitude: float | None
    latitude: float | None
    reporter_id: UUID | None
    reported_by_member: str | None
    closed_at: datetime | None
    merged_into: str | None = Field(description="The case that survives, where this one was merged.")
    parent: str | None
    appointment: Appointment | None
    documents: list[str]
    settled_at: datetime | None = Field(description="Since then the reporter can say nothing more.")
    joined: list[str] = Field([], description="Cases that were merged into this one, as they are now.")
    children: list[ChildView] = Field([], description="Cases that belong to this one, as they are now.")
    street_evaluation: StreetEvaluated | None = Field(None, description="Of the latest closing.")
    timeline: list[Step]


class PublicStep(InWords):
    happened_at: datetime


class FeedbackState(BaseModel):
    """`until` and `closing` are set when the case is closed; `satisfied` when its latest closing was evaluated."""

    open: bool
    closing: UUID | None = Field(description="Which closing this is about; send it with the feedback.")
    until: datetime | None
    satisfied: bool | None


class PublicView(BaseModel):
    case_no: str
    category: InWords
    state: State
    state_in_words: InWords
    reason: InWords | None = Field(description="Why it was rejected or voided.")
    note: str | None = Field(description="More about the reason.")
    joined: bool = Field(description="It goes on together with other reports of the same matter.")
    reported_at: datetime
    handle_by: datetime | None = Field(description="Until when it shall be done.")
    appointment: Appointment | None = Field(description="When somebody is expected.")
    documents: list[str] = Field(description="Names of the papers that were handed over, or shall be brought.")
    timeline: list[PublicStep]
    feedback: FeedbackState


def staff_view(case: Record, timeline: Sequence[Entry]) -> StaffView:
    steps = [Step.model_validate(entry) for entry in in_order(timeline)]
    return StaffView.model_validate(
        {
            **case,
            "appointment": window(case.appointment_starts_at, case.appointment_ends_at),
            "timeline": steps,
        }
    )


def staff_view_at(case: Record, timeline: Sequence[Entry], as_of: datetime) -> StaffView | None:
    """The case by what was known at a time; None before it was reported."""
    stood = standing_at(timeline, as_of)
    if stood is None:
        return None
    known = [entry for entry in timeline if entry.recorded_at <= as_of]
    then: dict[str, Any] = {
        "state": stood.state,
        "handle_by": stood.promise.handle_by if stood.promise else None,
        "closed_at": stood.closing.at if stood.closing else None,
        "reopened_times": stood.reopened_times,
        "merged_into": stood.merged_into,
        "parent": stood.parent,
        "settled_at": stood.settled_at,
        "changed_at": known[-1].recorded_at,
    }
    changed = [entry for entry in timeline if entry.step == "appointment_changed"]
    if changed:
        heard = [entry for entry in changed if entry.recorded_at <= as_of]
        said = heard[-1].details["appointment"] if heard else changed[0].details["before"]
        then["appointment"] = Appointment.model_validate(said) if said else None
    return staff_view(case, known).model_copy(update=then)


def case_line(row: Record) -> CaseLine:
    return CaseLine.model_validate(dict(row))


def moved(case_no: str, answer: Answer) -> Moved:
    if isinstance(answer, Done):
        return Moved(case_no=case_no, status=200, state=answer.reply.state, detail=None)
    return Moved(case_no=case_no, status=answer.status, state=answer.extra.get("state"), detail=answer.detail)


def candidate_view(case: Record, candidate: Candidate) -> CandidateView:
    return CandidateView.model_validate({**case, "score": candidate.score, "because": list(candidate.because)})


def known_view(case: Record) -> KnownView:
    state = State(case.state)
    words = InWords(**STATE_WORDS[state])
    return KnownView(state=state, state_in_words=words, reported_at=case.reported_at, handle_by=case.handle_by)


def public_view(case: Record, followed: Record, timeline: Sequence[Entry], evaluation: Record | None) -> PublicView:
    """In words only: no member, organisation or place of the grid, which are the street's own affair.

    `followed` is the case itself, or the one that it was merged into: that one's progress is shown.
    """
    state, joined = State(followed.state), case.case_no != followed.case_no
    until = followed.closed_at + timedelta(days=FEEDBACK_DAYS) if followed.closed_at else None
    [ended] = [e.details for e in timeline if e.step == state and e.details.get("reason")] or [{}]
    reason = REASON_WORDS[EndReason(ended["reason"])] if ended else None
    return PublicView(
        case_no=case.case_no,
        category=InWords(zh=case.category_name, en=case.category_name_en or case.category_name),
        state=state,
        state_in_words=InWords(**STATE_WORDS[state]),
        reason=InWords(zh=reason.zh, en=reason.en) if reason else None,
        note=redact(ended["note"]) if ended.get("note") else None,
        joined=joined,
        reported_at=case.reported_at,
        handle_by=followed.handle_by,
        # Of a case that was merged the other's window holds, which is that reporter's affair.
        appointment=None if joined else window(case.appointment_starts_at, case.appointment_ends_at),
        documents=case.documents,
        timeline=[
            PublicStep(happened_at=row.happened_at, **STEP_WORDS[row.step])
            for row in in_order(timeline)
            if row.step in STEP_WORDS
        ],
        feedback=FeedbackState(
            open=state is State.CLOSED and evaluation is None and followed.settled_at is None,
            closing=followed.closed_by if until else None,
            until=until,
            satisfied=evaluation.satisfied if evaluation else None,
        ),
    )
