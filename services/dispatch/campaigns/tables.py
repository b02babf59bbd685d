"""Campaigns: every query on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlmodel import Field

from libs.chassis.db.columns import json_column, select, text_column, time_column
from libs.chassis.db.database import Database, Record
from services.dispatch.campaigns.domain.campaign import Campaign, Plan, State
from services.dispatch.table import DispatchTable


class CampaignRow(DispatchTable, table=True):
    """`plan` is what people said; a round keeps what of it matters for its visits."""

    __tablename__ = "campaigns"

    campaign_id: UUID = Field(primary_key=True)
    tenant: str = text_column()
    plan: dict[str, Any] = json_column()
    state: str = text_column()
    next_at: datetime | None = time_column(nullable=True)


_PLAN = TypeAdapter(Plan)

_BY_ID = "WHERE campaign_id = ANY(CAST(:ids AS uuid[])) ORDER BY campaign_id"
BY_ID = select(CampaignRow, _BY_ID)
LOCK_BY_ID = select(CampaignRow, f"{_BY_ID} FOR UPDATE")
OF_STREET = select(CampaignRow, "WHERE tenant = :tenant ORDER BY campaign_id")


async def campaigns_by_id(db: Database, ids: Iterable[UUID], *, lock: bool = True) -> dict[UUID, Campaign]:
    """The campaigns, locked until the transaction ends, in one sequence everywhere."""
    rows = await db.rows(LOCK_BY_ID if lock else BY_ID, {"ids": sorted(set(ids))})
    return {row.campaign_id: _campaign(row) for row in rows}


async def campaigns_of(db: Database, tenant: str) -> list[Campaign]:
    """In the sequence in which they were made."""
    return [_campaign(row) for row in await db.rows(OF_STREET, {"tenant": tenant})]


async def insert_campaigns(db: Database, campaigns: Sequence[Campaign]) -> None:
    await db.insert(CampaignRow, [_row(campaign) for campaign in campaigns])


async def update_campaigns(db: Database, campaigns: Iterable[Campaign]) -> None:
    await db.update(CampaignRow, ["campaign_id"], [_row(campaign) for campaign in campaigns])


def _row(campaign: Campaign) -> Mapping[str, Any]:
    return {
        "campaign_id": campaign.campaign_id,
        "tenant": campaign.tenant,
        "plan": _PLAN.dump_python(campaign.plan, mode="json"),
        "state": campaign.state,
        "next_at": campaign.next_at,
    }


def _campaign(row: Record) -> Campaign:
    plan = _PLAN.validate_python(row.plan)
    return Campaign(row.campaign_id, row.tenant, plan, State(row.state), row.next_at)
