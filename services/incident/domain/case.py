"""The life of a case: which move leads from which state to which, and how facts about its order move it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from libs.contracts.dispatch import OrderChecked, OrderClaimed, OrderDispatched, OrderHandled
from libs.contracts.message import OrderEvent
from libs.contracts.words import Registration


class State(StrEnum):
    REPORTED = "reported"
    VERIFYING = "verifying"
    REGISTERED = "registered"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"
    CLOSED = "closed"
    REJECTED = "rejected"


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


@dataclass(frozen=True, slots=True)
class Transition:
    """`rank` orders moves of the same instant; staff decide before there is an order, so theirs have none."""

    origins: frozenset[State]
    target: State
    rank: int = 0


# Dispatch alone knows how its order stands and its facts come in any order, so they move a registered case from
# wherever it is: the latest in time wins.
_WITH_ORDER = frozenset({State.REGISTERED, State.IN_PROGRESS, State.RESOLVED, State.CLOSED})

TRANSITIONS: Mapping[Move, Transition] = {
    Move.ACCEPT: Transition(frozenset({State.REPORTED}), State.REGISTERED),
    Move.REJECT: Transition(frozenset({State.REPORTED, State.VERIFYING}), State.REJECTED),
    Move.CONFIRM: Transition(frozenset({State.VERIFYING}), State.REGISTERED),
    Move.DISPROVE: Transition(frozenset({State.VERIFYING}), State.REJECTED),
    Move.CLAIM: Transition(_WITH_ORDER, State.IN_PROGRESS, 1),
    Move.HANDLE: Transition(_WITH_ORDER, State.RESOLVED, 2),
    Move.FAIL: Transition(_WITH_ORDER, State.IN_PROGRESS, 3),
    Move.PASS: Transition(_WITH_ORDER, State.CLOSED, 3),
    Move.REOPEN: Transition(frozenset({State.CLOSED}), State.IN_PROGRESS, 4),
}

STAFF_MOVES = (Move.ACCEPT, Move.REJECT, Move.CONFIRM, Move.DISPROVE)

FIRST_STATE: Mapping[Registration, State] = {
    Registration.AUTOMATIC: State.REGISTERED,
    Registration.ACCEPTOR: State.REPORTED,
    Registration.VERIFY: State.VERIFYING,
}


@dataclass(frozen=True, slots=True, order=True)
class Moved:
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


@dataclass(frozen=True, slots=True)
class Promise:
    """Until when the order shall be handled, as it was said at `at`."""

    at: datetime
    handle_by: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """How a case stands; `moved` is None until an order's fact moved it."""

    state: State
    moved: Moved | None = None
    closing: Closing | None = None
    promise: Promise | None = None
    reopened_times: int = 0


def staff_moves(state: State) -> list[Move]:
    """The moves that staff may make from a state."""
    return [move for move in STAFF_MOVES if state in TRANSITIONS[move].origins]


def endpoints(state: State) -> list[str]:
    """The same as the API names them: confirm and disprove are the two outcomes of verify."""
    verify = {Move.CONFIRM: "verify", Move.DISPROVE: "verify"}
    return list(dict.fromkeys(verify.get(move, move.value) for move in staff_moves(state)))


def decide(case: Standing, move: Move) -> Standing | None:
    """The case after a decision of staff; None when the state does not allow it."""
    transition = TRANSITIONS[move]
    return replace(case, state=transition.target) if case.state in transition.origins else None


def follow(case: Standing, fact: OrderEvent) -> Standing:
    """The case after a fact about its order. The end is the same for every order in which facts arrive."""
    match fact:
        case OrderDispatched():
            return _promised(case, Promise(fact.occurred_at, fact.handle_by))
        case OrderClaimed():
            return _moved(case, Move.CLAIM, fact)
        case OrderHandled():
            return _moved(case, Move.HANDLE, fact)
        case OrderChecked(passed=True):
            return _moved(_closed(case, Closing(fact.occurred_at, fact.id, fact.order_id)), Move.PASS, fact)
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
    transition = TRANSITIONS[Move.REOPEN]
    last = max(at, case.moved.at) if case.moved else at
    return replace(
        case,
        state=transition.target,
        moved=Moved(last, transition.rank, by),
        reopened_times=case.reopened_times + 1,
    )


def _moved(case: Standing, move: Move, fact: OrderEvent) -> Standing:
    transition = TRANSITIONS[move]
    moved = Moved(fact.occurred_at, transition.rank, fact.id)
    if case.state not in transition.origins or (case.moved is not None and moved <= case.moved):
        return case
    return replace(case, state=transition.target, moved=moved)


def _closed(case: Standing, closing: Closing) -> Standing:
    known = case.closing
    later = known is None or (closing.at, closing.by) > (known.at, known.by)
    return replace(case, closing=closing) if later else case


def _promised(case: Standing, promise: Promise) -> Standing:
    known = case.promise
    later = known is None or (promise.at, promise.handle_by) > (known.at, known.handle_by)
    return replace(case, promise=promise) if later else case
