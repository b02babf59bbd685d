"""What scoring knows of orders, members and organisations: later facts win, whatever comes first."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from libs.chassis.database import Database
from libs.contracts.dispatch import MemberChanged, OrderChecked, UnitChanged
from services.scoring.domain.ledger import Appeal, Because, Undo
from services.scoring.domain.rules import Earner

OrderKey = tuple[str, UUID]
"""(tenant, order_id)"""


@dataclass(frozen=True, slots=True)
class Handled:
    """What an evaluation needs to know of the order that it is about."""

    handler: Earner
    on_time: bool
    own_report: bool
    category_points: int


# The undoing of an order is read beside the write: no statement of this one changes it.
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

RECORD_MEMBERS = text(
    """
    INSERT INTO members AS m (tenant, member_id, name, unit, org_id, active, changed_at, changed_by)
    SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:members AS text[]), CAST(:names AS text[]),
        CAST(:units AS text[]), CAST(:orgs AS text[]), CAST(:active AS boolean[]), CAST(:times AS timestamptz[]),
        CAST(:ids AS uuid[]))
    ON CONFLICT (tenant, member_id) DO UPDATE SET name = excluded.name, unit = excluded.unit,
        org_id = excluded.org_id, active = excluded.active, changed_at = excluded.changed_at,
        changed_by = excluded.changed_by
    WHERE (m.changed_at, m.changed_by) < (excluded.changed_at, excluded.changed_by)
    """
)

RECORD_ORGS = text(
    """
    INSERT INTO orgs AS o (tenant, org_id, name, kind, active, changed_at, changed_by)
    SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:orgs AS text[]), CAST(:names AS text[]),
        CAST(:kinds AS text[]), CAST(:active AS boolean[]), CAST(:times AS timestamptz[]), CAST(:ids AS uuid[]))
    ON CONFLICT (tenant, org_id) DO UPDATE SET name = excluded.name, kind = excluded.kind, active = excluded.active,
        changed_at = excluded.changed_at, changed_by = excluded.changed_by
    WHERE (o.changed_at, o.changed_by) < (excluded.changed_at, excluded.changed_by)
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


async def record_members(db: Database, facts: Iterable[MemberChanged]) -> None:
    newest = {(f.tenant, f.member_id): f for f in sorted(facts, key=lambda f: (f.occurred_at, f.id))}
    latest = [newest[key] for key in sorted(newest)]
    await db.execute(
        RECORD_MEMBERS,
        {
            "tenants": [f.tenant for f in latest],
            "members": [f.member_id for f in latest],
            "names": [f.member_name for f in latest],
            "units": [f.unit for f in latest],
            "orgs": [f.org_id for f in latest],
            "active": [f.active for f in latest],
            "times": [f.occurred_at for f in latest],
            "ids": [f.id for f in latest],
        },
    )


async def record_orgs(db: Database, facts: Iterable[UnitChanged]) -> None:
    newest = {(f.tenant, f.org_id): f for f in sorted(facts, key=lambda f: (f.occurred_at, f.id))}
    latest = [newest[key] for key in sorted(newest)]
    await db.execute(
        RECORD_ORGS,
        {
            "tenants": [f.tenant for f in latest],
            "orgs": [f.org_id for f in latest],
            "names": [f.org_name for f in latest],
            "kinds": [f.org_kind.value for f in latest],
            "active": [f.active for f in latest],
            "times": [f.occurred_at for f in latest],
            "ids": [f.id for f in latest],
        },
    )
