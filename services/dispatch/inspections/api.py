"""Inspections over HTTP: who shall look where, and what they found."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from libs.chassis.http import CommandsDep, DatabaseDep, OfStreet, not_found
from libs.chassis.pages import Page, decode_cursor
from libs.contracts.dispatch import InspectionKind
from libs.contracts.message import MemberId, OrgId
from libs.contracts.values import Place
from libs.sentences import none_in_street
from services.dispatch.inspections import tables
from services.dispatch.inspections.domain.inspection import OPEN, AnswerInspection, Inspection, State
from services.dispatch.orders.api import ByMember, Photos, order_or_404
from services.dispatch.settings import Settings
from services.dispatch.street.domain.street import Street
from services.dispatch.street.lookup import known_or_404, street_or_404

router = APIRouter(tags=["inspections"])


class InspectionView(BaseModel):
    """Who shall look, until when, and what was found: `holds` says whether the report is true, or the order done."""

    model_config = ConfigDict(from_attributes=True)

    inspection_id: UUID
    kind: InspectionKind
    state: State
    case_id: UUID
    case_no: str
    order_id: UUID | None
    category: str
    category_name: str
    summary: str
    place: Place
    unit: str
    org_id: str
    member_id: str | None
    lapses: int
    made_at: datetime
    due_at: datetime
    done_by: str | None
    done_at: datetime | None
    holds: bool | None
    note: str
    photos: list[str]


class InspectionShown(InspectionView):
    """With names beside ids, and a link that opens a map."""

    unit_name: str
    org_name: str
    member_name: str | None
    map_link: str | None = Field(description="Opens a map at the point; null where only a name is known.")


class AnswerBody(ByMember):
    """What a member found on site."""

    true_report: StrictBool
    note: Annotated[str, Field(min_length=1, max_length=500, examples=["围墙向路面倾斜，已拉警戒线"])]
    photos: Photos = Field([])


@router.get("/v1/inspections")
async def list_inspections(
    request: Request,
    db: DatabaseDep,
    tenant: OfStreet,
    state: Annotated[tuple[State, ...], Query(description="Any of these; without it, those that are open.")] = OPEN,
    kind: InspectionKind | None = None,
    member_id: Annotated[MemberId | None, Query(description="Who was asked last.")] = None,
    org_id: Annotated[OrgId | None, Query(description="Whose members may look where there is nobody to ask.")] = None,
    after: Annotated[str | None, Query(description="`next` of the page before.", max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[InspectionShown]:
    """待核实、待核查. Inspections of a street in the sequence in which they were asked for, a page at a time."""
    street = await street_or_404(db, tenant)
    wanted = tables.Wanted(tenant, state, kind, member_id, org_id)
    found = await tables.page(db, wanted, decode_cursor(after), limit)
    if not found.rows:
        known_or_404(street, member_id, org_id)
    items = [_shown(each, street, request) for each in found.rows]
    return Page(items=items, next=found.next, total=found.total)


@router.get("/v1/inspections/{inspection_id}")
async def show(inspection_id: UUID, tenant: OfStreet, request: Request, db: DatabaseDep) -> InspectionShown:
    found = await tables.one(db, tenant, inspection_id)
    if found is None:
        raise not_found(none_in_street(tenant, f"现场查看 {inspection_id}", f"inspection {inspection_id}"))
    return _shown(found, await street_or_404(db, tenant), request)


@router.get("/v1/orders/{order_id}/inspections")
async def of_order(order_id: UUID, tenant: OfStreet, request: Request, db: DatabaseDep) -> list[InspectionShown]:
    """Every check of an order, the first one first."""
    street = await street_or_404(db, tenant)
    await order_or_404(db, tenant, order_id)
    return [_shown(each, street, request) for each in await tables.of_order(db, tenant, order_id)]


@router.post("/v1/inspections/{inspection_id}/answer")
async def answer(inspection_id: UUID, body: AnswerBody, commands: CommandsDep) -> InspectionView:
    """核实反馈. Whether the report is true. What is found of an order is said by `POST /v1/orders/{id}/check`."""
    said = AnswerInspection(body.tenant, inspection_id, body.member_id, body.true_report, body.note, tuple(body.photos))
    return InspectionView.model_validate(await commands.send(said))


def _shown(found: Inspection, street: Street, request: Request) -> InspectionShown:
    return InspectionShown(
        **InspectionView.model_validate(found).model_dump(),
        unit_name=street.units[found.unit].name,
        org_name=street.org_name(found.org_id, found.unit),
        member_name=street.member_name(found.member_id) if found.member_id else None,
        map_link=found.place.map_link(Settings.of(request.app.state).map_link),
    )
