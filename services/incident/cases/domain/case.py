"""The life of a case: which move leads from which state to which, and how facts about its order move it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from libs.contracts.dispatch import (
    OrderAssigned,
    OrderChecked,
    OrderClaimed,
    OrderContinued,
    OrderCorrected,
    OrderDispatched,
    OrderExtended,
    OrderHandled,
    OrderMoved,
    OrderRescheduled,
    OrderResumed,
)
from libs.contracts.message import OrderEvent
from libs.contracts.values import Answer, Appointment, Registration
from libs.transitions import Impossible, Label, Need, Role, Table, Transition
from services.incident.cases.domain.redaction import redact


class State(StrEnum):
    REPORTED = "reported"
    VERIFYING = "verifying"
    REGISTERED = "registered"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"
    CLOSED = "closed"
    REJECTED = "rejected"
    VOID = "void"
    MERGED = "merged"


class Move(StrEnum):
    ACCEPT = "accept"
    REJECT = "reject"
    CONFIRM = "confirm"
    DISPROVE = "disprove"
    CLAIM = "claim"
    HANDLE = "handle"
    PASS = "pass"
    FAIL = "fail"
    REOPEN = "reopen"
    VOID = "void"
    MERGE = "merge"
    UNMERGE = "unmerge"
    CORRECT = "correct"
    REWORD = "reword"
    WITHDRAW = "withdraw"
    ASK = "ask"
    ANSWER = "answer"
    FOLLOW = "follow"


# Dispatch alone knows how its order stands and its facts come in any order, so they move a registered case from
# wherever it is: the latest in time wins.
_UNDECIDED = (State.REPORTED, State.VERIFYING)
_WITH_ORDER = (State.REGISTERED, State.IN_PROGRESS, State.RESOLVED, State.CLOSED)
TRANSITIONS: Table[State, Move] = Table(
    Label("case", "案件"),
    {
        State.REPORTED: "已上报",
        State.VERIFYING: "核实中",
        State.REGISTERED: "已立案",
        State.IN_PROGRESS: "处置中",
        State.RESOLVED: "已处置",
        State.CLOSED: "已结案",
        State.REJECTED: "不予受理",
        State.VOID: "作废",
        State.MERGED: "已合并",
    },
    (
        Transition(Move.ACCEPT, "受理立案", (State.REPORTED,), State.REGISTERED, Role.ACCEPTOR),
        Transition(
            Move.REJECT,
            "不予受理",
            _UNDECIDED,
            State.REJECTED,
            Role.ACCEPTOR,
            (Need.LISTED_REASON,),
        ),
        Transition(
            Move.CONFIRM,
            "核实属实",
            (State.VERIFYING,),
            State.REGISTERED,
            Role.VERIFIER,
            (Need.NOTE,),
            "verify",
            ("true_report", True),
        ),
        Transition(
            Move.DISPROVE,
            "核实不属实",
            (State.VERIFYING,),
            State.REJECTED,
            Role.VERIFIER,
            (Need.NOTE,),
            "verify",
            ("true_report", False),
        ),
        Transition(
            Move.VOID,
            "作废",
            (*_UNDECIDED, State.REGISTERED, State.IN_PROGRESS, State.RESOLVED),
            State.VOID,
            Role.ACCEPTOR,
            (Need.LISTED_REASON,),
        ),
        Transition(Move.WITHDRAW, "撤回", (*_UNDECIDED, State.REGISTERED), State.VOID, Role.REPORTER),
        Transition(
            Move.MERGE,
            "合并",
            (*_UNDECIDED, State.REGISTERED, State.IN_PROGRESS),
            State.MERGED,
            Role.ACCEPTOR,
        ),
        Transition(Move.UNMERGE, "取消合并", (State.MERGED,), State.REGISTERED, Role.ACCEPTOR, (Need.NOTE,)),
        Transition(
            Move.CORRECT,
            "更正",
            (*_UNDECIDED, State.REGISTERED, State.IN_PROGRESS),
            None,
            Role.ACCEPTOR,
            (Need.REASON,),
        ),
        Transition(
            Move.ASK,
            "请上报人补充",
            (*_UNDECIDED, State.REGISTERED, State.IN_PROGRESS),
            None,
            Role.MEMBER,
            (Need.NOTE,),
        ),
        Transition(
            Move.ANSWER, "补充", (*_UNDECIDED, State.REGISTERED, State.IN_PROGRESS), None, Role.REPORTER, (Need.NOTE,)
        ),
        Transition(Move.REWORD, "更正文字", tuple(State), None, Role.ACCEPTOR, (Need.REASON,), "correct"),
        Transition(
            Move.FOLLOW,
            "关注",
            (*_UNDECIDED, State.REGISTERED, State.IN_PROGRESS, State.RESOLVED),
            None,
            Role.RESIDENT,
        ),
        Transition(Move.CLAIM, "接单", _WITH_ORDER, State.IN_PROGRESS, Role.FACT),
        Transition(Move.HANDLE, "处置", _WITH_ORDER, State.RESOLVED, Role.FACT),
        Transition(Move.FAIL, "核查未通过", _WITH_ORDER, State.IN_PROGRESS, Role.FACT),
        Transition(Move.PASS, "核查通过", _WITH_ORDER, State.CLOSED, Role.FACT),
        Transition(
            Move.REOPEN,
            "重新立案",
            (State.CLOSED,),
            State.IN_PROGRESS,
            Role.REPORTER,
            path="feedback",
            sends=("satisfied", False),
        ),
    ),
)
RANKS: Mapping[Move, int] = {Move.CLAIM: 1, Move.HANDLE: 2, Move.FAIL: 3, Move.PASS: 3, Move.REOPEN: 4, Move.UNMERGE: 4}
"""Which of two moves of the same instant is the later; staff decide before there is an order, so theirs have none."""
FIRST_STATE: Mapping[Registration, State] = {
    Registration.AUTOMATIC: State.REGISTERED,
    Registration.ACCEPTOR: State.REPORTED,
    Registration.VERIFY: State.VERIFYING,
}


@dataclass(frozen=True, slots=True, order=True)
class MoveStamp:
    """When a fact moved the case. Of two, the greater is the later one, in every process alike."""

    at: datetime
    rank: int
    by: UUID


@dataclass(frozen=True, slots=True)
class Closing:
    """The latest check that found the work done; `by` is the fact's id."""

    at: datetime
    by: UUID
    order_id: UUID
    result: str = ""
    """What was done, in words for the reporter."""
    answer: Answer | None = None
    planned_for: date | None = None
    """To a proposal; where it is planned, the day by which."""


@dataclass(frozen=True, slots=True)
class Promise:
    """Until when the order shall be handled, as it was said at `at`."""

    at: datetime
    handle_by: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """How a case stands.

    `moved` is None until an order's fact moved it. `opened` counts how often it was given to dispatch. `merged_into`
    and `parent` are numbers of other cases. `settled_at`: the reporter's time to say something is over.
    `carried_out_at`: what was planned for a proposal is done.
    """

    state: State
    moved: MoveStamp | None = None
    closing: Closing | None = None
    promise: Promise | None = None
    reopened_times: int = 0
    opened: int = 0
    merged_into: str | None = None
    parent: str | None = None
    settled_at: datetime | None = None
    carried_out_at: datetime | None = None

    @property
    def opening(self) -> int | None:
        """Which order of the case is its latest, from 0; None before there is one."""
        return self.opened - 1 if self.opened else None


@dataclass(frozen=True, slots=True)
class Decided:
    case_no: str
    state: str


def begin(registration: Registration) -> Standing:
    """A report of a category with this policy."""
    state = FIRST_STATE[registration]
    return Standing(state, opened=1 if state is State.REGISTERED else 0)


def decide(case: Standing, move: Move) -> Standing | Impossible:
    """The case after a decision of staff, or which decisions there are."""
    found = TRANSITIONS.find(case.state, move)
    if isinstance(found, Impossible):
        return found
    state = found.leads(case.state)
    registered = found.target is State.REGISTERED
    return replace(case, state=state, opened=case.opened + registered)


def apply_order_fact(case: Standing, fact: OrderEvent) -> Standing:
    """The case after a fact about its order. The end is the same for every order in which facts arrive."""
    match fact:
        case (
            OrderDispatched()
            | OrderExtended()
            | OrderRescheduled()
            | OrderResumed()
            | OrderCorrected()
            | OrderContinued()
            | OrderMoved()
        ):
            return _promised(case, Promise(fact.occurred_at, fact.handle_by))
        case OrderClaimed() | OrderAssigned():
            return _moved(case, Move.CLAIM, fact)
        case OrderHandled():
            return _moved(case, Move.HANDLE, fact)
        case OrderChecked(passed=True):
            said = (redact(fact.result), fact.answer, fact.planned_for)
            closing = Closing(fact.occurred_at, fact.id, fact.order_id, *said)
            return _moved(_closed(case, closing), Move.PASS, fact)
        case OrderChecked():
            return _moved(case, Move.FAIL, fact)
        case _:
            return case


def step_of(fact: OrderEvent) -> str:
    """The word for a fact in the timeline."""
    match fact:
        case OrderChecked(passed=passed):
            return "passed" if passed else "failed"
        case _:
            return fact.message_name


def reopen(case: Standing, at: datetime, by: UUID) -> Standing:
    """A closed case, worked on again. What was before the closing stays before it, whatever the clocks say."""
    [reopening] = TRANSITIONS.of(Move.REOPEN)
    return replace(
        case,
        state=reopening.leads(case.state),
        moved=after_all(case, Move.REOPEN, at, by),
        reopened_times=case.reopened_times + 1,
        opened=case.opened + 1,
        carried_out_at=None,
    )


def unmerge(case: Standing, at: datetime, by: UUID) -> Standing | Impossible:
    """The case on its own: it is registered and gets an order. What was told of its order before stays before that."""
    decided = decide(case, Move.UNMERGE)
    if isinstance(decided, Impossible):
        return decided
    return replace(decided, merged_into=None, moved=after_all(case, Move.UNMERGE, at, by))


def after_all(case: Standing, move: Move, at: datetime, by: UUID) -> MoveStamp:
    """The stamp of a move that is never earlier than the last fact of an order."""
    return MoveStamp(max(at, case.moved.at) if case.moved else at, RANKS[move], by)


def _moved(case: Standing, move: Move, fact: OrderEvent) -> Standing:
    transition = TRANSITIONS.get(case.state, move)
    moved = MoveStamp(fact.occurred_at, RANKS[move], fact.id)
    if transition is None or (case.moved is not None and moved <= case.moved):
        return case
    return replace(case, state=transition.leads(case.state), moved=moved, settled_at=None, carried_out_at=None)


def _closed(case: Standing, closing: Closing) -> Standing:
    known = case.closing
    later = known is None or (closing.at, closing.by) > (known.at, known.by)
    return replace(case, closing=closing) if later else case


def _promised(case: Standing, promise: Promise) -> Standing:
    known = case.promise
    later = known is None or (promise.at, promise.handle_by) > (known.at, known.handle_by)
    return replace(case, promise=promise) if later else case


def window(starts_at: datetime | None, ends_at: datetime | None) -> Appointment | None:
    return Appointment(starts_at=starts_at, ends_at=ends_at) if starts_at and ends_at else None
