"""Campaigns over HTTP: what the street plans, and what that asks of its members."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field, StrictBool

from libs.chassis.db.database import Database
from libs.chassis.db.ids import new_id
from libs.chassis.http import Body, CommandsDep, DatabaseDep, OfStreet, not_found
from libs.contracts.message import CategoryCode, GridCode, Moment, Tenant
from libs.contracts.values import Level, MemberKind
from libs.sentences import none_in_street
from services.dispatch.campaigns import tables as campaign_tables
from services.dispatch.campaigns.bodies import Name
from services.dispatch.campaigns.domain import campaign as domain
from services.dispatch.campaigns.domain.campaign import AnswerKind, Campaign, Item, Move, Plan
from services.dispatch.campaigns.domain.commands import BeginCampaign, MoveCampaign
from services.dispatch.street.domain.responsibility import HELPERS_AT_MOST
from services.dispatch.street.lookup import street_or_404

router = APIRouter(tags=["patrols"])


class ItemBody(Body):
    """One line of the checklist."""

    name: Name = Field(examples=["灭火器在位"])
    kind: AnswerKind = AnswerKind.YES_NO
    required: StrictBool = True
    photo: StrictBool = Field(False, description="Whether a photo has to show it.")


class PlanBody(Body):
    """Which units are visited when, by whom, and what is looked at there."""

    name_zh: Name = Field(examples=["冬季消防巡查"])
    name_en: Name = Field(examples=["Winter fire patrol"])
    areas: list[GridCode] = Field(min_length=1, max_length=1000, examples=[["370784004"]])
    level: Level = Field(Level.MICRO_GRID, description="Every unit of this level in the areas is visited.")
    recurrence: str = Field(
        max_length=500, examples=["FREQ=WEEKLY;BYDAY=MO,TH;BYHOUR=9"], description="A rule of RFC 5545, in street time."
    )
    begins_at: Moment
    ends_at: Moment | None = None
    exceptions: list[date] = Field([], max_length=1000, description="Days of the street without a round.")
    window_minutes: int = Field(ge=1, le=100_000, examples=[600], description="So long a round may be done.")
    kinds: list[MemberKind] = Field([], description="Who does it; empty: any member.")
    checklist: list[ItemBody] = Field([], max_length=50)
    category: CategoryCode = Field(examples=["12005"], description="Of findings, unless they say another.")

    helpers: list[GridCode] = Field(
        [],
        max_length=HELPERS_AT_MOST,
        description="Units whose organisations help with every order that comes from a finding.",
    )

    def plan(self) -> Plan:
        return Plan(
            name_zh=self.name_zh,
            name_en=self.name_en,
            areas=tuple(sorted(set(self.areas))),
            level=self.level,
            recurrence=self.recurrence.strip(),
            begins_at=self.begins_at.astimezone(UTC),
            ends_at=self.ends_at.astimezone(UTC) if self.ends_at else None,
            exceptions=tuple(sorted(set(self.exceptions))),
            window=timedelta(minutes=self.window_minutes),
            kinds=tuple(sorted(set(self.kinds))),
            checklist=tuple(Item(**item.model_dump()) for item in self.checklist),
            category=self.category,
            helpers=tuple(dict.fromkeys(self.helpers)),
        )


class ChangeBody(PlanBody):
    tenant: Tenant = Field(examples=["370784004"])


class BeginBody(ChangeBody):
    campaign_id: UUID | None = Field(None, description="An id of yours: with it the request may be sent again.")


class StreetBody(Body):
    tenant: Tenant = Field(examples=["370784004"])


class CampaignView(BaseModel):
    """A campaign as it now is."""

    campaign_id: UUID
    state: domain.State
    next_at: datetime | None
    plan: Plan


@router.post("/v1/campaigns", status_code=201)
async def begin_campaign(body: BeginBody, commands: CommandsDep) -> CampaignView:
    """专项行动. Its first round begins at the next time of its recurrence."""
    return _campaign(await commands.send(BeginCampaign(body.tenant, body.campaign_id or new_id(), body.plan())))


@router.get("/v1/campaigns")
async def list_campaigns(db: DatabaseDep, tenant: OfStreet) -> list[CampaignView]:
    await street_or_404(db, tenant)
    return [_campaign(each) for each in await campaign_tables.campaigns_of(db, tenant)]


@router.get("/v1/campaigns/{campaign_id}")
async def show_campaign(campaign_id: UUID, tenant: OfStreet, db: DatabaseDep) -> CampaignView:
    return _campaign(await campaign_or_404(db, tenant, campaign_id))


async def campaign_or_404(db: Database, tenant: str, campaign_id: UUID) -> Campaign:
    """Raises RefusedRequest (404) when the street has none of this id."""
    found = (await campaign_tables.campaigns_by_id(db, [campaign_id], lock=False)).get(campaign_id)
    if found is None or found.tenant != tenant:
        raise not_found(none_in_street(tenant, f"专项行动 {campaign_id}", f"campaign {campaign_id}"))
    return found


@router.post("/v1/campaigns/{campaign_id}/change")
async def change_campaign(campaign_id: UUID, body: ChangeBody, commands: CommandsDep) -> CampaignView:
    """What begins from now on is as the body says; rounds that have begun stay as they are."""
    return _campaign(await commands.send(MoveCampaign(body.tenant, campaign_id, Move.CHANGE, body.plan())))


@router.post("/v1/campaigns/{campaign_id}/{move}")
async def move_campaign(
    campaign_id: UUID, move: Literal["pause", "resume", "end"], body: StreetBody, commands: CommandsDep
) -> CampaignView:
    """Pause, resume or end it; rounds that have begun go on."""
    return _campaign(await commands.send(MoveCampaign(body.tenant, campaign_id, Move(move))))


def _campaign(found: Campaign) -> CampaignView:
    return CampaignView(campaign_id=found.campaign_id, state=found.state, next_at=found.next_at, plan=found.plan)
