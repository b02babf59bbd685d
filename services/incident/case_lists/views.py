"""What staff read of a case: its line in a list, and all of it, now or as it stood at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from libs.chassis.db.database import Record
from libs.chassis.pages import word
from libs.contracts.particulars import TITLES, Particulars
from libs.contracts.reasons import Reason, ReasonView
from libs.contracts.values import REQUEST_KINDS, Answer, Appointment, RequestKind
from libs.sentences import Language
from libs.street_time import local_minutes
from services.incident.cases.domain.case import TRANSITIONS, State, window
from services.incident.cases.domain.content import Content
from services.incident.cases.domain.history import Entry, standing_at
from services.incident.cases.domain.redaction import summarise
from services.incident.cases.domain.words import STEPS, in_order
from services.incident.street_evaluations.api import StreetEvaluated

CSV_COLUMNS = {
    "case_no": "案件编号",
    "state": "状态代码",
    "state_name": "状态",
    "sender": "来源系统",
    "request_kind": "上报方式代码",
    "request_kind_name": "上报方式",
    "category": "类别代码",
    "category_name": "类别",
    "place_name": "地点",
    "component": "部件编号",
    "reported_at": "上报时间",
    "handle_by": "处置时限",
    "reopened_times": "重新立案次数",
    "followers": "关注人数",
    "summary": "内容摘要",
    **TITLES,
}
"""Chinese titles by name."""


class ChildView(BaseModel):
    case_no: str
    state: State


class CaseLine(BaseModel):
    case_no: str
    state: State
    sender: str = Field(description="The system or page that sent the report.")
    request_kind: RequestKind
    category: str
    category_name: str
    place_name: str | None
    component: str | None = Field(description="The code by which the report named it.")
    reported_at: datetime
    handle_by: datetime | None
    reopened_times: int
    changed_at: datetime
    followers: int = Field(description="Residents who follow it, besides those who reported it.")


class Step(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    position: int = Field(description="Its place in the order of recording.")
    step: str
    zh: str = Field("", description="The step in words; empty where it is of a newer version.")
    en: str = ""
    happened_at: datetime
    recorded_at: datetime = Field(description="When it came to be known here.")
    details: dict[str, Any]


class StaffView(Particulars, CaseLine):
    case_id: UUID
    text: str
    longitude: float | None
    latitude: float | None
    accuracy_m: float | None = Field(description="It lies within so many metres of the point.")
    reporter_id: UUID | None
    reported_by_member: str | None
    closed_at: datetime | None
    result: str = Field(description="What was done, as the reporter reads it.")
    answer: Answer | None = Field(description="To a proposal; why stands in `result`.")
    planned_for: date | None
    carried_out_at: datetime | None = Field(description="Since then it is done as it was planned.")
    meeting_id: UUID | None = Field(description="The meeting at which it was raised.")
    merged_into: str | None = Field(description="The case that survives, where this one was merged.")
    parent: str | None
    appointment: Appointment | None
    settled_at: datetime | None = Field(description="Since then the reporter can say nothing more.")
    joined: list[str] = Field([], description="Cases that were merged into this one, as they are now.")
    children: list[ChildView] = Field([], description="Cases that belong to this one, as they are now.")
    street_evaluation: StreetEvaluated | None = Field(None, description="Of the latest closing.")
    timeline: list[Step]


def present(row: Record) -> str:
    """The case as facts tell of it: in short, and without anything that looks like a contact."""
    facts = {name: row[name] for name in PRESENT}
    facts |= Content.from_columns(row).told() | {"proposal_answer": row.answer}
    return to_json(facts).decode()


PRESENT = (
    "case_id",
    "case_no",
    "sender",
    "state",
    "reporter_id",
    "reported_at",
    "handle_by",
    "closed_at",
    "result",
    "planned_for",
    "carried_out_at",
    "reopened_times",
    "merged_into",
    "parent",
    "settled_at",
    "followers",
)
"""What is told of a case as it is, beside what an order takes over of it."""


def csv_line(row: Record, language: Language) -> list[Any]:
    """States and kinds in words beside their codes; times as the street reads them; what the reporter wrote, without
    anything that looks like a contact."""
    times = {name: _in_the_street(getattr(row, name)) for name in ("reported_at", "handle_by")}
    words = {
        "state_name": word(TRANSITIONS.states, row.state, language),
        "request_kind_name": word(REQUEST_KINDS, row.request_kind, language),
    }
    more = Particulars.model_validate(row.particulars).cells()
    shown = {**row, **times, **words, **more, "summary": summarise(row.text)}
    return [shown[name] for name in CSV_COLUMNS]


def staff_view(case: Record, timeline: Sequence[Entry]) -> StaffView:
    steps = [_step(entry) for entry in in_order(timeline)]
    return StaffView.model_validate(
        {
            **case,
            **case.particulars,
            "appointment": window(case.appointment_starts_at, case.appointment_ends_at),
            "timeline": steps,
        }
    )


def _step(entry: Entry) -> Step:
    """Reasons, why an order went where it went, are kept as data and read in words as well."""
    shown, because = Step.model_validate(entry), entry.details.get("because")
    words = STEPS.get(entry.step, {})
    shown.zh, shown.en = words.get("zh", ""), words.get("en", "")
    if isinstance(because, list):
        reasons = (Reason(each["reason"], each["values"]) for each in because)
        in_words = [ReasonView.model_validate(each, from_attributes=True).model_dump() for each in reasons]
        shown.details = {**shown.details, "because": in_words}
    return shown


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
        "result": stood.closing.result if stood.closing else "",
        "answer": stood.closing.answer if stood.closing else None,
        "planned_for": stood.closing.planned_for if stood.closing else None,
        "carried_out_at": stood.carried_out_at,
        "reopened_times": stood.reopened_times,
        "merged_into": stood.merged_into,
        "parent": stood.parent,
        "settled_at": stood.settled_at,
        "changed_at": known[-1].recorded_at,
    }
    for correction in reversed([e for e in timeline if e.step == "corrected" and e.recorded_at > as_of]):
        then |= correction.details["before"]
    changed = [entry for entry in timeline if entry.step == "appointment_changed"]
    if changed:
        heard = [entry for entry in changed if entry.recorded_at <= as_of]
        said = heard[-1].details["appointment"] if heard else changed[0].details["before"]
        then["appointment"] = Appointment.model_validate(said) if said else None
    return staff_view(case, known).model_copy(update=then)


def case_line(row: Record) -> CaseLine:
    return CaseLine.model_validate(dict(row))


def _in_the_street(time: datetime | None) -> str | None:
    return local_minutes(time) if time else None
