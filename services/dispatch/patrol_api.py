"""Campaigns and patrols over HTTP: what the street plans, what members report, and how much was covered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints

from libs.chassis.database import Database, Record
from libs.chassis.handlers import Refused
from libs.chassis.http import Asking, Desk, Reading, RefusedRequest, not_found
from libs.chassis.ids import new_id
from libs.chassis.pages import csv_lines
from libs.contracts.incident import Key, Text
from libs.contracts.message import CategoryCode, GridCode, MemberId, Tenant
from libs.contracts.words import STREET_ZONE, Level, MemberKind, Point
from services.dispatch.domain import campaign as domain
from services.dispatch.domain.campaign import AnswerKind, Campaign, Item, Move, Plan
from services.dispatch.domain.campaign_commands import BeginCampaign, MoveCampaign
from services.dispatch.domain.coverage import level_below, roll_up
from services.dispatch.domain.patrol import assign
from services.dispatch.domain.street import Street
from services.dispatch.domain.visit import Answer, Found, RecordVisit
from services.dispatch.patrol_handlers import not_fitting
from services.dispatch.tables import campaigns as campaign_tables
from services.dispatch.tables import patrols as tables
from services.dispatch.tables import streets as street_tables

router = APIRouter(tags=["patrols"])

DAYS_AT_MOST = 31
VISITS_AT_MOST = 200


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("it may not hold the character U+0000; leave it out")
    return text


Storable = AfterValidator(_storable)
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), Storable]
Photos = Annotated[
    list[Annotated[str, Field(max_length=200), Storable]], Field(max_length=9, description="Ids of photos.")
]
Moment = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2100, 1, 1, tzinfo=UTC))]


# Campaigns


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
async def begin_campaign(body: BeginBody, desk: Asking) -> CampaignView:
    """专项行动. Its first round begins at the next time of its recurrence."""
    return _campaign(await desk.ask(BeginCampaign(body.tenant, body.campaign_id or new_id(), body.plan())))


@router.post("/v1/campaigns/preview")
async def preview(
    body: ChangeBody, db: Reading, request: Request, count: Annotated[int, Query(ge=1, le=100)] = 10
) -> Preview:
    """The next rounds of such a campaign. Nothing is made."""
    street, now, plan = await _street(db, body.tenant), request.app.state.clock.now(), body.plan()
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
async def list_campaigns(db: Reading, tenant: Tenant) -> list[CampaignView]:
    return [_campaign(each) for each in await campaign_tables.campaigns_of(db, tenant)]


@router.get("/v1/campaigns/{campaign_id}")
async def show_campaign(campaign_id: UUID, tenant: Tenant, db: Reading) -> CampaignView:
    found = (await campaign_tables.campaigns_by_id(db, [campaign_id], lock=False)).get(campaign_id)
    if found is None or found.tenant != tenant:
        raise not_found(f"there is no campaign {campaign_id} in {tenant}")
    return _campaign(found)


@router.put("/v1/campaigns/{campaign_id}")
async def change_campaign(campaign_id: UUID, body: ChangeBody, desk: Asking) -> CampaignView:
    """What begins from now on is as the body says; rounds that have begun stay as they are."""
    return _campaign(await desk.ask(MoveCampaign(body.tenant, campaign_id, Move.CHANGE, body.plan())))


@router.post("/v1/campaigns/{campaign_id}/{move}")
async def move_campaign(
    campaign_id: UUID, move: Literal["pause", "resume", "end"], body: StreetBody, desk: Asking
) -> CampaignView:
    """Pause, resume or end it; rounds that have begun go on."""
    return _campaign(await desk.ask(MoveCampaign(body.tenant, campaign_id, Move(move))))


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
    db: Reading,
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
    db: Reading,
    after: Annotated[str, Query(pattern=r"^[0-9]{0,16}$", description="The last unit of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
) -> list[TaskView]:
    """巡查任务 of a round, by unit."""
    rows = await tables.tasks_of(db, tenant, round_id, after, limit)
    return [TaskView.model_validate(row, from_attributes=True) for row in rows]


@router.get("/v1/members/{member_id}/patrols")
async def list_to_do(member_id: MemberId, tenant: Tenant, db: Reading) -> list[ToDoView]:
    """What the member has yet to visit, with the checklists."""
    return [ToDoView.model_validate(row, from_attributes=True) for row in await tables.to_do(db, tenant, member_id)]


# Visits


class AnswerBody(BaseModel):
    """What was found for one item of the checklist."""

    item: Name
    value: bool | Annotated[float, Field(allow_inf_nan=False)] | Annotated[str, Field(max_length=2000), Storable]
    photos: Photos = []


class FindingBody(BaseModel):
    """What is to become a case."""

    description: Annotated[Text, Storable] = Field(examples=["楼道堆放杂物，堵塞消防通道。"])
    category: CategoryCode | None = None
    point: Point | None = None
    photos: Photos = []


class VisitBody(BaseModel):
    """Who was where, when, and what was found there."""

    key: Key = Field(description="Names the visit: sent again, it has the same answer.")
    round_id: UUID
    unit: GridCode
    member_id: MemberId = Field(examples=["M0001"])
    visited_at: Moment
    point: Point
    answers: list[AnswerBody] = Field([], max_length=50)
    findings: list[FindingBody] = Field([], max_length=20)

    def command(self, tenant: str) -> RecordVisit:
        return RecordVisit(
            tenant=tenant,
            key=self.key,
            round_id=self.round_id,
            unit=self.unit,
            member_id=self.member_id,
            visited_at=self.visited_at.astimezone(UTC),
            point=(self.point.longitude, self.point.latitude),
            answers=tuple(Answer(a.item, a.value, tuple(a.photos)) for a in self.answers),
            findings=tuple(
                Found(
                    f.description,
                    f.category,
                    (f.point.longitude, f.point.latitude) if f.point else None,
                    tuple(f.photos),
                )
                for f in self.findings
            ),
        )


class OneVisitBody(VisitBody):
    tenant: Tenant = Field(examples=["370784004"])


class VisitsBody(BaseModel):
    """What a phone has kept while it had no network."""

    tenant: Tenant = Field(examples=["370784004"])
    visits: list[VisitBody] = Field(min_length=1, max_length=VISITS_AT_MOST)


class VisitReceipt(BaseModel):
    """How the visit counts. `metres_off` none: the unit has no border."""

    visit_id: UUID
    first: bool
    on_time: bool
    in_place: bool
    metres_off: int | None
    finding_ids: list[UUID]


class Told(BaseModel):
    """The answer to one of several visits: the receipt, or why there is none."""

    key: str
    status: int
    receipt: VisitReceipt | None = None
    problem: str | None = None


class FindingView(BaseModel):
    """`state`: pending, reported (then it has a case) or refused (for a reason)."""

    finding_id: UUID
    category: str
    description: str
    photos: list[str]
    state: str
    case_id: UUID | None
    case_no: str | None
    reason: str | None


class VisitView(BaseModel):
    visit_id: UUID
    round_id: UUID
    unit: str
    member_id: str
    visited_at: datetime
    received_at: datetime
    longitude: float
    latitude: float
    metres_off: int | None
    in_place: bool
    on_time: bool
    first: bool
    answers: list[AnswerBody]
    findings: list[FindingView]


@router.post("/v1/patrols/visits", status_code=201)
async def record_visit(body: OneVisitBody, desk: Asking) -> VisitReceipt:
    """巡查. Late ones are kept and counted late, those from elsewhere are kept and flagged."""
    return VisitReceipt(**await desk.ask(body.command(body.tenant)))


@router.post("/v1/patrols/visits/batch")
async def record_visits(body: VisitsBody, desk: Asking) -> list[Told]:
    """Several at once, each with an answer of its own, in their order."""
    return list(await asyncio.gather(*(_one_of(body.tenant, each, desk) for each in body.visits)))


async def _one_of(tenant: str, body: VisitBody, desk: Desk) -> Told:
    try:
        receipt = await desk.ask(body.command(tenant))
    except RefusedRequest as refused:
        return Told(key=body.key, status=refused.refused.status, problem=refused.refused.detail)
    return Told(key=body.key, status=201, receipt=VisitReceipt(**receipt))


@router.get("/v1/patrols/visits/{visit_id}")
async def show_visit(visit_id: UUID, tenant: Tenant, db: Reading) -> VisitView:
    """The visit, and the cases that its findings have become."""
    found = await tables.visit_with_findings(db, tenant, visit_id)
    if found is None:
        raise not_found(f"there is no visit {visit_id} in {tenant}")
    return _visit(*found)


@router.get("/v1/patrols/rounds/{round_id}/tasks/{unit}/visits")
async def list_visits(round_id: UUID, unit: GridCode, tenant: Tenant, db: Reading) -> list[VisitView]:
    """Every visit that was made for a task."""
    return [_visit(*each) for each in await tables.visits_of(db, tenant, round_id, unit)]


# Coverage


AS_TABLE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


class CoverageView(BaseModel):
    """Of a day and a unit; `planned` is the sum of `visited`, `late`, `missed` and `open`."""

    day: date
    unit: str
    unit_name: str
    level: Level
    planned: int
    visited: int
    late: int
    missed: int
    open: int
    percent: float


class MissedView(BaseModel):
    day: date
    unit: str
    unit_name: str
    org_id: str
    member_id: str | None
    campaign_id: UUID
    name_zh: str
    name_en: str
    planned_at: datetime
    visit_by: datetime


class Days(BaseModel):
    """Days of the street; one, when only the first is said."""

    tenant: Tenant
    first: date
    last: date | None = None
    under: GridCode | None = Field(None, description="The unit whose part of the tree is meant; the street without it.")
    campaign_id: UUID | None = None
    format: Literal["json", "csv"] = Field("json", description="csv: a table for a spreadsheet.")

    def until(self) -> date:
        return self.last or self.first


DaysAsked = Annotated[Days, Query()]


class CoverageAsked(Days):
    level: Level | None = Field(None, description="Rolled up to this level; the one below `under` without it.")


@router.get("/v1/patrols/coverage", response_model=list[CoverageView], responses=AS_TABLE)
async def show_coverage(asked: Annotated[CoverageAsked, Query()], db: Reading) -> Response:
    """覆盖率: visited of planned, by day, rolled up the grid tree."""
    street, under = await _where(db, asked)
    level = asked.level or level_below(street.units[under].level)
    counts = await tables.coverage(db, asked.tenant, asked.first, asked.until(), asked.campaign_id)
    covered = [CoverageView(**asdict(each), percent=each.percent) for each in roll_up(counts, street, under, level)]
    return _table(covered, CoverageView, asked.format, "coverage")


@router.get("/v1/patrols/missed", response_model=list[MissedView], responses=AS_TABLE)
async def list_missed(asked: DaysAsked, db: Reading) -> Response:
    """Every task that nobody has visited when its time was over."""
    street, under = await _where(db, asked)
    rows = await tables.missed(db, asked.tenant, asked.first, asked.until(), asked.campaign_id)
    views = [_missed(row, street) for row in rows if street.is_below(row.unit, under)]
    return _table(views, MissedView, asked.format, "missed")


async def _where(db: Database, asked: Days) -> tuple[Street, str]:
    street = await _street(db, asked.tenant)
    under = asked.under or asked.tenant
    if under not in street.units:
        raise not_found(f"the street {asked.tenant} has no unit {under}")
    if not timedelta(0) <= asked.until() - asked.first < timedelta(days=DAYS_AT_MOST):
        detail = f"last: it is {asked.first} or later, and {DAYS_AT_MOST} days at most are shown at once"
        raise RefusedRequest(Refused(422, "Invalid request", detail))
    return street, under


async def _street(db: Database, tenant: str) -> Street:
    street = (await street_tables.streets_for(db, [tenant])).get(tenant)
    if street is None:
        raise not_found(f"there is no street {tenant} here")
    return street


def _table(rows: Sequence[BaseModel], kind: type[BaseModel], format: str, name: str) -> Response:
    """As JSON, or as CSV that a spreadsheet opens: with a byte order mark, and times of the street."""
    if format == "json":
        return JSONResponse([row.model_dump(mode="json") for row in rows])
    lines = csv_lines([list(kind.model_fields), *(_cells(row.model_dump().values()) for row in rows)])
    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    return Response(lines.encode("utf-8-sig"), headers=headers, media_type="text/csv; charset=utf-8")


def _cells(values: Iterable[Any]) -> list[Any]:
    return [v.astimezone(STREET_ZONE).strftime("%Y-%m-%d %H:%M") if isinstance(v, datetime) else v for v in values]


def _missed(row: Record, street: Street) -> MissedView:
    unit = street.units[row.unit]
    return MissedView(
        unit_name=unit.name,
        org_id=unit.org_id,
        **{name: getattr(row, name) for name in MissedView.model_fields if name not in ("unit_name", "org_id")},
    )


def _visit(row: Record, findings: Sequence[Record]) -> VisitView:
    shown = [FindingView.model_validate(f, from_attributes=True) for f in findings]
    return VisitView(**{**row, "findings": shown})


def _campaign(found: Campaign) -> CampaignView:
    return CampaignView(campaign_id=found.campaign_id, state=found.state, next_at=found.next_at, plan=found.plan)
