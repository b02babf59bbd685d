"""What HTTP requests of the incident service look like."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import Path, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from libs.contracts.incident import EndReason, Grade, Text
from libs.contracts.message import CategoryCode, MemberId, Tenant
from libs.contracts.values import Appointment, Documents, Place, RequestKind
from services.incident.domain.case import State

CASE_NO = r"^[0-9]{8}-[0-9]{6,12}$"
CaseNo = Annotated[str, Path(pattern=CASE_NO, examples=["20261123-000042"])]
OfStreet = Annotated[Tenant, Query(description="The street's 9-digit code.", examples=["370784004"])]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[^\x00]*$")]


class Contact(BaseModel):
    """How the reporter wants to hear of it. It is sealed on arrival, and only notify can read it."""

    email: Annotated[str, StringConstraints(max_length=254, pattern=r"^[^\s@]+@[^\s@]+$")] | None = None
    phone: Annotated[str, StringConstraints(max_length=32, pattern=r"^\+?[0-9 ()-]{5,31}$")] | None = None
    webhook_url: Annotated[str, StringConstraints(max_length=1000, pattern=r"^https?://[\x21-\x7e]+$")] | None = None
    language: Literal["zh", "en"] = "zh"

    @model_validator(mode="after")
    def _reaches_somebody(self) -> Self:
        if self.email is None and self.phone is None and self.webhook_url is None:
            raise ValueError("a contact needs an email, a phone or a webhook_url; leave it out to stay unknown")
        return self

    def to_seal(self, tracking_code: str) -> dict[str, Any]:
        return {**self.model_dump(), "tracking_code": tracking_code}


class Report(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "tenant": "370784004",
                    "category": "11001",
                    "text": "村东头的路灯连着两晚不亮。",
                    "place": {"point": {"longitude": 119.2, "latitude": 36.4}},
                    "contact": {"email": "zhang@mail.example", "language": "zh"},
                }
            ]
        }
    )

    tenant: Tenant
    category: CategoryCode
    text: Text
    place: Place
    request_kind: RequestKind = RequestKind.SNAPSHOT
    contact: Contact | None = None
    reported_by_member: MemberId | None = None
    appointment: Appointment | None = Field(None, description="For service orders and errands; without it, any time.")
    documents: Documents = Field((), description="Names of papers, for service orders and errands.")


class Feedback(BaseModel):
    satisfied: bool
    words: Reason | None = None
    closing: UUID | None = Field(
        None,
        description="`feedback.closing` of the case as you saw it: a request that comes late, when the case was closed "
        "again, is then refused and not taken for another closing's.",
    )


class Acceptance(BaseModel):
    tenant: Tenant
    by_member: MemberId


class Rejection(Acceptance):
    """Why not: a reason of the list, and more about it in words that the reporter reads too."""

    reason: EndReason
    note: Reason | None = None


class OwnAppointment(BaseModel):
    """When somebody shall come instead."""

    appointment: Appointment


class NewAppointment(Acceptance):
    appointment: Appointment


class Merging(Acceptance):
    into: Annotated[str, Field(pattern=CASE_NO, description="The case that survives.", examples=["20261123-000041"])]
    note: Reason | None = None


class Unmerging(Acceptance):
    note: Reason


class Parent(Acceptance):
    parent: Annotated[str, Field(pattern=CASE_NO)] | None = Field(description="None takes the case out again.")


class Verification(Acceptance):
    true_report: bool
    note: Reason


class StreetEvaluation(Acceptance):
    """How the organisation handled it, in the eyes of the street."""

    grade: Grade
    words: Reason | None = None


class Wanted(BaseModel):
    """Which cases a list shows. What is left out is not asked about."""

    tenant: Tenant = Field(description="The street's 9-digit code.", examples=["370784004"])
    state: list[State] = Field([], description="Any of these.", examples=[["registered", "in_progress"]])
    category: CategoryCode | None = Field(None, examples=["11001"])
    request_kind: RequestKind | None = None
    since: AwareDatetime | None = Field(None, description="Reported then or later, with an offset or Z.")
    until: AwareDatetime | None = Field(None, description="Reported before.")
    words: Annotated[str, StringConstraints(min_length=2, max_length=100, pattern=r"^[^\x00]*$")] | None = Field(
        None, description="Their text holds this, in capital or small letters.", examples=["路灯"]
    )
    settled: bool | None = Field(None, description="Whether the reporter's time to say something is over.")

    def parameters(self) -> dict[str, Any]:
        return {**self.model_dump(exclude={"state"}), "states": [str(state) for state in self.state or State]}


class WantedPage(Wanted):
    sort: Literal["newest", "oldest"] = "newest"
    after: str | None = Field(None, description="`next` of the page before.", max_length=100)
    limit: int = Field(50, ge=1, le=500)


class Moving(Acceptance):
    """The same decision on many cases; each is answered on its own."""

    case_nos: list[Annotated[str, Field(pattern=CASE_NO)]] = Field(
        min_length=1, max_length=200, examples=[["20261123-000041", "20261123-000042"]]
    )
    move: Literal["accept", "reject", "void"]
    reason: EndReason | None = Field(None, description="Needed to reject and to void.")
    note: Reason | None = None
