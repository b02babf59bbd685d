"""Requests to the organisation above, as values."""

from __future__ import annotations

from datetime import datetime, timedelta

from libs.chassis.db.ids import new_id
from libs.contracts.dispatch import ApprovalKind
from libs.street_time import STREET_ZONE
from services.dispatch.approvals import domain as approval
from services.dispatch.approvals.domain import REASONS, Approval, ApprovalRequest, ApprovalResult
from services.dispatch.orders.domain.order import Order, Refusal
from tests.support.small_street import STREET

M1, M5 = (STREET.members[m] for m in ("M1", "M5"))


def local_time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=STREET_ZONE)


MONDAY, TUESDAY = local_time("2026-11-23 15:00"), local_time("2026-11-24 15:00")
REASON = {kind: next(iter(REASONS[kind])) for kind in ApprovalKind}


def asked(
    order: Order, kind: ApprovalKind, amount: int = 1, now: datetime = TUESDAY, earlier: tuple[Approval, ...] = ()
) -> ApprovalResult | Refusal:
    wish = ApprovalRequest(kind, REASON[kind], "等待材料", amount)
    return approval.ask(order, M1, wish, earlier, new_id(), STREET, now)


def granted(order: Order, kind: ApprovalKind, amount: int = 1, now: datetime = TUESDAY) -> ApprovalResult:
    pending = asked(order, kind, amount, now - timedelta(minutes=1))
    assert isinstance(pending, ApprovalResult), pending
    answered = approval.decide(pending.changed.order, pending.approval, M5, True, "", STREET, now)
    assert isinstance(answered, ApprovalResult), answered
    return answered
