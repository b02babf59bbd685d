"""Orders over HTTP: what members do with them, and what others may look up."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from libs.chassis.database import Record
from libs.chassis.http import Asking, Reading, not_found
from libs.contracts.message import CategoryCode, MemberId, Tenant
from libs.contracts.words import Level, Place
from services.dispatch.domain.commands import CheckOrder, ClaimOrder, GiveBackOrder, HandInOrder
from services.dispatch.domain.order import Order, State
from services.dispatch.domain.routing import route_all
from services.dispatch.tables import orders as order_tables
from services.dispatch.tables import streets as street_tables

router = APIRouter(tags=["orders"])


class OrderView(BaseModel):
    """An order as staff see it."""

    order_id: UUID
    case_id: UUID
    case_no: str
    category: str
    category_name: str
    summary: str
    state: State
    unit: str
    level: Level
    org_id: str
    member_id: str | None
    offered_to: list[str]
    evidence: str
    claim_by: datetime
    handle_by: datetime
    check_by: datetime
    handled_at: datetime | None
    rework_count: int
    reopened_times: int
    because: list[str]


class _ByMember(BaseModel):
    tenant: Tenant = Field(examples=["370784004"])
    member_id: MemberId = Field(examples=["M0001"])


class ClaimBody(_ByMember):
    """Who claims."""


class HandInBody(_ByMember):
    """What was done, with the evidence that the responsibility list asks for."""

    note: str = Field("", max_length=2000, examples=["Lamp replaced, works"])
    photos: list[Annotated[str, Field(max_length=200)]] = Field([], max_length=9, description="Ids of photos.")


class GiveBackBody(_ByMember):
    """Why the member cannot do it."""

    reason: str = Field(min_length=1, max_length=500, examples=["A crane is needed"])


class CheckBody(_ByMember):
    """What somebody else found when they looked."""

    passed: bool


class DryRun(BaseModel):
    tenant: Tenant
    category: CategoryCode
    place: Place


class Route(BaseModel):
    """Where a report would go, and why. Nothing is made."""

    unit: str
    unit_name: str
    level: Level
    org_id: str
    because: list[str]


@router.post("/v1/orders/{order_id}/claim")
async def claim(order_id: UUID, body: ClaimBody, desk: Asking) -> OrderView:
    """接单. Exactly one member has it; who is first. The same member may ask again."""
    return _view(await desk.ask(ClaimOrder(body.tenant, order_id, body.member_id)))


@router.post("/v1/orders/{order_id}/hand-in")
async def hand_in(order_id: UUID, body: HandInBody, desk: Asking) -> OrderView:
    """处置反馈. It is done, and waits to be checked."""
    return _view(await desk.ask(HandInOrder(body.tenant, order_id, body.member_id, body.note, tuple(body.photos))))


@router.post("/v1/orders/{order_id}/give-back")
async def give_back(order_id: UUID, body: GiveBackBody, desk: Asking) -> OrderView:
    """回退. The next candidates hear of it, or the level above."""
    return _view(await desk.ask(GiveBackOrder(body.tenant, order_id, body.member_id, body.reason)))


@router.post("/v1/orders/{order_id}/check")
async def check(order_id: UUID, body: CheckBody, desk: Asking) -> OrderView:
    """核查. Somebody else has looked: done, or rework."""
    return _view(await desk.ask(CheckOrder(body.tenant, order_id, body.member_id, body.passed)))


@router.get("/v1/orders")
async def list_orders(
    db: Reading,
    tenant: Tenant,
    state: State | None = None,
    member_id: Annotated[MemberId | None, Query(description="What this member may claim or has claimed.")] = None,
    after: Annotated[UUID | None, Query(description="The last order id of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[OrderView]:
    """Orders of a street in the sequence in which they were made."""
    return [_view(row) for row in await order_tables.list_orders(db, tenant, state, member_id, after, limit)]


@router.get("/v1/orders/counts")
async def counts(db: Reading, tenant: Tenant) -> dict[str, int]:
    """How many orders are in each state."""
    return await order_tables.count_orders(db, tenant)


@router.get("/v1/orders/{order_id}")
async def show(order_id: UUID, tenant: Tenant, db: Reading) -> OrderView:
    found = (await order_tables.orders_by_id(db, [order_id], lock=False)).get(order_id)
    if found is None or found.tenant != tenant:
        raise not_found(f"there is no order {order_id} in {tenant}")
    return _view(found)


@router.post("/v1/routing/dry-run")
async def dry_run(body: DryRun, db: Reading) -> Route:
    """Where would a report go, and why?"""
    street = (await street_tables.streets_for(db, [body.tenant])).get(body.tenant)
    if street is None:
        raise not_found(f"there is no street {body.tenant} here")
    [routed] = route_all([(body.category, body.place)], street)
    unit = routed.unit
    return Route(
        unit=unit.code, unit_name=unit.name, level=unit.level, org_id=unit.org_id, because=list(routed.because)
    )


def _view(order: Order | Record) -> OrderView:
    return OrderView.model_validate(order, from_attributes=True)
