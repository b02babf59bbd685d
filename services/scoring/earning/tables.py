"""Who did which order, what undid it, and its appeal: later facts win, whatever comes first."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Field

from libs.chassis.db.columns import text_column, time_column
from libs.chassis.db.database import Database
from libs.contracts.dispatch import OrderChecked
from services.scoring.earning.domain.caps import CappedDay, Earned
from services.scoring.earning.domain.deeds import Handled, OrderKey
from services.scoring.ledger.domain import Appeal, Because, Undo
from services.scoring.rules.domain import Earner
from services.scoring.table import ScoringTable


class OrderRow(ScoringTable, table=True):
    """Who did an order, once a check passed it; the strongest fact that undid it; its appeal. Any may come first."""

    __tablename__ = "orders"

    tenant: str = text_column(key=True)
    order_id: UUID = Field(primary_key=True)
    case_id: UUID
    member_id: str | None = text_column(nullable=True)
    org_id: str | None = text_column(nullable=True)
    on_time: bool | None = None
    own_report: bool | None = None
    category_points: int | None = None
    passed_at: datetime | None = time_column(nullable=True)
    passed_by: UUID | None = None
    undone_at: datetime | None = time_column(nullable=True)
    undone_by: UUID | None = None
    undone_because: str | None = text_column(nullable=True)
    appealed_at: datetime | None = time_column(nullable=True)
    appealed_by: UUID | None = None


# What has undone an order is read in the same statement: this one does not write those columns.
RECORD_PASSED = text(
    """
    WITH passed AS (
        SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:orders AS uuid[]), CAST(:cases AS uuid[]),
            CAST(:members AS text[]), CAST(:orgs AS text[]), CAST(:on_time AS boolean[]), CAST(:own AS boolean[]),
            CAST(:points AS int[]), CAST(:times AS timestamptz[]), CAST(:ids AS uuid[]))
            AS p (tenant, order_id, case_id, member_id, org_id, on_time, own_report, category_points,
                passed_at, passed_by)
    ), recorded AS (
        INSERT INTO orders AS o (tenant, order_id, case_id, member_id, org_id, on_time, own_report,
            category_points, passed_at, passed_by)
        SELECT * FROM passed
        ON CONFLICT (tenant, order_id) DO UPDATE SET
            member_id = excluded.member_id, org_id = excluded.org_id, on_time = excluded.on_time,
            own_report = excluded.own_report, category_points = excluded.category_points,
            passed_at = excluded.passed_at, passed_by = excluded.passed_by
        WHERE o.passed_at IS NULL OR (o.passed_at, o.passed_by) < (excluded.passed_at, excluded.passed_by)
    )
    SELECT tenant, order_id, o.case_id, undone_by, undone_at, undone_because, appealed_by, appealed_at
    FROM orders o JOIN passed USING (tenant, order_id) WHERE undone_at IS NOT NULL
    """
)

RECORD_UNDONE = text(
    """
    INSERT INTO orders AS o (tenant, order_id, case_id, undone_at, undone_by, undone_because)
    SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:orders AS uuid[]), CAST(:cases AS uuid[]),
        CAST(:times AS timestamptz[]), CAST(:ids AS uuid[]), CAST(:reasons AS text[]))
    ON CONFLICT (tenant, order_id) DO UPDATE SET undone_at = excluded.undone_at,
        undone_by = excluded.undone_by, undone_because = excluded.undone_because
    WHERE o.undone_at IS NULL OR (o.undone_because = 'reopened', o.undone_at, o.undone_by)
        < (excluded.undone_because = 'reopened', excluded.undone_at, excluded.undone_by)
    """
)

RECORD_APPEALS = text(
    """
    INSERT INTO orders AS o (tenant, order_id, case_id, appealed_at, appealed_by)
    SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:orders AS uuid[]), CAST(:cases AS uuid[]),
        CAST(:times AS timestamptz[]), CAST(:ids AS uuid[]))
    ON CONFLICT (tenant, order_id) DO UPDATE SET appealed_at = excluded.appealed_at, appealed_by = excluded.appealed_by
    """
)

APPEALS = text(
    """
    SELECT tenant, order_id, case_id, appealed_by, appealed_at
    FROM orders JOIN unnest(CAST(:tenants AS text[]), CAST(:orders AS uuid[])) AS asked (tenant, order_id)
        USING (tenant, order_id)
    WHERE appealed_at IS NOT NULL
    """
)

HANDLED = text(
    """
    SELECT tenant, order_id, case_id, member_id, org_id, on_time, own_report, category_points,
        undone_by, undone_at, undone_because, appealed_by, appealed_at
    FROM orders JOIN unnest(CAST(:tenants AS text[]), CAST(:orders AS uuid[])) AS asked (tenant, order_id)
        USING (tenant, order_id)
    WHERE passed_at IS NOT NULL
    """
)


async def record_passed(db: Database, checks: Collection[OrderChecked]) -> dict[UUID, Undo]:
    """Keep who did the orders; what has undone them already, by order."""
    latest = {(c.tenant, c.order_id): c for c in sorted(checks, key=lambda c: (c.occurred_at, c.id))}
    if not latest:
        return {}
    kept = list(latest.values())
    rows = await db.rows(
        RECORD_PASSED,
        {
            "tenants": [c.tenant for c in kept],
            "orders": [c.order_id for c in kept],
            "cases": [c.case_id for c in kept],
            "members": [c.member_id for c in kept],
            "orgs": [c.org_id for c in kept],
            "on_time": [c.on_time for c in kept],
            "own": [c.own_report for c in kept],
            "points": [c.points for c in kept],
            "times": [c.occurred_at for c in kept],
            "ids": [c.id for c in kept],
        },
    )
    return {row.order_id: _undo(row) for row in rows}


async def record_undone(db: Database, undos: Collection[Undo]) -> None:
    """One for each order at most."""
    if not undos:
        return
    await db.execute(
        RECORD_UNDONE,
        {
            "tenants": [u.tenant for u in undos],
            "orders": [u.order_id for u in undos],
            "cases": [u.case_id for u in undos],
            "times": [u.occurred_at for u in undos],
            "ids": [u.cause_id for u in undos],
            "reasons": [u.because for u in undos],
        },
    )


async def record_appeals(db: Database, appeals: Collection[Appeal]) -> None:
    """An order has one appeal at most."""
    await db.execute(
        RECORD_APPEALS,
        {
            "tenants": [a.tenant for a in appeals],
            "orders": [a.order_id for a in appeals],
            "cases": [a.case_id for a in appeals],
            "times": [a.occurred_at for a in appeals],
            "ids": [a.cause_id for a in appeals],
        },
    )


async def appeals(db: Database, orders: Collection[OrderKey]) -> dict[UUID, Appeal]:
    """What was upheld of the orders."""
    if not orders:
        return {}
    rows = await db.rows(APPEALS, {"tenants": [t for t, _ in orders], "orders": [o for _, o in orders]})
    return {row.order_id: _appeal(row) for row in rows}


async def handled(db: Database, orders: Iterable[OrderKey]) -> tuple[dict[OrderKey, Handled], dict[UUID, Undo]]:
    """The orders that a check has passed, and what has undone them since."""
    asked = list(set(orders))
    rows = await db.rows(HANDLED, {"tenants": [t for t, _ in asked], "orders": [o for _, o in asked]})
    known = {
        (r.tenant, r.order_id): Handled(Earner(r.member_id, r.org_id), r.on_time, r.own_report, r.category_points)
        for r in rows
    }
    return known, {r.order_id: _undo(r) for r in rows if r.undone_at is not None}


def _undo(row: Any) -> Undo:
    return Undo(
        tenant=row.tenant,
        order_id=row.order_id,
        case_id=row.case_id,
        cause_id=row.undone_by,
        occurred_at=row.undone_at,
        because=Because(row.undone_because),
        appeal=_appeal(row) if row.appealed_at is not None else None,
    )


def _appeal(row: Any) -> Appeal:
    return Appeal(row.tenant, row.order_id, row.case_id, row.appealed_by, row.appealed_at)


EARNED = text(
    """
    SELECT asked.*, t.points, t.causes
    FROM unnest(CAST(:tenants AS text[]), CAST(:members AS text[]), CAST(:rules AS text[]), CAST(:days AS date[]))
        AS asked (tenant, member_id, rule, day)
    CROSS JOIN LATERAL (
        SELECT sum(points) AS points, array_agg(cause_id) AS causes FROM transactions t
        WHERE t.tenant = asked.tenant AND t.member_id = asked.member_id AND t.rule = asked.rule
            AND t.day = asked.day AND t.kind = 'earn'
    ) t
    WHERE t.points IS NOT NULL
    """
)


async def earned(db: Database, days: Collection[CappedDay]) -> dict[CappedDay, Earned]:
    """What was earned on these days so far; a day without points is left out."""
    if not days:
        return {}
    asked = list(days)
    rows = await db.rows(
        EARNED,
        {
            "tenants": [p.tenant for p in asked],
            "members": [p.member_id for p in asked],
            "rules": [p.rule for p in asked],
            "days": [p.day for p in asked],
        },
    )
    return {CappedDay(r.tenant, r.member_id, r.rule, r.day): Earned(r.points, frozenset(r.causes)) for r in rows}
