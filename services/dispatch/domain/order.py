"""An order, the states it may be in and the moves between them. A refusal is a value that a person can read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from libs.contracts.message import Event
from libs.contracts.words import Level, Stage

AMBER = 0.8
INSTANT = timedelta(microseconds=1)
"""What PostgreSQL and JSON tell apart."""


class State(StrEnum):
    OFFERED = "offered"
    CLAIMED = "claimed"
    HANDLING = "handling"
    HANDLED = "handled"
    CHECKED = "checked"


MOVES: Mapping[tuple[State, str], State] = {
    (State.OFFERED, "claim"): State.CLAIMED,
    (State.CLAIMED, "hand_in"): State.HANDLED,
    (State.CLAIMED, "give_back"): State.OFFERED,
    (State.HANDLING, "hand_in"): State.HANDLED,
    (State.HANDLING, "give_back"): State.OFFERED,
    (State.HANDLED, "pass_check"): State.CHECKED,
    (State.HANDLED, "fail_check"): State.HANDLING,
}
"""Every move there is; what is not here is refused. Rework is a failed check: back to handling."""

STAGE_OF: Mapping[State, Stage] = {
    State.OFFERED: Stage.CLAIM,
    State.CLAIMED: Stage.HANDLE,
    State.HANDLING: Stage.HANDLE,
    State.HANDLED: Stage.CHECK,
}


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
    given_back_by: tuple[str, ...]
    reported_by_member: str | None
    evidence: str
    points: int
    claim_by: datetime
    handle_by: datetime
    check_by: datetime
    stage_began_at: datetime
    handled_at: datetime | None
    rework_count: int
    reopened_times: int
    because: tuple[str, ...]

    def due_at(self) -> datetime | None:
        """The end of the stage that the order is in."""
        match STAGE_OF.get(self.state):
            case Stage.CLAIM:
                return self.claim_by
            case Stage.HANDLE:
                return self.handle_by
            case Stage.CHECK:
                return self.check_by
            case None:
                return None

    def amber_at(self) -> datetime | None:
        due_at = self.due_at()
        return self.stage_began_at + (due_at - self.stage_began_at) * AMBER if due_at else None

    def next_moment(self, now: datetime) -> datetime:
        """When the next move happens: now, or just after the last one.

        Facts are judged by their time, and the clocks of two processes may differ.
        """
        return max(now, self.stage_began_at + INSTANT)

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
class Refuse:
    reason: str
    allowed: tuple[str, ...] = ()


Decision = Changed | Refuse


def move_to(order: Order, move: str) -> State | Refuse:
    """The state that the move leads to, or which moves there are."""
    to = MOVES.get((order.state, move))
    if to is not None:
        return to
    allowed = tuple(m for s, m in MOVES if s is order.state)
    return Refuse(f"the order is {order.state}, where only {', '.join(allowed) or 'nothing'} is possible", allowed)


def about(order: Order, now: datetime) -> dict[str, Any]:
    """What every fact about the order says."""
    return {"tenant": order.tenant, "occurred_at": now, "case_id": order.case_id, "order_id": order.order_id}
