"""An order, the states it may be in and the moves between them. A refusal is a value that a person can read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from libs.contracts.message import Event
from libs.contracts.particulars import NOTHING_SAID, Particulars
from libs.contracts.reasons import Explanation
from libs.contracts.values import Answer, Appointment, Level, Place, Reach, RequestKind, Stage
from libs.sentences import Sentence
from libs.transitions import Impossible, Label, Need, Role, Table, Transition
from services.dispatch.calendar.domain import Clocks, Running
from services.dispatch.components.domain.naming import Named
from services.dispatch.orders.domain.help import Help, HelpState
from services.dispatch.street.domain.street import Street

INSTANT = timedelta(microseconds=1)
"""What PostgreSQL and JSON tell apart."""


class State(StrEnum):
    OFFERED = "offered"
    CLAIMED = "claimed"
    HANDLING = "handling"
    HANDLED = "handled"
    CHECKED = "checked"
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"


class Move(StrEnum):
    CLAIM = "claim"
    START = "start"
    HAND_IN = "hand_in"
    GIVE_BACK = "give_back"
    ASSIGN = "assign"
    RAISE = "raise"
    SEND_DOWN = "send_down"
    PASS_ON = "pass_on"
    PASS_CHECK = "pass_check"
    FAIL_CHECK = "fail_check"
    EXTEND = "extend"
    SUSPEND = "suspend"
    RESUME = "resume"
    TIME_UP = "time_up"
    APPEAL = "appeal"
    RESCHEDULE = "reschedule"
    SUPERVISE = "supervise"
    WIDEN = "widen"
    WARN = "warn"
    LAPSE = "lapse"
    CANCEL = "cancel"
    CORRECT = "correct"
    PAUSE = "pause"
    CONTINUE = "continue"
    ASK_HELP = "ask_help"


HELD = (State.CLAIMED, State.HANDLING)
_LIVE = (State.OFFERED, *HELD, State.HANDLED)
_GRANTED = (Need.LISTED_REASON, Need.NOTE, Need.APPROVAL)

MOVES: Table[State, Move] = Table(
    Label("order", "工单"),
    {
        State.OFFERED: "已派单",
        State.CLAIMED: "已接单",
        State.HANDLING: "处置中",
        State.HANDLED: "已处置",
        State.CHECKED: "已核查",
        State.SUSPENDED: "已挂账",
        State.CANCELLED: "已撤销",
    },
    (
        Transition(Move.CLAIM, "接单", (State.OFFERED,), State.CLAIMED, Role.CANDIDATE),
        Transition(Move.START, "开始处置", (State.CLAIMED,), State.HANDLING, Role.HANDLER),
        Transition(Move.HAND_IN, "处置反馈", HELD, State.HANDLED, Role.HANDLER, (Need.EVIDENCE,)),
        Transition(Move.GIVE_BACK, "回退", HELD, State.OFFERED, Role.HANDLER, (Need.REASON,)),
        Transition(Move.ASSIGN, "指派", (State.OFFERED,), State.CLAIMED, Role.ORGANISATION, (Need.REASON,)),
        Transition(Move.ASSIGN, "改派", HELD, None, Role.ORGANISATION, (Need.REASON,)),
        Transition(Move.RAISE, "上交", (State.OFFERED, *HELD), State.OFFERED, Role.ORGANISATION, (Need.LISTED_REASON,)),
        Transition(Move.SEND_DOWN, "下派", (State.OFFERED, *HELD), State.OFFERED, Role.ORGANISATION, (Need.REASON,)),
        Transition(
            Move.PASS_ON,
            "转派",
            (State.OFFERED, *HELD),
            State.OFFERED,
            Role.ORGANISATION,
            (Need.OTHER_UNIT, Need.REASON),
        ),
        Transition(
            Move.PASS_CHECK,
            "核查通过",
            (State.HANDLED,),
            State.CHECKED,
            Role.INSPECTOR,
            path="check",
            sends=("passed", True),
        ),
        Transition(
            Move.FAIL_CHECK,
            "返工",
            (State.HANDLED,),
            State.HANDLING,
            Role.INSPECTOR,
            (Need.NOTE,),
            "check",
            ("passed", False),
        ),
        Transition(Move.EXTEND, "延期", HELD, None, Role.HANDLER, _GRANTED, "approvals", ("kind", "extension")),
        Transition(
            Move.SUSPEND, "挂账", HELD, State.SUSPENDED, Role.HANDLER, _GRANTED, "approvals", ("kind", "suspension")
        ),
        Transition(Move.RESUME, "恢复", (State.SUSPENDED,), State.HANDLING, Role.HANDLER),
        Transition(Move.TIME_UP, "挂账到期", (State.SUSPENDED,), State.HANDLING, Role.CLOCK),
        Transition(
            Move.APPEAL,
            "申诉",
            (*HELD, State.SUSPENDED, State.HANDLED, State.CHECKED),
            None,
            Role.HANDLER,
            _GRANTED,
            "approvals",
            ("kind", "appeal"),
        ),
        Transition(Move.RESCHEDULE, "改约", (State.OFFERED, *HELD, State.SUSPENDED), None, Role.FACT),
        Transition(Move.CORRECT, "更正", (State.OFFERED, *HELD, State.SUSPENDED), None, Role.FACT),
        Transition(Move.PAUSE, "等待补充", (State.OFFERED, *HELD, State.SUSPENDED), None, Role.FACT),
        Transition(Move.CONTINUE, "继续办理", (State.OFFERED, *HELD, State.SUSPENDED), None, Role.FACT),
        Transition(Move.SUPERVISE, "督办", (*_LIVE, State.SUSPENDED), None, Role.HIGHER, (Need.NOTE,)),
        Transition(Move.ASK_HELP, "请求协办", (State.OFFERED, *HELD), None, Role.ORGANISATION, path="helpers"),
        Transition(Move.WIDEN, "扩大派单", (State.OFFERED,), None, Role.CLOCK),
        Transition(Move.WARN, "临期提醒", _LIVE, None, Role.CLOCK),
        Transition(Move.LAPSE, "超时升级", _LIVE, None, Role.CLOCK),
        Transition(Move.CANCEL, "撤销", (*_LIVE, State.SUSPENDED), State.CANCELLED, Role.FACT),
    ),
)
"""Rework is a failed check: back to handling."""

ENDED = frozenset({State.CHECKED, State.CANCELLED})

STAGE_OF: Mapping[State, Stage] = {
    State.OFFERED: Stage.CLAIM,
    State.CLAIMED: Stage.HANDLE,
    State.HANDLING: Stage.HANDLE,
    State.HANDLED: Stage.CHECK,
}


@dataclass(frozen=True, slots=True)
class ReporterAnswer:
    """What the reporter was asked, and said; `photos` are references."""

    question: str
    words: str
    photos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    order_id: UUID
    tenant: str
    case_id: UUID
    case_no: str
    category: str
    category_name: str
    summary: str
    state: State
    unit: str
    level: Level
    org_id: str
    member_id: str | None
    offered_to: tuple[str, ...]
    reach: Reach
    offers: int
    lease_ends_at: datetime | None
    given_back_by: tuple[str, ...]
    reported_by_member: str | None
    place: Place
    evidence: str
    points: int
    claim_by: datetime
    handle_by: datetime
    check_by: datetime
    clocks: Clocks
    stage_began_at: datetime
    moved_at: datetime
    spent: timedelta
    handled_at: datetime | None
    rework_count: int
    opening: int
    because: Explanation
    extended_times: int = 0
    suspended_times: int = 0
    suspended_at: datetime | None = None
    suspended_until: datetime | None = None
    in_kpis: bool = True
    request_kind: RequestKind = RequestKind.SNAPSHOT
    responsibility_version: int | None = None
    """Of the responsibility list that it was made under, by which it is done to its end."""
    skills: frozenset[str] = frozenset()
    appointment_starts_at: datetime | None = None
    appointment_ends_at: datetime | None = None
    particulars: Particulars = NOTHING_SAID
    held_by: tuple[str, ...] = ()
    """Everybody who has ever had it: none of them is sent to check it."""
    appointment_changes: int = 0
    corrections: int = 0
    asked: int = 0
    answered: int = 0
    """How many questions were put to the reporter, and how many of them are done with."""
    reporter_answers: tuple[ReporterAnswer, ...] = ()
    paused_at: datetime | None = None
    """Since then a question is open, and the clock stands still."""
    told_near: datetime | None = None
    told_overdue: datetime | None = None
    """The deadlines of this stage that were told to be near, and to be over: each is told once."""
    result: str = ""
    """What was done, in words for the reporter: the member's, or those of who checked it."""
    helpers: tuple[Help, ...] = ()
    """Those who help (协办), with what each is asked to do: the check waits for all of them."""
    component: Named | None = None
    """As it was when the order was made, whatever becomes of it in the inventory."""
    answer: Answer | None = None
    planned_for: date | None = None
    """To a proposal, as it was handed in; why stands in `result`."""
    may_lie_in: tuple[str, ...] = ()
    """The units in which it may lie, where its point is only good to some metres; empty where there is no doubt."""

    @property
    def other_units(self) -> tuple[str, ...]:
        """The units that it may be passed on to."""
        return tuple(unit for unit in self.may_lie_in if unit != self.unit)

    @property
    def appointment(self) -> Appointment | None:
        if self.appointment_starts_at is None or self.appointment_ends_at is None:
            return None
        return Appointment(starts_at=self.appointment_starts_at, ends_at=self.appointment_ends_at)

    @property
    def handling_from(self) -> datetime:
        """When the clock of handling begins, of an order that somebody has: not before the resident expects them."""
        return max(self.stage_began_at, self.appointment_starts_at or self.stage_began_at)

    @property
    def open_helpers(self) -> tuple[Help, ...]:
        return tuple(help for help in self.helpers if help.is_open)

    @property
    def stage(self) -> Stage | None:
        return STAGE_OF.get(self.state)

    @property
    def running(self) -> Running | None:
        """The clock of the stage that the order is in; none while it stands still."""
        if self.paused_at is not None:
            return None
        match self.stage:
            case Stage.CLAIM:
                return Running(self.stage_began_at, self.claim_by, self.clocks.claim.unit, self.spent)
            case Stage.HANDLE:
                return Running(self.handling_from, self.handle_by, self.clocks.handle.unit, self.spent)
            case Stage.CHECK if self.open_helpers:
                return None
            case Stage.CHECK:
                return Running(self.stage_began_at, self.check_by, self.clocks.check.unit, self.spent)
            case None:
                return None

    def due_at(self) -> datetime | None:
        """The end of the stage that the order is in, or of its suspension."""
        return self.running.due_at if self.running else self.suspended_until

    def begin(self, state: State, now: datetime, **changes: Any) -> Order:
        """The order in a new stage, whose clock begins now."""
        return replace(
            self,
            state=state,
            stage_began_at=now,
            spent=timedelta(0),
            moved_at=now,
            lease_ends_at=None,
            told_near=None,
            told_overdue=None,
            **changes,
        )

    def next_moment(self, now: datetime) -> datetime:
        """When the next move happens: now, or just after the last one.

        Facts are judged by their time, and the clocks of two processes may differ.
        """
        return max(now, self.moved_at + INSTANT)

    @property
    def helped_by(self) -> frozenset[str]:
        """The members who help with it or have done so, without those who were called off."""
        return frozenset(h.member_id for h in self.helpers if h.member_id and h.state is not HelpState.CALLED_OFF)

    @property
    def people(self) -> tuple[str, ...]:
        """The members whose turn it is."""
        return (self.member_id,) if self.member_id else self.offered_to


@dataclass(frozen=True, slots=True)
class Changed:
    """The order as it is after the decision, and the facts that tell of it."""

    order: Order
    facts: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not, and what may be done instead."""

    reason: Sentence
    allowed: tuple[Transition[State, Move], ...] = ()


Decision = Changed | Refusal


def move_to(order: Order, move: Move) -> State | Refusal:
    """The state that the move leads to, or which moves there are."""
    found = MOVES.find(order.state, move, without(order))
    return Refusal(found.detail, found.allowed) if isinstance(found, Impossible) else found.leads(order.state)


def refuse(order: Order, zh: str, en: str) -> Refusal:
    """The move is one of the table's, and something else is missing."""
    return Refusal(Sentence(zh, en), MOVES.allowed(order.state, without(order)))


def without(order: Order) -> frozenset[Move]:
    """Moves of the table that this order does not have: it is passed on only to where it may lie as well."""
    return frozenset() if order.other_units else frozenset({Move.PASS_ON})


def not_yours(order: Order, street: Street) -> Refusal:
    """Whoever has the order moves it."""
    assert order.member_id is not None
    who = f"{order.member_id} {street.member_name(order.member_id)}"
    return refuse(order, f"接单的是 {who}", f"{who} has the order")


def about(order: Order, now: datetime) -> dict[str, Any]:
    """What every fact about the order says."""
    return {"tenant": order.tenant, "occurred_at": now, "case_id": order.case_id, "order_id": order.order_id}


def described(order: Order, street: Street, now: datetime) -> dict[str, Any]:
    """What a fact says to whoever shall handle the order."""
    return {
        **about(order, now),
        "case_no": order.case_no,
        "category_name": order.category_name,
        "unit_name": street.units[order.unit].name,
        "summary": order.summary,
        "place": order.place,
        "request_kind": order.request_kind,
        "component": order.component.words if order.component else None,
        "appointment": order.appointment,
        **dict(order.particulars),
    }
