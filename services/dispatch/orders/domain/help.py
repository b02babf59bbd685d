"""One organisation answers for an order (主办), and others help with it (协办): what each of them does, and by when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from libs.transitions import Label, Need, Role, Table, Transition
from services.dispatch.street.domain.responsibility import HELPERS_AT_MOST

USUAL_SHARE: Final = 20
SHARES_AT_MOST: Final = USUAL_SHARE * HELPERS_AT_MOST
"""Percent of the points of the order: of a helper whom nobody gave another share, and of all helpers together."""


class HelpState(StrEnum):
    ASKED = "asked"
    ASSIGNED = "assigned"
    DONE = "done"
    CALLED_OFF = "called_off"


class HelpMove(StrEnum):
    ASSIGN = "assign"
    FINISH = "finish"
    CALL_OFF = "call_off"
    LAPSE = "lapse"
    ORDER_OVER = "order_over"


OPEN = (HelpState.ASKED, HelpState.ASSIGNED)

MOVES: Table[HelpState, HelpMove] = Table(
    Label("help", "协办"),
    {
        HelpState.ASKED: "待协办",
        HelpState.ASSIGNED: "协办中",
        HelpState.DONE: "已办结",
        HelpState.CALLED_OFF: "已取消",
    },
    (
        Transition(HelpMove.ASSIGN, "指派", OPEN, HelpState.ASSIGNED, Role.HELPER),
        Transition(HelpMove.FINISH, "办结", OPEN, HelpState.DONE, Role.HELPER, (Need.NOTE,)),
        Transition(HelpMove.CALL_OFF, "取消", OPEN, HelpState.CALLED_OFF, Role.ORGANISATION, (Need.REASON,)),
        Transition(HelpMove.LAPSE, "超时", OPEN, None, Role.CLOCK),
        Transition(HelpMove.ORDER_OVER, "工单结束", OPEN, HelpState.CALLED_OFF, Role.FACT),
    ),
)


@dataclass(frozen=True, slots=True)
class Help:
    """What the organisation of a unit is asked to do. `share`: percent of the points of the order.

    `due_at` None: by the time that the order is to be handled, whenever that is. `asked_by` None: by the
    responsibility list, or by the campaign. `told_overdue`: the deadline that was told to be over.
    """

    help_id: UUID
    unit: str
    task: str
    share: int
    due_at: datetime | None
    state: HelpState = HelpState.ASKED
    asked_by: str | None = None
    member_id: str | None = None
    done_at: datetime | None = None
    on_time: bool | None = None
    note: str = ""
    told_overdue: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.state in OPEN
