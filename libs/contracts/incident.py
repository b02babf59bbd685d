"""Facts of the incident service about reports and cases, and the command by which other systems report."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, Field, StringConstraints, ValidationInfo, field_validator, model_validator

from libs.contracts.message import CaseEvent, CategoryCode, Command, MemberId, OrgId, Value
from libs.contracts.particulars import Particulars
from libs.contracts.values import (
    Answer,
    Appointment,
    ComponentCode,
    Photos,
    Place,
    RequestKind,
    SealedContact,
    WithoutHidden,
)
from libs.sentences import Unfit

TEXT_MAX_LENGTH = 5000

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=TEXT_MAX_LENGTH), WithoutHidden]
Sender = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Key = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,128}$")]


class EndReason(StrEnum):
    """Why a report does not become a case, or why a case should not have been one."""

    NOT_OURS = "not_ours"
    UNCLEAR = "unclear"
    NO_SUCH_PLACE = "no_such_place"
    UNTRUE = "untrue"
    DEALT_WITH_ELSEWHERE = "dealt_with_elsewhere"
    MISTAKEN = "mistaken"
    TEST = "test"
    WITHDRAWN = "withdrawn"
    REPORTED_BEFORE = "reported_before"


class Grade(StrEnum):
    """The street's grade for how a case was handled: 优, 良, 中, 差."""

    EXCELLENT = "excellent"
    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"


class CaseFact(CaseEvent):
    """What every fact about a case says of who sent the report: a system or a page, never a person.

    The sender's own key is in no fact: with it and the words of a short report, anybody who listens could ask for the
    receipt again, and with that for the tracking code.
    """

    sender: Sender | None = None


class CaseReported(CaseFact, fact="reported"):
    """A report was stored. The reporter's contact is sealed."""

    case_no: str
    category: CategoryCode
    request_kind: RequestKind
    reporter_id: UUID | None = None
    sealed_contact: SealedContact | None = None


class CaseSummary(CaseFact):
    """What goes on from a case. `summary` is shortened, and has nothing that looks like a contact.

    `component` is as it was reported, known or not. A case that is nowhere else has its code as the name of its place.
    """

    case_no: str
    category: CategoryCode
    category_name: str
    request_kind: RequestKind
    place: Place
    component: ComponentCode | None = None
    summary: str = Field(max_length=200)
    reported_by_member: MemberId | None = None


class CaseContent(Particulars, CaseSummary):
    """What an order takes over from its case."""

    reporter_id: UUID | None = None
    appointment: Appointment | None = None


class CaseFollowed(CaseFact, fact="followed"):
    """Another resident wants to hear of the case, and need not report it again. The contact is sealed.

    `followers`: how many there are now.
    """

    case_no: str
    category_name: str
    follower_id: UUID
    followers: int = Field(ge=1)
    sealed_contact: SealedContact | None = None


class CaseUnfollowed(CaseFact, fact="unfollowed"):
    """A resident who followed the case does not want to hear of it any more."""

    case_no: str
    follower_id: UUID
    followers: int = Field(ge=0)


class CaseOpened(CaseContent):
    """The case needs an order."""

    opening: int = Field(0, ge=0, description="0: the first order of the case; one more each time it is opened again.")


class VerifyAsked(CaseSummary, fact="verify_asked"):
    """The report must be verified on site before it becomes a case, and a member is to be sent there."""


class CaseRegistered(CaseOpened, fact="registered"):
    """The report has become a case."""

    verify_asked: bool = Field(False, description="A verification on site was asked for, and is not needed any more.")


class CaseRejected(CaseFact, fact="rejected"):
    """The report does not become a case. The reporter is told the reason."""

    case_no: str
    category_name: str
    end_reason: EndReason
    note: str | None = None
    reporter_id: UUID | None = None
    verify_asked: bool = Field(False, description="A verification on site was asked for, and is not needed any more.")


class CaseVoided(CaseFact, fact="voided"):
    """The case should not have been one. The order of its opening `opening` is cancelled."""

    case_no: str
    category_name: str
    end_reason: EndReason
    note: str | None = None
    opening: int | None = Field(None, ge=0, description="None: it was never registered, and has no order.")
    reporter_id: UUID | None = None
    verify_asked: bool = Field(False, description="A verification on site was asked for, and is not needed any more.")


class CaseMerged(CaseFact, fact="merged"):
    """The case is a duplicate of another: its order is cancelled, and its reporter is told about the other case."""

    case_no: str
    into_case_id: UUID
    into_case_no: str
    opening: int | None = Field(None, ge=0, description="None: it was never registered, and has no order.")
    reporter_id: UUID | None = None
    verify_asked: bool = Field(False, description="A verification on site was asked for, and is not needed any more.")

    @property
    def concerns(self) -> tuple[str, ...]:
        return (self.aggregate_id, str(self.into_case_id))


class CaseUnmerged(CaseOpened, fact="unmerged"):
    """The case is separate from the other again: it is registered, gets an order, and its reporter is told."""

    from_case_id: UUID
    from_case_no: str

    @property
    def concerns(self) -> tuple[str, ...]:
        return (self.aggregate_id, str(self.from_case_id))


class Corrected(StrEnum):
    """What of a case was corrected."""

    CATEGORY = "category"
    REQUEST_KIND = "request_kind"
    PLACE = "place"
    COMPONENT = "component"
    TEXT = "text"
    REPORTED_BY_MEMBER = "reported_by_member"


class CaseCorrected(CaseContent, fact="corrected"):
    """The desk has corrected the case, which is as it is here from now on.

    `corrections` counts them: of two facts that come in the wrong order the higher number holds.
    """

    corrected: tuple[Corrected, ...]
    corrections: int = Field(ge=1)
    by_member: MemberId | None = Field(None, description="None: by the reporter, who answered a question.")
    reason: str
    opening: int | None = Field(None, ge=0, description="Of its latest order; None: it was never registered.")
    verify_asked: bool = Field(False, description="Somebody was sent to verify it, and has not answered yet.")


class CaseQuestioned(CaseFact, fact="questioned"):
    """The reporter is asked for more, and the clock of the order stands still until an answer, or `answer_by`.

    `number` counts the questions of the case, of which one is open at a time.
    """

    case_no: str
    number: int = Field(ge=1)
    question: str
    asked_by: MemberId
    answer_by: AwareDatetime
    opening: int | None = Field(None, ge=0, description="Of its latest order; None: it was never registered.")
    reporter_id: UUID | None = None


class CaseAnswered(CaseFact, fact="answered"):
    """The reporter has answered, or let the time pass (`answer` None), and the case goes on."""

    case_no: str
    number: int = Field(ge=1)
    question: str
    asked_by: MemberId
    answer: str | None = None
    photos: Photos = Field((), description="References to photos that came with the answer.")
    opening: int | None = Field(None, ge=0, description="Of its latest order; None: it was never registered.")
    reporter_id: UUID | None = None


class CaseAppointmentChanged(CaseFact, fact="appointment_changed"):
    """The resident has another appointment. `changes` counts the changes: the highest number is the valid one."""

    case_no: str
    appointment: Appointment
    changes: int = Field(ge=1)
    by_member: MemberId | None = Field(None, description="None: by the reporter.")
    opening: int | None = Field(None, ge=0, description="None: it has no order yet.")
    reporter_id: UUID | None = None


class CaseResolved(CaseFact, fact="resolved"):
    """The order was handled; the result is yet to be checked."""

    case_no: str
    order_id: UUID
    reporter_id: UUID | None = None


class CaseClosed(CaseFact, fact="closed"):
    """The result has passed the check. The reporter is asked for feedback."""

    case_no: str
    order_id: UUID
    reporter_id: UUID | None = None
    result: str = Field("", description="What was done, in words for the reporter, without anything like a contact.")
    proposal_answer: Answer | None = Field(None, description="Why stands in `result`.")
    planned_for: date | None = Field(None, description="Of a planned one: the day by which.")


class CaseCarriedOut(CaseFact, fact="carried_out"):
    """What was planned in answer to a proposal is done. The words are without anything like a contact."""

    case_no: str
    category_name: str
    words: str
    by_member: MemberId
    reporter_id: UUID | None = None


class CaseEvaluated(CaseFact, fact="evaluated"):
    """The reporter has given feedback. Its text stays in the incident service."""

    case_no: str
    order_id: UUID
    satisfied: bool


class CaseStreetEvaluated(CaseFact, fact="street_evaluated"):
    """The street has graded how the organisation handled the case. The text stays in the incident service.

    The incident service does not check that `by_member` is of the street committee; whoever counts grades must.
    """

    case_no: str
    order_id: UUID
    org_id: OrgId
    grade: Grade
    by_member: MemberId


class CaseReopened(CaseFact, fact="reopened"):
    """A closed case is opened again: `times` is 1 or 2, and the second time it goes to the street."""

    case_no: str
    order_id: UUID
    opening: int = Field(ge=1)
    times: int = Field(ge=1, le=2)
    to_street: bool
    reporter_id: UUID | None = None


class Somewhere(Value):
    """Where a report is: a place, or the component that it is about."""

    component: ComponentCode | None = Field(
        None, description="The code of the lamp or manhole itself, where the street keeps an inventory of them."
    )
    place: Place | None = Field(
        None, description="Where it is; may be left out where a component is named.", validate_default=True
    )

    @field_validator("place")
    @classmethod
    def _is_somewhere(cls, place: Place | None, info: ValidationInfo) -> Place | None:
        if place is None and info.data.get("component", "") is None:
            raise Unfit("要写明地点，或部件的编码 component", "a place is needed, or the code of a component")
        return place

    @property
    def where(self) -> Place:
        """The place, or the component's code where no other place is named."""
        return self.place or Place(name=self.component)


class Reported(Particulars, Somewhere):
    """What a report says, whichever way it comes in. A field that is added here is one that people may send;
    one that only whoever does the work reads is added to `Particulars`."""

    category: CategoryCode
    text: Text
    request_kind: RequestKind = RequestKind.SNAPSHOT
    reported_by_member: MemberId | None = None
    appointment: Appointment | None = Field(None, description="For service orders and errands; without it, any time.")


IN_CLEAR = frozenset({"contact", "email", "phone", "webhook_url"})
"""What the contact is called over HTTP. Unknown fields are passed over on the bus, but not these."""


class ReportCase(Command, Reported, command="report"):
    """Make a report. `sender` and `key` identify it: sent again, it gets the same answer."""

    sender: Sender
    key: Key
    reporter_id: UUID | None = None
    sealed_contact: SealedContact | None = None

    @model_validator(mode="before")
    @classmethod
    def _contact_is_sealed(cls, said: Any) -> Any:
        if isinstance(said, dict) and (clear := sorted(IN_CLEAR & said.keys())):
            named = ", ".join(clear)
            raise Unfit(
                f"{named}：总线上不传明文联系方式，请用 notify 的公钥密封后放入 sealed_contact（GET /v1/contact-key）",
                f"{named}: no contact travels in clear on the bus; seal it with notify's public key "
                "(GET /v1/contact-key) and send it as sealed_contact",
            )
        return said


class Receipt(Value):
    """The answer to a report, which is stored by then."""

    case_id: UUID
    case_no: str
    tracking_code: str
