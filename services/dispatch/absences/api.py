"""Absences over HTTP: recorded, listed, ended."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from libs.chassis.db.ids import new_id
from libs.chassis.http import Body, CommandsDep, DatabaseDep, OfStreet
from libs.contracts.message import MemberId, Moment, Tenant
from services.dispatch.absences import tables as absence_tables
from services.dispatch.absences.domain import Absence, AbsenceReason, EndAbsence, RecordAbsence
from services.dispatch.street.lookup import member_or_404, street_or_404

router = APIRouter(tags=["absences"])


class AbsenceBody(Body):
    """Who is away, from when until when, and why."""

    tenant: Tenant
    member_id: MemberId = Field(examples=["M0001"])
    from_at: Moment
    until_at: Moment
    reason: AbsenceReason


class AbsenceView(BaseModel):
    absence_id: UUID
    member_id: str
    from_at: Moment
    until_at: Moment
    reason: AbsenceReason


@router.post("/v1/absences", status_code=201)
async def record_absence(body: AbsenceBody, commands: CommandsDep) -> AbsenceView:
    """请假. Nothing is offered to the member meanwhile, and it ends by itself. Recorded twice it is the same."""
    absence = Absence(new_id(), body.tenant, body.member_id, body.from_at, body.until_at, body.reason)
    return _view(await commands.send(RecordAbsence(absence)))


@router.get("/v1/absences")
async def list_absences(
    request: Request,
    db: DatabaseDep,
    tenant: OfStreet,
    member_id: MemberId | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> list[AbsenceView]:
    """The absences that go on or are still to come."""
    now, street = request.app.state.clock.now(), await street_or_404(db, tenant)
    if member_id is not None:
        member_or_404(street, member_id)
    return [_view(each) for each in await absence_tables.of_street(db, tenant, member_id, now, limit)]


@router.delete("/v1/absences/{absence_id}")
async def end_absence(absence_id: UUID, tenant: OfStreet, commands: CommandsDep) -> AbsenceView:
    """The member is back earlier, or does not go at all."""
    return _view(await commands.send(EndAbsence(tenant, absence_id)))


def _view(absence: Absence) -> AbsenceView:
    return AbsenceView.model_validate(absence, from_attributes=True)
