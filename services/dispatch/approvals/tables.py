"""Approvals: every query on them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, SmallInteger, text
from sqlmodel import Field

from libs.chassis.db.columns import text_column, time_column
from libs.chassis.db.database import Database, Record
from libs.contracts.dispatch import ApprovalKind
from services.dispatch.approvals.domain import Approval, State
from services.dispatch.table import DispatchTable


class ApprovalRow(DispatchTable, table=True):
    __tablename__ = "approvals"

    approval_id: UUID = Field(primary_key=True)
    tenant: str = text_column()
    order_id: UUID
    case_no: str = text_column()
    kind: str = text_column()
    state: str = text_column()
    reason: str = text_column()
    note: str = text_column()
    amount: int = Field(sa_column=Column(SmallInteger, nullable=False))
    asked_by: str = text_column()
    asked_by_org: str = text_column()
    asked_at: datetime = time_column()
    unit: str = text_column()
    org_id: str = text_column()
    decided_by: str | None = text_column(nullable=True)
    decided_at: datetime | None = time_column(nullable=True)
    answer: str = text_column()


OF_ORDERS = text("SELECT * FROM approvals WHERE order_id = ANY(CAST(:orders AS uuid[])) ORDER BY approval_id")
# What whoever asked has handed in or given back since is not there to be decided; it is not deleted, either.
PENDING = text(
    """
    SELECT a.* FROM approvals a JOIN orders o USING (order_id)
    WHERE a.tenant = :tenant AND a.org_id = :org_id AND a.state = 'pending'
        AND a.approval_id > :after AND o.member_id = a.asked_by
        AND (a.kind = 'appeal' OR o.state IN ('claimed', 'handling'))
    ORDER BY a.approval_id LIMIT :limit
    """
)

_FIELDS = tuple(f.name for f in fields(Approval))


async def of_orders(db: Database, orders: Collection[UUID]) -> list[Approval]:
    """In the sequence in which they were asked for."""
    return [_approval(row) for row in await db.rows(OF_ORDERS, {"orders": list(orders)})]


async def pending(db: Database, tenant: str, org_id: str, after: UUID | None, limit: int) -> list[Approval]:
    """What the organisation has to decide, the oldest first."""
    page = {"tenant": tenant, "org_id": org_id, "after": after or UUID(int=0), "limit": limit}
    return [_approval(row) for row in await db.rows(PENDING, page)]


async def add(db: Database, asked: Sequence[Approval]) -> None:
    await db.insert(ApprovalRow, [_row(each) for each in asked])


async def record_decided(db: Database, decided: Sequence[Approval]) -> None:
    await db.update(ApprovalRow, ["approval_id"], [_row(each) for each in decided])


def _row(approval: Approval) -> dict[str, Any]:
    return {name: getattr(approval, name) for name in _FIELDS}


def _approval(row: Record) -> Approval:
    values = {name: getattr(row, name) for name in _FIELDS}
    return Approval(**{**values, "kind": ApprovalKind(values["kind"]), "state": State(values["state"])})
