"""Campaigns over HTTP: what the street plans, and what that asks of its members."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from libs.chassis.db.ids import new_id
from libs.chassis.http import CommandsDep, DatabaseDep, RefusedRequest, not_found
from libs.contracts.message import CategoryCode, GridCode, MemberId, Tenant
from libs.contracts.values import Level, MemberKind
from services.dispatch.domain import campaign as domain
from services.dispatch.domain.campaign import AnswerKind, Campaign, Item, Move, Plan
from services.dispatch.domain.campaign_commands import BeginCampaign, MoveCampaign
from services.dispatch.domain.patrol import assign
from services.dispatch.patrol_bodies import Moment, Name
from services.dispatch.patrol_handlers import not_fitting
from services.dispatch.streets_asked import street_asked
from services.dispatch.tables import campaigns as campaign_tables
from services.dispatch.tables import patrols as tables

router = APIRouter(tags=["patrols"])


class ItemBody(BaseModel):
    """One line of the checklist."""

    name: Name = Field(examples=["灭火器在位"])
    kind: AnswerKind = AnswerKind.YES_NO
    required: bool = True
    photo: bool = Field(False, description="Whether a photo has to show it.")


class PlanBody(BaseModel):
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
        )


class ChangeBody(PlanBody):
    tenant: Tenant = Field(examples=["370784004"])


class BeginBody(ChangeBody):
    campaign_id: UUID | None = Field(None, description="An id of yours: with it the request may be sent again.")


class StreetBody(BaseModel):
    tenant: Tenant = Field(examples=["370784004"])


class CampaignView(BaseModel):
    """A campaign as it now is."""

    campaign_id: UUID
    state: domain.State
    next_at: datetime | None
    plan: Plan


class Preview(BaseModel):
    """What would happen: the next rounds, the units of each, and those for whom nobody was found."""

    occurrences: list[datetime]
    units: int
    members: int
    unassigned: list[str]


@router.post("/v1/campaigns", status_code=201)
async def begin_campaign(body: BeginBody, commands: CommandsDep) -> CampaignView:
    """专项行动. Its first round begins at the next time of its recurrence."""
    return _campaign(await commands.send(BeginCampaign(body.tenant, body.campaign_id or new_id(), body.plan())))


@router.post("/v1/campaigns/preview")
async def preview(
    body: ChangeBody, db: DatabaseDep, request: Request, count: Annotated[int, Query(ge=1, le=100)] = 10
) -> Preview:
    """The next rounds of such a campaign. Nothing is made."""
    street, now, plan = await street_asked(db, body.tenant), request.app.state.clock.now(), body.plan()
    if wrong := domain.what_is_wrong(plan, street, now):
        raise RefusedRequest(not_fitting(wrong))
    tasks = assign(domain.units_of(plan, street), plan.kinds, street)
    return Preview(
        occurrences=domain.upcoming(plan, now, count),
        units=len(tasks),
        members=len({t.member_id for t in tasks if t.member_id}),
        unassigned=[t.unit for t in tasks if t.member_id is None],
    )


@router.get("/v1/campaigns")
async def list_campaigns(db: DatabaseDep, tenant: Tenant) -> list[CampaignView]:
    return [_campaign(each) for each in await campaign_tables.campaigns_of(db, tenant)]


@router.get("/v1/campaigns/{campaign_id}")
async def show_campaign(campaign_id: UUID, tenant: Tenant, db: DatabaseDep) -> CampaignView:
    found = (await campaign_tables.campaigns_by_id(db, [campaign_id], lock=False)).get(campaign_id)
    if found is None or found.tenant != tenant:
        raise not_found(f"there is no campaign {campaign_id} in {tenant}")
    return _campaign(found)


@router.put("/v1/campaigns/{campaign_id}")
async def change_campaign(campaign_id: UUID, body: ChangeBody, commands: CommandsDep) -> CampaignView:
    """What begins from now on is as the body says; rounds that have begun stay as they are."""
    return _campaign(await commands.send(MoveCampaign(body.tenant, campaign_id, Move.CHANGE, body.plan())))


@router.post("/v1/campaigns/{campaign_id}/{move}")
async def move_campaign(
    campaign_id: UUID, move: Literal["pause", "resume", "end"], body: StreetBody, commands: CommandsDep
) -> CampaignView:
    """Pause, resume or end it; rounds that have begun go on."""
    return _campaign(await commands.send(MoveCampaign(body.tenant, campaign_id, Move(move))))


class RoundView(BaseModel):
    round_id: UUID
    campaign_id: UUID
    name_zh: str
    name_en: str
    planned_at: datetime
    visit_by: datetime


class TaskView(RoundView):
    """One unit to visit in a round."""

    unit: str
    day: date
    member_id: str | None
    state: str


class ToDoView(TaskView):
    checklist: list[ItemBody]


@router.get("/v1/campaigns/{campaign_id}/rounds")
async def list_rounds(
    campaign_id: UUID,
    tenant: Tenant,
    db: DatabaseDep,
    before: Moment = datetime(2099, 12, 31, tzinfo=UTC),
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[RoundView]:
    """Its rounds, the latest first."""
    rows = await tables.rounds_of(db, tenant, campaign_id, before, limit)
    return [RoundView.model_validate(row, from_attributes=True) for row in rows]


@router.get("/v1/patrols/rounds/{round_id}/tasks")
async def list_tasks(
    round_id: UUID,
    tenant: Tenant,
    db: DatabaseDep,
    after: Annotated[str, Query(pattern=r"^[0-9]{0,16}$", description="The last unit of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
) -> list[TaskView]:
    """巡查任务 of a round, by unit."""
    rows = await tables.tasks_of(db, tenant, round_id, after, limit)
    return [TaskView.model_validate(row, from_attributes=True) for row in rows]


@router.get("/v1/members/{member_id}/patrols")
async def list_to_do(member_id: MemberId, tenant: Tenant, db: DatabaseDep) -> list[ToDoView]:
    """What the member has yet to visit, with the checklists."""
    return [ToDoView.model_validate(row, from_attributes=True) for row in await tables.to_do(db, tenant, member_id)]


def _campaign(found: Campaign) -> CampaignView:
    return CampaignView(campaign_id=found.campaign_id, state=found.state, next_at=found.next_at, plan=found.plan)
