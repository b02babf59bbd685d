"""Which facts tell whom, with which template: fact → audience → template. A fact that is not here tells nobody."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from libs.contracts.dispatch import (
    AppealUpheld,
    ApprovalAsked,
    ApprovalRefused,
    DeadlineNear,
    HelpAsked,
    HelpAssigned,
    HelpCalledOff,
    HelpDone,
    HelpOverdue,
    InspectionAssigned,
    InspectionCancelled,
    InspectionLapsed,
    InspectionRaised,
    MemberAbsent,
    OrderAssigned,
    OrderCancelled,
    OrderChecked,
    OrderClaimed,
    OrderContinued,
    OrderCorrected,
    OrderEscalated,
    OrderExtended,
    OrderMoved,
    OrderOffered,
    OrderOverdue,
    OrderPassedOn,
    OrderPaused,
    OrderRescheduled,
    OrderResumed,
    OrderSentDown,
    OrderSupervised,
    OrderSuspended,
    PatrolAssigned,
    PatrolMissed,
)
from libs.contracts.incident import (
    CaseAnswered,
    CaseAppointmentChanged,
    CaseCarriedOut,
    CaseClosed,
    CaseCorrected,
    CaseFollowed,
    CaseMerged,
    CaseQuestioned,
    CaseRegistered,
    CaseRejected,
    CaseReopened,
    CaseStreetEvaluated,
    CaseUnmerged,
    CaseVoided,
    Corrected,
)
from libs.contracts.message import Event
from libs.contracts.particulars import TITLES
from libs.contracts.scoring import PointsPosted
from libs.contracts.values import Appointment, Channel, Place
from libs.street_time import local_minutes
from services.notify.recipients.domain.reach import member, org, reporter


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who reported the case, or another that was merged into it. Only CaseReported says who that is."""


@dataclass(frozen=True, slots=True)
class Members:
    """The members whom `field` names, but not where the field `unless` is true."""

    field: str
    unless: str | None = None


@dataclass(frozen=True, slots=True)
class Orgs:
    """Organisations, for which whoever is on duty reads the inbox."""

    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Follower:
    """The resident whom `field` names, and nobody else."""

    field: str


Staff = tuple[Members, Orgs]
Audience = Reporter | Follower | Members | Orgs | Staff


@dataclass(frozen=True, slots=True)
class Rule:
    """`says` names the fields of the fact that the template may use. `tells`: whether this one is told at all."""

    template: str
    audience: Audience
    says: tuple[str, ...]
    channels: frozenset[Channel] = frozenset(Channel)
    tells: Callable[[Any], bool] = lambda fact: True


def _was_corrected_by_staff(fact: CaseCorrected) -> bool:
    """And in something that its reporter can see; what they say themselves when they answer, they know."""
    return fact.by_member is not None and set(fact.corrected) != {Corrected.REPORTED_BY_MEMBER}


DESCRIBED = (
    "case_no",
    "category_name",
    "unit_name",
    "summary",
    "place",
    "request_kind",
    "component",
    "appointment",
    *TITLES,
)
"""What whoever shall handle an order is told of it."""

RULES: Mapping[type[Event], Rule] = {
    CaseRegistered: Rule("registered", Reporter(), ("case_no", "category_name", "appointment", *TITLES)),
    CaseRejected: Rule("rejected", Reporter(), ("case_no", "category_name", "end_reason", "note")),
    CaseVoided: Rule("voided", Reporter(), ("case_no", "category_name", "end_reason", "note")),
    CaseMerged: Rule("merged", Reporter(), ("case_no",)),
    CaseUnmerged: Rule("unmerged", Reporter(), ("case_no",)),
    OrderOffered: Rule(
        "offered",
        Members("newly_asked"),
        (*DESCRIBED, "claim_by"),
    ),
    OrderClaimed: Rule("claimed", Reporter(), ("handle_by",)),
    OrderChecked: Rule("rework", Members("member_id", unless="passed"), ("note",)),
    InspectionAssigned: Rule(
        "inspection_assigned",
        Members("member_id"),
        ("kind", "case_no", "category_name", "unit_name", "summary", "place", "due_at"),
    ),
    InspectionLapsed: Rule("inspection_lapsed", Members("member_id"), ("kind", "case_no", "due_at")),
    InspectionRaised: Rule(
        "inspection_raised", Orgs(("org_id",)), ("kind", "case_no", "category_name", "unit_name", "summary", "place")
    ),
    InspectionCancelled: Rule("inspection_cancelled", Members("member_id"), ("kind", "case_no")),
    CaseClosed: Rule("closed", Reporter(), ("case_no", "result", "proposal_answer", "planned_for")),
    CaseCarriedOut: Rule("carried_out", Reporter(), ("case_no", "category_name", "words")),
    CaseReopened: Rule("reopened", Reporter(), ("case_no",)),
    CaseStreetEvaluated: Rule("street_evaluated", Orgs(("org_id",)), ("grade",)),
    OrderCancelled: Rule("cancelled", Members("member_ids"), ("case_no", "because")),
    OrderAssigned: Rule(
        "assigned",
        Members("member_id"),
        (*DESCRIBED, "reason", "handle_by"),
    ),
    MemberAbsent: Rule("member_absent", Orgs(("org_id",)), ("member_id", "until", "case_nos")),
    DeadlineNear: Rule("deadline_near", Members("member_ids"), ("stage", "due_at")),
    OrderOverdue: Rule("overdue", Members("member_ids"), ("stage", "due_at")),
    OrderEscalated: Rule("escalated", Orgs(("from_org", "to_org")), ("cause", "from_unit", "to_unit", "to_level")),
    PatrolAssigned: Rule(
        "patrol_assigned", Members("member_ids"), ("name_zh", "name_en", "tasks", "planned_at", "visit_by")
    ),
    PatrolMissed: Rule(
        "patrol_missed",
        Orgs(("org_id", "missed_orgs")),
        ("name_zh", "name_en", "unit_name", "planned_at", "count", "missed_names"),
    ),
    OrderSupervised: Rule("supervised", Members("member_ids"), ("note",)),
    ApprovalAsked: Rule("approval_asked", Orgs(("decided_by_org",)), ("kind", "member_id", "org_id")),
    ApprovalRefused: Rule("approval_refused", Members("member_id"), ("kind", "answer")),
    OrderExtended: Rule("extended", Members("member_id"), ("handle_by",)),
    OrderSuspended: Rule("suspended", Members("member_id"), ("until",)),
    CaseAppointmentChanged: Rule("appointment_changed", Reporter(), ("case_no", "appointment")),
    OrderRescheduled: Rule("rescheduled", Members("member_ids"), ("appointment", "handle_by")),
    CaseCorrected: Rule(
        "corrected",
        Reporter(),
        ("case_no", "category_name", "place", "reason"),
        tells=_was_corrected_by_staff,
    ),
    OrderCorrected: Rule(
        "order_corrected",
        Members("member_ids"),
        ("case_no", "category_name", "summary", "place", "reason", "handle_by"),
    ),
    OrderMoved: Rule(
        "order_moved",
        (Members("taken_from"), Orgs(("from_org", "org_id"))),
        ("case_no", "category_name", "place", "from_unit_name", "unit_name", "reason"),
    ),
    CaseFollowed: Rule("followed", Follower("follower_id"), ("case_no", "category_name")),
    CaseQuestioned: Rule("questioned", Reporter(), ("case_no", "question", "answer_by")),
    CaseAnswered: Rule("answered", Members("asked_by"), ("case_no", "question", "answer")),
    OrderPaused: Rule("paused", Members("member_ids"), ("case_no", "question", "answer_by")),
    OrderContinued: Rule("continued", Members("member_ids"), ("case_no", "answer", "handle_by")),
    HelpAsked: Rule(
        "help_asked", Orgs(("org_id",)), ("case_no", "category_name", "summary", "place", "task", "due_at")
    ),
    HelpAssigned: Rule(
        "help_assigned", Members("member_id"), ("case_no", "category_name", "summary", "place", "task", "due_at")
    ),
    HelpDone: Rule("help_done", Members("member_ids"), ("case_no", "task", "note")),
    HelpOverdue: Rule(
        "help_overdue",
        (Members("member_ids"), Orgs(("org_id", "above_org", "asked_by_org"))),
        ("case_no", "task", "due_at"),
    ),
    HelpCalledOff: Rule(
        "help_called_off", (Members("member_ids"), Orgs(("org_id",))), ("case_no", "task", "why", "reason")
    ),
    OrderResumed: Rule("resumed", Members("member_id"), ("handle_by",)),
    AppealUpheld: Rule("appeal_upheld", Members("member_id"), ()),
    OrderSentDown: Rule("sent_down", Orgs(("from_org", "to_org")), ("from_unit", "to_unit", "to_level", "reason")),
    OrderPassedOn: Rule(
        "passed_on",
        (Members("taken_from"), Orgs(("from_org", "org_id"))),
        ("case_no", "category_name", "place", "from_unit_name", "unit_name", "reason"),
    ),
    PointsPosted: Rule("points_posted", Members("member_id"), ("points",), frozenset({Channel.IN_APP})),
}
FOR_REPORTERS: Mapping[str, Rule] = {
    rule.template: rule for rule in RULES.values() if isinstance(rule.audience, Reporter)
}
"""By template: what whoever follows a case is told besides who reported it."""


def recipient_ids(fact: Event, audience: Audience, reporters: Sequence[str]) -> list[str]:
    """The recipients, each once, in the order of the fact. `reporters`: of the case and of those merged into it."""
    match audience:
        case Reporter():
            return list(dict.fromkeys(reporters))
        case Follower(field):
            return [reporter(getattr(fact, field))]
        case Members(field, unless):
            if unless is not None and getattr(fact, unless):
                return []
            return [member(m) for m in dict.fromkeys(_named(fact, field))]
        case Orgs(fields):
            return [org(o) for o in dict.fromkeys(o for field in fields for o in _named(fact, field))]
        case (members, orgs):
            return [*recipient_ids(fact, members, reporters), *recipient_ids(fact, orgs, reporters)]


def _named(fact: Event, field: str) -> Sequence[str]:
    named = getattr(fact, field)
    return (named,) if isinstance(named, str) else named


def parameters(fact: Event, rule: Rule) -> dict[str, str]:
    """What the template may say, as text; times are the street's. A place with a point has its degrees besides, and
    about how many metres it is good to, where that is known."""
    said = {name: _as_text(getattr(fact, name)) for name in rule.says}
    places = (getattr(fact, name) for name in rule.says)
    point = next((each.point for each in places if isinstance(each, Place)), None)
    if point is None:
        return said
    said |= {"longitude": str(point.longitude), "latitude": str(point.latitude)}
    return said | ({"accuracy_m": str(round(point.accuracy_m))} if point.accuracy_m else {})


def _as_text(value: Any) -> str:
    if isinstance(value, datetime):
        return local_minutes(value)
    if isinstance(value, Appointment):
        return f"{_as_text(value.starts_at)} – {_as_text(value.ends_at)}"
    if isinstance(value, Place):
        point = value.point
        degrees = f"{point.longitude:.5f}, {point.latitude:.5f}" if point else None
        return " · ".join(filter(None, (value.name, degrees)))
    if isinstance(value, tuple):
        return ", ".join(value)
    return "" if value is None else str(value)
