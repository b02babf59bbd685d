"""Facts that score, with the members and organisations they are about, and what the ledger shows of them."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from libs.chassis.db.ids import new_id
from libs.contracts.dispatch import MemberChanged, OrderChecked, UnitChanged
from libs.contracts.incident import CaseEvaluated, CaseReopened
from libs.contracts.values import Level, MemberKind, OrgKind
from services.scoring.ledger import tables as ledger_tables
from tests.support.stage import NOON, PATIENCE_SECONDS, MakeStage, Stage

TENANT = "370784004"


def checked(
    *,
    handler: str = "M1",
    checked_by: str = "M9",
    points: int = 5,
    passed: bool = True,
    on_time: bool = True,
    own_report: bool = False,
    at: datetime = NOON,
    order_id: UUID | None = None,
    case_id: UUID | None = None,
) -> OrderChecked:
    """M1 and M2 are of P1, M9 is of P2."""
    return OrderChecked(
        tenant=TENANT,
        occurred_at=at,
        case_id=case_id or new_id(),
        order_id=order_id or new_id(),
        passed=passed,
        member_id=handler,
        org_id="P1",
        checked_by=checked_by,
        checked_by_org="P2",
        category="11001",
        points=points,
        on_time=on_time,
        own_report=own_report,
    )


def evaluated(check: OrderChecked, *, satisfied: bool = True) -> CaseEvaluated:
    return CaseEvaluated(
        tenant=check.tenant,
        occurred_at=check.occurred_at + timedelta(hours=1),
        case_id=check.case_id,
        case_no="20261123-000001",
        order_id=check.order_id,
        satisfied=satisfied,
    )


def reopened(check: OrderChecked) -> CaseReopened:
    return CaseReopened(
        tenant=check.tenant,
        occurred_at=check.occurred_at + timedelta(hours=2),
        case_id=check.case_id,
        case_no="20261123-000001",
        order_id=check.order_id,
        opening=1,
        times=1,
        to_street=False,
    )


def member(member_id: str, org_id: str, *, name: str = "", at: datetime = NOON, active: bool = True) -> MemberChanged:
    return MemberChanged(
        tenant=TENANT,
        occurred_at=at,
        member_id=member_id,
        member_name=name or f"成员{member_id}",
        kind=MemberKind.VOLUNTEER,
        unit="37078400420101",
        org_id=org_id,
        active=active,
    )


def unit(org_id: str, *, name: str = "", at: datetime = NOON) -> UnitChanged:
    return UnitChanged(
        tenant=TENANT,
        occurred_at=at,
        code="37078400420101",
        level=Level.MICRO_GRID,
        parent="370784004201",
        name="凌河村一微",
        org_id=org_id,
        org_name=name or f"小组{org_id}",
        org_kind=OrgKind.PARTY_GROUP,
    )


async def staffed(stage: MakeStage) -> Stage:
    """The service, with the members and organisations of the tests."""
    running = await stage("scoring")
    await running.hear(member("M1", "P1"), member("M2", "P1"), member("M9", "P2"), unit("P1"), unit("P2"))
    return running


async def retried(scoring: Stage) -> None:
    """Until nothing is kept: the service's own sweep may have a message in hand while it is tried again here."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while kept := await scoring.kept():
        assert time.monotonic() < deadline, kept
        await scoring.retry_now()


async def balances(scoring: Stage) -> dict[str, int]:
    """By account, without those at zero; the ledger is proved to add up on the way."""
    async with scoring.database() as db:
        assert (await ledger_tables.verify(db)).adds_up
        rows = await db.rows(text("SELECT account, sum(balance) AS points FROM accounts GROUP BY account"))
    return {row.account: int(row.points) for row in rows if row.points}


async def history(scoring: Stage) -> list[tuple[object, ...]]:
    """Every transaction, without the ids that are made on the way."""
    async with scoring.database() as db:
        rows = await db.rows(
            text(
                """
                SELECT t.kind, t.rule, t.member_id, t.org_id, t.points, t.cause_id, t.order_id, t.occurred_at, t.day,
                    o.cause_id AS reversed_cause, t.because
                FROM transactions t LEFT JOIN transactions o ON o.id = t.reverses
                ORDER BY t.kind, t.rule, t.cause_id, o.cause_id, t.member_id
                """
            )
        )
    return [tuple(row) for row in rows]


ONE_CHECK = {
    "member:M1": 6,
    "org:P1": 6,
    "member:M9": 1,
    "org:P2": 1,
    "rule:handled_and_checked": -10,
    "rule:handled_on_time": -2,
    "rule:check_done": -2,
}
