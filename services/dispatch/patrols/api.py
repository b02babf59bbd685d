"""Visits over HTTP: what members report from their patrols."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field, StrictBool

from libs.chassis.db.database import Database, Record
from libs.chassis.http import (
    Body,
    CommandClient,
    CommandsDep,
    DatabaseDep,
    LanguageDep,
    OfStreet,
    RefusedRequest,
    not_found,
)
from libs.contracts.incident import Key, Text
from libs.contracts.message import CategoryCode, GridCode, MemberId, Moment, Tenant
from libs.contracts.values import Position
from libs.sentences import Language, none_in_street
from services.dispatch.campaigns.api import ChangeBody, ItemBody, campaign_or_404
from services.dispatch.campaigns.bodies import Name, Photos, Storable
from services.dispatch.campaigns.domain import campaign as domain
from services.dispatch.campaigns.domain.recurrence import noticed
from services.dispatch.campaigns.handlers import not_fitting
from services.dispatch.patrols import tables
from services.dispatch.patrols.domain.patrol import assign
from services.dispatch.patrols.domain.visit import Answer, Found, RecordVisit
from services.dispatch.street.lookup import member_or_404, street_or_404, unit_or_404

router = APIRouter(tags=["patrols"])

VISITS_AT_MOST = 200


class AnswerBody(Body):
    """What was found for one item of the checklist."""

    item: Name
    value: StrictBool | Annotated[float, Field(allow_inf_nan=False)] | Annotated[str, Field(max_length=2000), Storable]
    photos: Photos = Field([])


class FindingBody(Body):
    """What is to become a case."""

    description: Annotated[Text, Storable] = Field(examples=["楼道堆放杂物，堵塞消防通道。"])
    category: CategoryCode | None = None
    point: Position | None = None
    photos: Photos = Field([])


class VisitBody(Body):
    """Who was where, when, and what was found there."""

    key: Key = Field(description="Names the visit: sent again, it has the same answer.")
    round_id: UUID
    unit: GridCode
    member_id: MemberId = Field(examples=["M0001"])
    visited_at: Moment
    point: Position
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


class VisitsBody(Body):
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


class VisitResult(BaseModel):
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
async def record_visit(body: OneVisitBody, commands: CommandsDep) -> VisitReceipt:
    """巡查. Late ones are kept and counted late, those from elsewhere are kept and flagged."""
    return VisitReceipt(**await commands.send(body.command(body.tenant)))


@router.post("/v1/patrols/visits/batch")
async def record_visits(body: VisitsBody, commands: CommandsDep, language: LanguageDep) -> list[VisitResult]:
    """Several at once, each with an answer of its own, in their order."""
    return list(await asyncio.gather(*(_one_of(body.tenant, each, commands, language) for each in body.visits)))


async def _one_of(tenant: str, body: VisitBody, commands: CommandClient, language: Language) -> VisitResult:
    try:
        receipt = await commands.send(body.command(tenant))
    except RefusedRequest as error:
        refused = error.refused
        return VisitResult(key=body.key, status=refused.status, problem=refused.told(language))
    return VisitResult(key=body.key, status=201, receipt=VisitReceipt(**receipt))


@router.get("/v1/patrols/visits/{visit_id}")
async def show_visit(visit_id: UUID, tenant: OfStreet, db: DatabaseDep) -> VisitView:
    """The visit, and the cases that its findings have become."""
    found = await tables.visit_with_findings(db, tenant, visit_id)
    if found is None:
        raise not_found(none_in_street(tenant, f"巡查记录 {visit_id}", f"visit {visit_id}"))
    return _visit(*found)


@router.get("/v1/patrols/rounds/{round_id}/tasks/{unit}/visits")
async def list_visits(round_id: UUID, unit: GridCode, tenant: OfStreet, db: DatabaseDep) -> list[VisitView]:
    """Every visit that was made for a task."""
    await _round_or_404(db, tenant, round_id)
    unit_or_404(await street_or_404(db, tenant), unit)
    return [_visit(*each) for each in await tables.visits_of(db, tenant, round_id, unit)]


async def _round_or_404(db: Database, tenant: str, round_id: UUID) -> None:
    found = (await tables.rounds_by_id(db, [round_id])).get(round_id)
    if found is None or found.tenant != tenant:
        raise not_found(none_in_street(tenant, f"巡查轮次 {round_id}", f"round {round_id}"))


def _visit(row: Record, findings: Sequence[Record]) -> VisitView:
    shown = [FindingView.model_validate(f, from_attributes=True) for f in findings]
    return VisitView(**{**row, "findings": shown})


class Preview(BaseModel):
    """What would happen: the next rounds, the units of each, and those for whom nobody was found."""

    occurrences: list[datetime]
    notice: str | None = Field(description="What of the recurrence may not be meant.")
    units: int
    members: int
    unassigned: list[str]


@router.post("/v1/campaigns/preview")
async def preview(
    body: ChangeBody,
    db: DatabaseDep,
    request: Request,
    language: LanguageDep,
    count: Annotated[int, Query(ge=1, le=100)] = 10,
) -> Preview:
    """The next rounds of such a campaign. Nothing is made."""
    street, now, plan = await street_or_404(db, body.tenant), request.app.state.clock.now(), body.plan()
    if wrong := domain.what_is_wrong(plan, street, now):
        raise RefusedRequest(not_fitting(wrong))
    tasks = assign(domain.units_of(plan, street), plan.kinds, street)
    notice = noticed(plan.recurrence, plan.begins_at)
    return Preview(
        occurrences=domain.upcoming(plan, now, count),
        notice=notice and notice.told(language),
        units=len(tasks),
        members=len({t.member_id for t in tasks if t.member_id}),
        unassigned=[t.unit for t in tasks if t.member_id is None],
    )


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
    tenant: OfStreet,
    db: DatabaseDep,
    before: Moment = datetime(2099, 12, 31, tzinfo=UTC),
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[RoundView]:
    """Its rounds, the latest first."""
    await campaign_or_404(db, tenant, campaign_id)
    rows = await tables.rounds_of(db, tenant, campaign_id, before, limit)
    return [RoundView.model_validate(row, from_attributes=True) for row in rows]


@router.get("/v1/patrols/rounds/{round_id}/tasks")
async def list_tasks(
    round_id: UUID,
    tenant: OfStreet,
    db: DatabaseDep,
    after: Annotated[str, Query(pattern=r"^[0-9]{0,16}$", description="The last unit of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
) -> list[TaskView]:
    """巡查任务 of a round, by unit."""
    await _round_or_404(db, tenant, round_id)
    rows = await tables.tasks_of(db, tenant, round_id, after, limit)
    return [TaskView.model_validate(row, from_attributes=True) for row in rows]


@router.get("/v1/members/{member_id}/patrols")
async def list_to_do(member_id: MemberId, tenant: OfStreet, db: DatabaseDep) -> list[ToDoView]:
    """What the member has yet to visit, with the checklists."""
    member_or_404(await street_or_404(db, tenant), member_id)
    return [ToDoView.model_validate(row, from_attributes=True) for row in await tables.to_do(db, tenant, member_id)]
