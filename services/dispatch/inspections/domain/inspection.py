"""Somebody's looking on site: whether a report is true (核实), whether an order is really done (核查). Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from libs.contracts.dispatch import CaseVerified, InspectionCancelled, InspectionKind
from libs.contracts.message import Event
from libs.contracts.values import Place
from libs.sentences import Sentence
from libs.transitions import Impossible, Label, Need, Role, Table, Transition
from services.dispatch.calendar.domain import Clock
from services.dispatch.street.domain.authority import answers_for
from services.dispatch.street.domain.street import Member, Street


class State(StrEnum):
    ASSIGNED = "assigned"
    RAISED = "raised"
    DONE = "done"
    CANCELLED = "cancelled"


class Move(StrEnum):
    VERIFY = "verify"
    CHECK = "check"
    PASS_ON = "pass_on"
    RAISE = "raise"
    CANCEL = "cancel"


OPEN = (State.ASSIGNED, State.RAISED)

MOVES: Table[State, Move] = Table(
    Label("inspection", "现场查看"),
    {State.ASSIGNED: "已指派", State.RAISED: "已上交", State.DONE: "已反馈", State.CANCELLED: "已撤销"},
    (
        Transition(Move.VERIFY, "核实反馈", OPEN, State.DONE, Role.INSPECTOR, (Need.NOTE,), "answer"),
        Transition(Move.CHECK, "核查反馈", OPEN, State.DONE, Role.INSPECTOR),
        Transition(Move.PASS_ON, "转派", (State.ASSIGNED,), None, Role.CLOCK),
        Transition(Move.RAISE, "上交", (State.ASSIGNED,), State.RAISED, Role.CLOCK),
        Transition(Move.CANCEL, "撤销", OPEN, State.CANCELLED, Role.FACT),
    ),
)


@dataclass(frozen=True, slots=True)
class Inspection:
    """`order_id`: what is to be checked. `asked`: everybody who was ever asked, the last of whom is `member_id`.

    `without` are the reporter and whoever has had the order. `clock` is how much time the next one has; `holds`
    whether the report is true, or the order is done.
    """

    inspection_id: UUID
    tenant: str
    kind: InspectionKind
    state: State
    case_id: UUID
    case_no: str
    order_id: UUID | None
    category: str
    category_name: str
    skills: frozenset[str]
    summary: str
    place: Place
    unit: str
    org_id: str
    member_id: str | None
    asked: tuple[str, ...]
    without: tuple[str, ...]
    lapses: int
    clock: Clock
    made_at: datetime
    due_at: datetime
    done_by: str | None = None
    done_at: datetime | None = None
    holds: bool | None = None
    note: str = ""
    photos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inspected:
    """The inspection as it is after the decision, and the facts that tell of it."""

    inspection: Inspection
    facts: tuple[Event, ...]


def cancel(of: Inspection, now: datetime) -> Inspected:
    """Nobody needs to look any more. Who was on the way is told."""
    return Inspected(replace(of, state=State.CANCELLED), _relieved(of, None, now))


def conclude(of: Inspection, by: str, holds: bool, note: str, photos: Collection[str], now: datetime) -> Inspected:
    """Somebody who may has looked."""
    done = replace(of, state=State.DONE, done_by=by, done_at=now, holds=holds, note=note.strip(), photos=tuple(photos))
    return Inspected(done, _relieved(of, by, now))


def verify(
    of: Inspection,
    member: Member | None,
    true_report: bool,
    note: str,
    photos: Collection[str],
    street: Street,
    now: datetime,
) -> Inspected | Impossible:
    """The member was there and says whether the report is true. The first answer counts."""
    if of.kind is not InspectionKind.VERIFY:
        return _refuse(
            of,
            f"这是对工单的核查：请用 POST /v1/orders/{of.order_id}/check 反馈",
            f"this is about an order: POST /v1/orders/{of.order_id}/check says whether it is done",
        )
    if member is not None and (of.done_by, of.holds) == (member.member_id, true_report):
        return Inspected(of, ())
    if of.state not in OPEN:
        return MOVES.impossible(of.state, Move.VERIFY)
    if member is None or not may_look(member, of, street):
        return _refuse(
            of,
            "只有被指派的成员，或负责该地点的党组织的成员可以反馈",
            "only a member who was asked, or one of an organisation that answers for the place, says it",
        )
    if member.member_id in of.without:
        return _refuse(of, "不能核实自己的上报", "a member does not verify their own report")
    if not note.strip():
        return _refuse(of, "需要说明现场情况", "a note on what was found is needed")
    done = conclude(of, member.member_id, true_report, note, photos, now)
    told = CaseVerified(
        **about(of, now),
        true_report=true_report,
        note=note.strip(),
        member_id=member.member_id,
        org_id=member.org_id,
        on_time=now <= of.due_at,
    )
    return Inspected(done.inspection, (told, *done.facts))


def may_look(member: Member, of: Inspection, street: Street) -> bool:
    """Whoever was asked may say what they saw, also when another was asked after them."""
    return member.member_id in of.asked or answers_for(member, of.unit, street)


def _relieved(of: Inspection, by: str | None, now: datetime) -> tuple[Event, ...]:
    """Who was asked and need not go."""
    if of.member_id in (None, by):
        return ()
    return (InspectionCancelled(**about(of, now), member_id=of.member_id),)


def _refuse(of: Inspection, zh: str, en: str) -> Impossible:
    return Impossible(Sentence(zh, en), MOVES.allowed(of.state))


def about(of: Inspection, now: datetime) -> dict[str, Any]:
    """What every fact about the inspection says."""
    return {
        "tenant": of.tenant,
        "occurred_at": now,
        "case_id": of.case_id,
        "case_no": of.case_no,
        "inspection_id": of.inspection_id,
        "kind": of.kind,
    }


@dataclass(frozen=True, slots=True)
class AnswerInspection:
    """What a member found who looked whether a report is true."""

    tenant: str
    inspection_id: UUID
    member_id: str
    true_report: bool
    note: str
    photos: tuple[str, ...]
