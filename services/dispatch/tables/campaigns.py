"""Campaigns: every query on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import select, text
from sqlmodel import col

from libs.chassis.database import Database, Record, among
from services.dispatch.domain.campaign import Campaign, Plan, State
from services.dispatch.tables.patrol_rows import CampaignRow
from services.dispatch.tables.rows import columns

_PLAN = TypeAdapter(Plan)

OF_STREET = text("SELECT * FROM campaigns WHERE tenant = :tenant ORDER BY campaign_id")


async def campaigns_by_id(db: Database, ids: Iterable[UUID], *, lock: bool = True) -> dict[UUID, Campaign]:
    """The campaigns, locked until the transaction ends, in one sequence everywhere."""
    known = among(col(CampaignRow.campaign_id), set(ids))
    statement = select(*columns(CampaignRow)).where(known).order_by(col(CampaignRow.campaign_id))
    rows = await db.rows(statement.with_for_update() if lock else statement)
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
