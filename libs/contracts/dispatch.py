"""Facts of the dispatch service about orders, the grid tree, the members and the responsibility list."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, Field

from libs.contracts.message import CaseEvent, CategoryCode, Event, GridCode, MemberId, OrderEvent, OrgId, Value
from libs.contracts.particulars import Particulars
from libs.contracts.reasons import Explanation
from libs.contracts.values import (
    Answer,
    Appointment,
    Documents,
    Level,
    MemberKind,
    OrgKind,
    Place,
    Reach,
    Registration,
    RequestKind,
    SealedContact,
    Stage,
    Unanswered,
)


class EscalationCause(StrEnum):
    OVERDUE = "overdue"
    RETURNED = "returned"
    REOPENED = "reopened"
    BY_HAND = "by_hand"


class RaiseReason(StrEnum):
    """Why an organisation hands an order to the level above: 超出能力, 跨网格, 情况危急, 需执法权限."""

    BEYOND_MEANS = "beyond_means"
    SEVERAL_UNITS = "several_units"
    DANGEROUS = "dangerous"
    NEEDS_AUTHORITY = "needs_authority"


class CancelCause(StrEnum):
    VOIDED = "voided"
    MERGED = "merged"


class ApprovalKind(StrEnum):
    EXTENSION = "extension"
    SUSPENSION = "suspension"
    APPEAL = "appeal"


class InspectionKind(StrEnum):
    """核实: is the report true? 核查: is it really fixed? 审阅: does the answer to a proposal answer it?"""

    VERIFY = "verify"
    CHECK = "check"
    REVIEW = "review"


class OrderDispatched(OrderEvent, fact="dispatched"):
    """An order was made: the responsible organisation, the deadlines, and why."""

    case_no: str
    category: CategoryCode
    unit: GridCode
    unit_name: str
    org_id: OrgId
    level: Level
    claim_by: AwareDatetime
    handle_by: AwareDatetime
    check_by: AwareDatetime
    because: Explanation
    responsibility_version: int | None = Field(
        None, description="Version of the responsibility list at the time; None when no row of the list applies."
    )


class OrderDescribed(Particulars, OrderEvent):
    """A fact for whoever shall handle the order: what it is about, where and when.

    `component`: code, name and kind of what the report names, in words.
    """

    case_no: str
    category_name: str
    unit_name: str
    summary: str
    place: Place
    request_kind: RequestKind
    component: str | None = None
    appointment: Appointment | None = None


class OrderOffered(OrderDescribed, fact="offered"):
    """Members may claim the order, and the first who does gets it.

    `offered_to`: all who may claim it from now on; `newly_asked`: those of them whom it was not offered to before.
    """

    reach: Reach
    offered_to: tuple[MemberId, ...]
    newly_asked: tuple[MemberId, ...]
    claim_by: AwareDatetime


class OrderClaimed(OrderEvent, fact="claimed"):
    """A member has claimed the order."""

    member_id: MemberId
    org_id: OrgId
    category: CategoryCode
    handle_by: AwareDatetime


class OrderAssigned(OrderDescribed, fact="assigned"):
    """A responsible organisation has given the order to a member."""

    member_id: MemberId
    org_id: OrgId
    taken_from: MemberId | None
    assigned_by: MemberId
    assigned_by_org: OrgId
    reason: str
    handle_by: AwareDatetime


class OrderReturned(OrderEvent, fact="returned"):
    """The member has given the order back, for a reason."""

    member_id: MemberId
    org_id: OrgId
    reason: str


class OrderEscalated(OrderEvent, fact="escalated"):
    """The order goes one level up, and both organisations are told. Raised by a member, it has no member any more."""

    cause: EscalationCause
    from_unit: GridCode
    from_org: OrgId
    to_unit: GridCode
    to_org: OrgId
    to_level: Level
    reason: RaiseReason | None = None
    by_member: MemberId | None = None


class OrderSentDown(OrderEvent, fact="sent_down"):
    """An organisation has handed the order to a unit below it, whose members are told; so are both organisations."""

    from_unit: GridCode
    from_org: OrgId
    to_unit: GridCode
    to_org: OrgId
    to_level: Level
    reason: str
    by_member: MemberId


class OrderPassedOn(OrderEvent, fact="passed_on"):
    """An organisation has handed the order to another unit in which its uncertain point may lie, where it is offered.

    `taken_from`: who had it, or could have claimed it and no longer can. Both organisations are told.
    """

    case_no: str
    category_name: str
    place: Place
    from_unit: GridCode
    from_unit_name: str
    from_org: OrgId
    unit: GridCode
    unit_name: str
    org_id: OrgId
    level: Level
    taken_from: tuple[MemberId, ...]
    reason: str
    by_member: MemberId


class OrderCancelled(OrderEvent, fact="cancelled"):
    """The case was voided or merged. `member_ids`: who had the order, or could have claimed it."""

    case_no: str
    member_ids: tuple[MemberId, ...]
    because: CancelCause


class OrderStarted(OrderEvent, fact="started"):
    """The member who has the order has begun."""

    member_id: MemberId
    org_id: OrgId


class ApprovalAsked(OrderEvent, fact="approval_asked"):
    """The handler asks the parent organisation for an extension or a suspension, or appeals."""

    case_no: str
    approval_id: UUID
    kind: ApprovalKind
    reason: str
    member_id: MemberId
    org_id: OrgId
    decided_by_org: OrgId


class ApprovalRefused(OrderEvent, fact="approval_refused"):
    """The parent organisation has refused what the handler asked for."""

    case_no: str
    approval_id: UUID
    kind: ApprovalKind
    member_id: MemberId
    org_id: OrgId
    decided_by: MemberId
    answer: str


class OrderExtended(OrderEvent, fact="extended"):
    """The deadlines to handle and to check the order are later; `times` is 1 or 2."""

    case_no: str
    approval_id: UUID
    member_id: MemberId
    org_id: OrgId
    decided_by: MemberId
    times: int = Field(ge=1, le=2)
    handle_by: AwareDatetime
    check_by: AwareDatetime


class OrderSuspended(OrderEvent, fact="suspended"):
    """The clock is stopped until the handler resumes the order, or until `until`."""

    case_no: str
    approval_id: UUID
    member_id: MemberId
    org_id: OrgId
    decided_by: MemberId
    reason: str
    until: AwareDatetime


class OrderRescheduled(OrderEvent, fact="rescheduled"):
    """The resident has another appointment, and the deadlines have moved with it."""

    case_no: str
    appointment: Appointment
    org_id: OrgId
    member_ids: tuple[MemberId, ...]
    claim_by: AwareDatetime
    handle_by: AwareDatetime
    check_by: AwareDatetime


class OrderPaused(OrderEvent, fact="paused"):
    """The reporter is asked for more, and the clock of the order stands still. `member_ids`: whose turn it is."""

    case_no: str
    question: str
    answer_by: AwareDatetime
    org_id: OrgId
    member_ids: tuple[MemberId, ...]


class OrderContinued(OrderEvent, fact="continued"):
    """The clock runs again, with the time that was left. `answer`: what the reporter said; None: nothing, in time."""

    case_no: str
    answer: str | None = None
    org_id: OrgId
    member_ids: tuple[MemberId, ...]
    claim_by: AwareDatetime
    handle_by: AwareDatetime
    check_by: AwareDatetime


class _OrderAsCorrected(OrderEvent):
    """Where the order is after its case was corrected, why, and by when."""

    case_no: str
    category: CategoryCode
    category_name: str
    summary: str
    place: Place
    unit: GridCode
    unit_name: str
    org_id: OrgId
    reason: str
    claim_by: AwareDatetime
    handle_by: AwareDatetime
    check_by: AwareDatetime
    because: Explanation
    responsibility_version: int | None = None


class OrderCorrected(_OrderAsCorrected, fact="order_corrected"):
    """The case was corrected, and the order stays with `member_ids`: who has it, or may claim it."""

    member_ids: tuple[MemberId, ...]


class OrderMoved(_OrderAsCorrected, fact="order_moved"):
    """The case was corrected, and the order begins again elsewhere, or with others.

    `taken_from`: who had it, or could have claimed it and no longer can.
    """

    from_unit: GridCode
    from_unit_name: str
    from_org: OrgId
    to_level: Level
    taken_from: tuple[MemberId, ...]


class OrderResumed(OrderEvent, fact="resumed"):
    """The clock runs again, with the time that was left when it was stopped."""

    case_no: str
    member_id: MemberId
    org_id: OrgId
    handle_by: AwareDatetime
    check_by: AwareDatetime


class AppealUpheld(OrderEvent, fact="appeal_upheld"):
    """The order does not count for the organisation, and points that were taken from the member are restored."""

    case_no: str
    approval_id: UUID
    member_id: MemberId
    org_id: OrgId
    decided_by: MemberId
    reason: str


class OrderSupervised(OrderEvent, fact="supervised"):
    """A higher level presses for the order: `member_ids`, whose turn it is, are sent its note."""

    case_no: str
    supervised_by: MemberId
    supervised_by_org: OrgId
    org_id: OrgId
    member_ids: tuple[MemberId, ...]
    note: str


class OrderHandled(OrderEvent, fact="handled"):
    """The member has handed the order in as done."""

    member_id: MemberId
    org_id: OrgId
    category: CategoryCode
    on_time: bool
    documents_returned: Documents = ()
    result: str = Field("", description="What was done, in words for the reporter.")
    answer: Answer | None = Field(None, description="To a proposal; why stands in `result`.")
    planned_for: date | None = Field(None, description="Of a planned one: the day by which.")


class HelpShare(Value):
    """What a member who helped gets of the points of the order, as its handler gets the others."""

    member_id: MemberId
    org_id: OrgId
    points: int = Field(ge=0)
    on_time: bool
    own_report: bool


class OrderChecked(OrderEvent, fact="checked"):
    """Somebody else has checked the result: the order is done, or goes back to the member (`passed` false).

    `points`: what is left of those of the category when the helpers have their shares.
    """

    passed: bool
    member_id: MemberId
    org_id: OrgId
    checked_by: MemberId
    checked_by_org: OrgId
    category: CategoryCode
    points: int = Field(ge=0)
    on_time: bool
    own_report: bool
    helped: tuple[HelpShare, ...] = ()
    in_kpis: bool = True
    note: str = Field("", description="Where the check failed: what is missing.")
    result: str = Field("", description="Where it passed: what was done, in words for the reporter.")
    answer: Answer | None = Field(None, description="To a proposal; why stands in `result`.")
    planned_for: date | None = Field(None, description="Of a planned one: the day by which.")


class HelpCause(StrEnum):
    """Why a helper is not needed any more."""

    BY_HAND = "by_hand"
    ORDER_OVER = "order_over"
    ORDER_MOVED = "order_moved"


class HelpEvent(OrderEvent):
    """A fact about the organisation of `unit`, which helps with an order that another one answers for (协办)."""

    case_no: str
    help_id: UUID
    unit: GridCode
    task: str


class HelpAsked(HelpEvent, fact="help_asked"):
    """`org_id` shall help by `due_at`, for `share` percent of the points.

    `asked_by`: the member who asks; None: the responsibility list or a campaign does.
    """

    category_name: str
    summary: str
    place: Place
    org_id: OrgId
    asked_by: MemberId | None = None
    asked_by_org: OrgId
    share: int = Field(ge=0, le=100)
    due_at: AwareDatetime


class HelpAssigned(HelpEvent, fact="help_assigned"):
    """A member of the helping organisation has the task."""

    category_name: str
    summary: str
    place: Place
    org_id: OrgId
    member_id: MemberId
    taken_from: MemberId | None = None
    assigned_by: MemberId
    due_at: AwareDatetime


class HelpDone(HelpEvent, fact="help_done"):
    """The helper is done. `left`: how many others are not yet; `member_ids`: who has the order, or may claim it."""

    org_id: OrgId
    member_id: MemberId
    on_time: bool
    note: str
    left: int = Field(ge=0)
    member_ids: tuple[MemberId, ...]
    check_by: AwareDatetime


class HelpOverdue(HelpEvent, fact="help_overdue"):
    """The helper is late, which is the helper's: `org_id`, and `above_org` over it. The order's clock goes on.

    `asked_by_org` answers for the order, whose check waits: it may do without.
    """

    org_id: OrgId
    above_org: OrgId
    asked_by_org: OrgId
    member_ids: tuple[MemberId, ...]
    due_at: AwareDatetime


class HelpCalledOff(HelpEvent, fact="help_called_off"):
    """The helper is not needed any more. `member_ids`: who had the task."""

    org_id: OrgId
    member_ids: tuple[MemberId, ...]
    why: HelpCause
    reason: str


class InspectionEvent(CaseEvent):
    """A fact about an inspection on site: is a report true, or an order really done?"""

    inspection_id: UUID
    kind: InspectionKind


class InspectionAssigned(InspectionEvent, fact="inspection_assigned"):
    """A member is sent to inspect. `order_id`: the order to check; None when a report is to be verified."""

    case_no: str
    category_name: str
    summary: str
    place: Place
    unit: GridCode
    unit_name: str
    order_id: UUID | None
    member_id: MemberId
    org_id: OrgId
    due_at: AwareDatetime


class InspectionLapsed(InspectionEvent, fact="inspection_lapsed"):
    """The member has not answered in time, and somebody else is asked."""

    case_no: str
    member_id: MemberId
    due_at: AwareDatetime


class InspectionRaised(InspectionEvent, fact="inspection_raised"):
    """No member is left to ask: any member of the organisation above may inspect. `order_id`: as when assigned."""

    case_no: str
    category_name: str
    summary: str
    place: Place
    unit: GridCode
    unit_name: str
    order_id: UUID | None
    org_id: OrgId


class InspectionCancelled(InspectionEvent, fact="inspection_cancelled"):
    """The member need not go: somebody else has answered, or the case is decided or over."""

    case_no: str
    member_id: MemberId


class CaseVerified(InspectionEvent, fact="verified"):
    """A member has inspected on site whether the report is true."""

    case_no: str
    true_report: bool
    note: str
    member_id: MemberId
    org_id: OrgId
    on_time: bool


class DeadlineNear(OrderEvent, fact="deadline_near"):
    """80 % of the time of a stage is over."""

    stage: Stage
    due_at: AwareDatetime
    org_id: OrgId
    member_ids: tuple[MemberId, ...]


class OrderOverdue(OrderEvent, fact="overdue"):
    """The time of a stage is over."""

    stage: Stage
    due_at: AwareDatetime
    org_id: OrgId
    unit: GridCode
    member_ids: tuple[MemberId, ...]


class PatrolPlanned(Event, fact="patrol_planned", aggregate="campaign_id"):
    """A round of a campaign has begun: `tasks` units are to be visited, `unassigned` of them by nobody yet."""

    campaign_id: UUID
    round_id: UUID
    name_zh: str
    name_en: str
    planned_at: AwareDatetime
    visit_by: AwareDatetime
    tasks: int = Field(ge=1)
    unassigned: int = Field(ge=0)


class PatrolAssigned(Event, fact="patrol_assigned", aggregate="campaign_id"):
    """Each of `member_ids` has `tasks` tasks of a round. Members with another number of tasks are in another fact."""

    campaign_id: UUID
    round_id: UUID
    name_zh: str
    name_en: str
    planned_at: AwareDatetime
    visit_by: AwareDatetime
    member_ids: tuple[MemberId, ...]
    tasks: int = Field(ge=1)


class PatrolVisited(Event, fact="patrol_visited", aggregate="visit_id"):
    """A member has visited a unit. `first`: the first visit in this round; `in_place`: in the unit, or near it."""

    campaign_id: UUID
    round_id: UUID
    visit_id: UUID
    unit: GridCode
    member_id: MemberId
    org_id: OrgId
    first: bool
    on_time: bool
    in_place: bool
    findings: int = Field(ge=0)


class PatrolMissed(Event, fact="patrol_missed", aggregate="campaign_id"):
    """The time of a round is over. `missed`: `unit` or units below it that were not visited."""

    campaign_id: UUID
    round_id: UUID
    name_zh: str
    name_en: str
    planned_at: AwareDatetime
    visit_by: AwareDatetime
    unit: GridCode
    unit_name: str
    org_id: OrgId
    missed: tuple[GridCode, ...]
    missed_names: tuple[str, ...]
    missed_orgs: tuple[OrgId, ...]
    count: int = Field(ge=1)


class UnitChanged(Event, fact="unit_changed", aggregate="code"):
    """The present state of a unit of the grid tree."""

    code: GridCode
    level: Level
    parent: GridCode | None
    name: str
    org_id: OrgId
    org_name: str
    org_kind: OrgKind
    active: bool = True


class MemberChanged(Event, fact="member_changed", aggregate="member_id"):
    """The present state of a member. The contact is sealed to notify."""

    member_id: MemberId
    member_name: str
    kind: MemberKind
    unit: GridCode
    org_id: OrgId
    active: bool = True
    sealed_contact: SealedContact | None = None


class MemberAbsent(Event, fact="member_absent", aggregate="member_id"):
    """A member is absent from now on and is offered nothing. Their organisation is told which orders they have.

    The reason of an absence stays in the dispatch service.
    """

    member_id: MemberId
    org_id: OrgId
    until: AwareDatetime
    order_ids: tuple[UUID, ...]
    case_nos: tuple[str, ...]


class CategoryChanged(Event, fact="category_changed", aggregate="category"):
    """The name and policy of a category, by the responsibility list that is in force."""

    category: CategoryCode
    name_zh: str
    name_en: str
    area: str
    registration: Registration
    active: bool = True
    unanswered: Unanswered = Unanswered.GO_ON
