"""What dispatch says of an order, as facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import reduce
from uuid import UUID

from libs.contracts.dispatch import OrderChecked, OrderClaimed, OrderDispatched, OrderHandled, OrderOverdue
from libs.contracts.message import OrderEvent
from libs.contracts.reasons import Reason, Why
from libs.contracts.values import Level, Stage
from services.incident.cases.domain.case import Standing, apply_order_fact

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
STREET = "370784004"
CASE, ORDER = UUID(int=1), UUID(int=2)


def dispatched(minute: int, number: int = 1, handle_hours: int = 8) -> OrderDispatched:
    return OrderDispatched(
        id=UUID(int=number),
        tenant=STREET,
        occurred_at=NOON + timedelta(minutes=minute),
        case_id=CASE,
        order_id=ORDER,
        case_no="20261123-000001",
        category="11001",
        unit="3707840042010101",
        unit_name="第一微网格",
        org_id="org-1",
        level=Level.MICRO_GRID,
        claim_by=NOON + timedelta(hours=1),
        handle_by=NOON + timedelta(hours=handle_hours),
        check_by=NOON + timedelta(hours=handle_hours + 8),
        because=(Reason(Why.POINT_OUTSIDE),),
    )


def claimed(minute: int, number: int = 1) -> OrderClaimed:
    return OrderClaimed(
        id=UUID(int=number),
        tenant=STREET,
        occurred_at=NOON + timedelta(minutes=minute),
        case_id=CASE,
        order_id=ORDER,
        member_id="m-1",
        org_id="org-1",
        category="11001",
        handle_by=NOON + timedelta(hours=8),
    )


def handled(minute: int, number: int = 1) -> OrderHandled:
    return OrderHandled(
        id=UUID(int=number),
        tenant=STREET,
        occurred_at=NOON + timedelta(minutes=minute),
        case_id=CASE,
        order_id=ORDER,
        member_id="m-1",
        org_id="org-1",
        category="11001",
        on_time=True,
    )


def checked(minute: int, number: int = 1, passed: bool = True) -> OrderChecked:
    return OrderChecked(
        id=UUID(int=number),
        tenant=STREET,
        occurred_at=NOON + timedelta(minutes=minute),
        case_id=CASE,
        order_id=ORDER,
        passed=passed,
        member_id="m-1",
        org_id="org-1",
        checked_by="m-2",
        checked_by_org="org-2",
        category="11001",
        points=5,
        on_time=True,
        own_report=False,
    )


def overdue(minute: int, number: int = 1) -> OrderOverdue:
    return OrderOverdue(
        id=UUID(int=number),
        tenant=STREET,
        occurred_at=NOON + timedelta(minutes=minute),
        case_id=CASE,
        order_id=ORDER,
        stage=Stage.HANDLE,
        due_at=NOON,
        org_id="org-1",
        unit="3707840042010101",
        member_ids=("m-1",),
    )


def after(case: Standing, *facts: OrderEvent) -> Standing:
    return reduce(apply_order_fact, facts, case)
