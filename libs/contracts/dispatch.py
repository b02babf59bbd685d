"""What the dispatch service tells about orders, the grid tree, the members and the responsibility list."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, Field

from libs.contracts.message import CaseEvent, CategoryCode, Event, GridCode, MemberId, OrderEvent, OrgId
from libs.contracts.values import (
    Appointment,
    Documents,
    Level,
    MemberKind,
    OrgKind,
    Reach,
    Registration,
    SealedContact,
    Stage,
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
    """核实: is the report true? 核查: is it really fixed?"""

    VERIFY = "verify"
    CHECK = "check"


class OrderDispatched(OrderEvent, fact="dispatched"):
    """An order exists: which organisation answers, until when, and why (one sentence a rule)."""

    case_no: str
    category: CategoryCode
    unit: GridCode
    unit_name: str
    org_id: OrgId
    level: Level
    claim_by: AwareDatetime
    handle_by: AwareDatetime
    check_by: AwareDatetime
    because: tuple[str, ...]
    responsibility_version: int | None = Field(
        None, description="Of the responsibility list that the order is made under; None where no row of it applies."
    )


class OrderOffered(OrderEvent, fact="offered"):
    """Members may claim the order; the first to do so has it.

    `offered_to` are all who may from now on, `newly_asked` those of them who had not been asked before.
    """

    case_no: str
    category_name: str
    unit_name: str
    summary: str
    reach: Reach
    offered_to: tuple[MemberId, ...]
    newly_asked: tuple[MemberId, ...]
    claim_by: AwareDatetime
    appointment: Appointment | None = None
    documents: Documents = ()


class OrderClaimed(OrderEvent, fact="claimed"):
    """One member has taken the order."""

    member_id: MemberId
    org_id: OrgId
    category: CategoryCode
    handle_by: AwareDatetime


class OrderAssigned(OrderEvent, fact="assigned"):
    """An organisation that answers for the order has given it to a member, who has it from now on."""

    case_no: str
    category_name: str
    unit_name: str
    member_id: MemberId
    org_id: OrgId
    taken_from: MemberId | None
    assigned_by: MemberId
    assigned_by_org: OrgId
    reason: str
    handle_by: AwareDatetime
    appointment: Appointment | None = None
    documents: Documents = ()


class OrderReturned(OrderEvent, fact="returned"):
    """The member gives the order back, and says why."""

    member_id: MemberId
    org_id: OrgId
    reason: str


class OrderEscalated(OrderEvent, fact="escalated"):
    """The order goes one level up; both organisations are told. Raised by hand, it is with nobody any more."""

    cause: EscalationCause
    from_unit: GridCode
    from_org: OrgId
    to_unit: GridCode
    to_org: OrgId
    to_level: Level
    reason: RaiseReason | None = None
    by_member: MemberId | None = None


class OrderSentDown(OrderEvent, fact="sent_down"):
    """An organisation hands the order to a unit below it, whose members hear of it; both organisations are told."""

    from_unit: GridCode
    from_org: OrgId
    to_unit: GridCode
    to_org: OrgId
    to_level: Level
    reason: str
    by_member: MemberId


class OrderCancelled(OrderEvent, fact="cancelled"):
    """The order is not needed any more, because its case was voided or merged. Who had it, or might have, is told."""

    case_no: str
    member_ids: tuple[MemberId, ...]
    because: CancelCause


class OrderStarted(OrderEvent, fact="started"):
    """The member who has claimed the order has begun."""

    member_id: MemberId
    org_id: OrgId


class ApprovalAsked(OrderEvent, fact="approval_asked"):
    """The handler asks the organisation above for more time, for a clock that stands still, or appeals."""

    case_no: str
    approval_id: UUID
    kind: ApprovalKind
    reason: str
    member_id: MemberId
    org_id: OrgId
    decided_by_org: OrgId


class ApprovalRefused(OrderEvent, fact="approval_refused"):
    """What the handler asked for is not granted, and why."""

    case_no: str
    approval_id: UUID
    kind: ApprovalKind
    member_id: MemberId
    org_id: OrgId
    decided_by: MemberId
    answer: str


class OrderExtended(OrderEvent, fact="extended"):
    """There is more time to handle the order, and to check it after that; `times` is 1 or 2."""

    case_no: str
    approval_id: UUID
    member_id: MemberId
    org_id: OrgId
    decided_by: MemberId
    times: int = Field(ge=1, le=2)
    handle_by: AwareDatetime
    check_by: AwareDatetime


class OrderSuspended(OrderEvent, fact="suspended"):
    """The clock stands still, until the handler goes on or that time has come."""

    case_no: str
    approval_id: UUID
    member_id: MemberId
    org_id: OrgId
    decided_by: MemberId
    reason: str
    until: AwareDatetime


class OrderRescheduled(OrderEvent, fact="rescheduled"):
    """The resident expects somebody at another time, and the deadlines have moved with it."""

    case_no: str
    appointment: Appointment
    org_id: OrgId
    member_ids: tuple[MemberId, ...]
    claim_by: AwareDatetime
    handle_by: AwareDatetime
    check_by: AwareDatetime


class OrderResumed(OrderEvent, fact="resumed"):
    """The clock goes on, with what was left of the time."""

    case_no: str
    member_id: MemberId
    org_id: OrgId
    handle_by: AwareDatetime
    check_by: AwareDatetime


class AppealUpheld(OrderEvent, fact="appeal_upheld"):
    """The order does not count for or against the organisation, and what was posted against the member is undone."""

    case_no: str
    approval_id: UUID
    member_id: MemberId
    org_id: OrgId
    decided_by: MemberId
    reason: str


class OrderSupervised(OrderEvent, fact="supervised"):
    """A higher level wants it done: those whose turn it is are told what it says."""

    case_no: str
    supervised_by: MemberId
    supervised_by_org: OrgId
    org_id: OrgId
    member_ids: tuple[MemberId, ...]
    note: str


class OrderHandled(OrderEvent, fact="handled"):
    """The member says that it is done."""

    member_id: MemberId
    org_id: OrgId
    category: CategoryCode
    on_time: bool
    documents_returned: Documents = ()


class OrderChecked(OrderEvent, fact="checked"):
    """Somebody else has looked: it is done, or it goes back to the member (`passed` false)."""

    passed: bool
    member_id: MemberId
    org_id: OrgId
    checked_by: MemberId
    checked_by_org: OrgId
    category: CategoryCode
    points: int = Field(ge=0)
    on_time: bool
    own_report: bool
    in_kpis: bool = True
    note: str = Field("", description="Where the check failed: what is missing.")


class InspectionEvent(CaseEvent):
    """A fact about somebody's looking on site: whether a report is true, or whether an order is really done."""

    inspection_id: UUID
    kind: InspectionKind


class InspectionAssigned(InspectionEvent, fact="inspection_assigned"):
    """A member shall go and look. `order_id` is the order to check; a report to verify has none yet."""

    case_no: str
    category_name: str
    summary: str
    unit: GridCode
    unit_name: str
    order_id: UUID | None
    member_id: MemberId
    org_id: OrgId
    due_at: AwareDatetime


class InspectionLapsed(InspectionEvent, fact="inspection_lapsed"):
    """The member has not looked in time: another is asked."""

    case_no: str
    member_id: MemberId
    due_at: AwareDatetime


class InspectionRaised(InspectionEvent, fact="inspection_raised"):
    """There is nobody (more) to ask: any member of the organisation above may look. `order_id`: as when assigned."""

    case_no: str
    category_name: str
    summary: str
    unit: GridCode
    unit_name: str
    order_id: UUID | None
    org_id: OrgId


class InspectionCancelled(InspectionEvent, fact="inspection_cancelled"):
    """The member need not go: somebody else has looked, or the case is decided or over."""

    case_no: str
    member_id: MemberId


class CaseVerified(InspectionEvent, fact="verified"):
    """Somebody has looked on site whether the report is true, and says what they found."""

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
    """A round of a campaign has begun: so many units are to be visited. `unassigned` of them nobody was found for."""

    campaign_id: UUID
    round_id: UUID
    name_zh: str
    name_en: str
    planned_at: AwareDatetime
    visit_by: AwareDatetime
    tasks: int = Field(ge=1)
    unassigned: int = Field(ge=0)


class PatrolAssigned(Event, fact="patrol_assigned", aggregate="campaign_id"):
    """Each of these members has so many tasks of a round; members with another number are in a fact of their own."""

    campaign_id: UUID
    round_id: UUID
    name_zh: str
    name_en: str
    planned_at: AwareDatetime
    visit_by: AwareDatetime
    member_ids: tuple[MemberId, ...]
    tasks: int = Field(ge=1)


class PatrolVisited(Event, fact="patrol_visited", aggregate="visit_id"):
    """A member has been there. `first`: nobody had been in this round; `in_place`: in the unit, or near it."""

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
    """The time of a round is over, and these units below `unit` (or it itself) were not visited."""

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
    """A unit of the grid tree as it now is."""

    code: GridCode
    level: Level
    parent: GridCode | None
    name: str
    org_id: OrgId
    org_name: str
    org_kind: OrgKind
    active: bool = True


class MemberChanged(Event, fact="member_changed", aggregate="member_id"):
    """A member as they now are; a contact travels only sealed to notify."""

    member_id: MemberId
    member_name: str
    kind: MemberKind
    unit: GridCode
    org_id: OrgId
    active: bool = True
    sealed_contact: SealedContact | None = None


class MemberAbsent(Event, fact="member_absent", aggregate="member_id"):
    """A member is away from now on and is offered nothing; what they have claimed is named to their organisation.

    The reason of an absence stays with the dispatch service.
    """

    member_id: MemberId
    org_id: OrgId
    until: AwareDatetime
    order_ids: tuple[UUID, ...]
    case_nos: tuple[str, ...]


class CategoryChanged(Event, fact="category_changed", aggregate="category"):
    """A row of the responsibility list as it now is, for the services that need its name or its policy."""

    category: CategoryCode
    name_zh: str
    name_en: str
    area: str
    registration: Registration
    active: bool = True
