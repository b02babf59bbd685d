"""Orders and the street's calendar, looked up over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, Field

from libs.chassis.db.database import Database, Record
from libs.chassis.http import DatabaseDep, OfStreet, not_found
from libs.chassis.pages import CSV_ANSWER, Page, as_csv, decode_cursor
from libs.contracts.message import CategoryCode, GridCode, MemberId
from libs.contracts.values import Level
from libs.street_time import local_minutes
from services.dispatch.calendar.domain import Light
from services.dispatch.order_lists import tables as list_tables
from services.dispatch.orders import tables as order_tables
from services.dispatch.orders.api import OrderView, view
from services.dispatch.orders.domain.escalation import within_community
from services.dispatch.orders.domain.order import Order, State
from services.dispatch.street.lookup import street_or_404

router = APIRouter(tags=["orders"])


class OrderShown(OrderView):
    """With the light of the stage that it is in, when it was looked up; none where no clock runs."""

    light: Light | None


class EndedByLevel(BaseModel):
    """Orders that passed their check in the period, by the level that answered for them at the end."""

    ended: dict[Level, int]
    within_community: str | None = Field(
        description="小事不出社区: the share that did not go to the street, in percent."
    )


AnyOfStates = Annotated[tuple[State, ...], Query(alias="state", description="Any of these; without it, all.")]
InUnit = Annotated[GridCode | None, Query(description="Of this grid unit and all below it.")]
AppointmentBefore = Annotated[AwareDatetime | None, Query(description="Somebody is expected before, with an offset.")]
DueBefore = Annotated[AwareDatetime | None, Query(description="To be handled before, with an offset or Z.")]


@router.get("/v1/orders")
async def list_orders(
    request: Request,
    db: DatabaseDep,
    tenant: OfStreet,
    state: AnyOfStates = (),
    member_id: Annotated[MemberId | None, Query(description="What this member may claim or has claimed.")] = None,
    category: CategoryCode | None = None,
    unit: InUnit = None,
    due_before: DueBefore = None,
    appointment_before: AppointmentBefore = None,
    after: Annotated[str | None, Query(description="`next` of the page before.", max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[OrderShown]:
    """Orders of a street in the sequence in which they were made, a page at a time."""
    units = await _units(db, tenant, unit)
    states = state or tuple(State)
    wanted = list_tables.Wanted(tenant, states, member_id, category, units, due_before, appointment_before)
    found = await list_tables.list_orders(db, wanted, decode_cursor(after), limit)
    shown = await _shown(found.rows, tenant, request, db)
    return Page(items=shown, next=found.next, total=found.total)


@router.get("/v1/orders.csv", response_class=StreamingResponse, responses=CSV_ANSWER)
async def orders_as_csv(
    request: Request,
    db: DatabaseDep,
    tenant: OfStreet,
    state: AnyOfStates = (),
    category: CategoryCode | None = None,
    unit: InUnit = None,
    due_before: DueBefore = None,
    appointment_before: AppointmentBefore = None,
) -> StreamingResponse:
    """The same as a file for spreadsheets, all of them."""
    units = await _units(db, tenant, unit)
    wanted = list_tables.Wanted(tenant, state or tuple(State), None, category, units, due_before, appointment_before)
    engine = request.app.state.engine
    return as_csv(engine, list_tables.EXPORT, wanted.parameters(), CSV_COLUMNS, _csv_line, f"orders-{tenant}")


@router.get("/v1/orders/ended-by-level")
async def ended_by_level(db: DatabaseDep, tenant: OfStreet, since: AwareDatetime, until: AwareDatetime) -> EndedByLevel:
    """小事不出社区，大事不出街道: at which level orders ended that passed their check in [since, until)."""
    ended = await list_tables.ended_by_level(db, tenant, since, until)
    return EndedByLevel(ended=ended, within_community=within_community(ended))


@router.get("/v1/orders/counts")
async def counts(db: DatabaseDep, tenant: OfStreet) -> dict[str, int]:
    """How many orders are in each state."""
    return await list_tables.count_orders(db, tenant)


@router.get("/v1/orders/{order_id}")
async def show(order_id: UUID, tenant: OfStreet, request: Request, db: DatabaseDep) -> OrderShown:
    found = (await order_tables.orders_by_id(db, [order_id], lock=False)).get(order_id)
    if found is None or found.tenant != tenant:
        raise not_found(f"there is no order {order_id} in {tenant}")
    [shown] = await _shown([found], tenant, request, db)
    return shown


async def _units(db: Database, tenant: str, unit: str | None) -> list[str] | None:
    """The codes of the unit and of all below it; none for a unit that the street does not have."""
    if unit is None:
        return None
    street = await street_or_404(db, tenant)
    return [code for code in street.units if any(above.code == unit for above in street.ancestors(code))]


CSV_COLUMNS = (
    "case_no",
    "state",
    "category",
    "category_name",
    "summary",
    "unit",
    "org_id",
    "member_id",
    "claim_by",
    "handle_by",
    "check_by",
    "handled_at",
    "rework_count",
    "appointment_starts_at",
    "appointment_ends_at",
)


def _csv_line(row: Record) -> list[object]:
    """Times as the street reads them."""
    values = [getattr(row, name) for name in CSV_COLUMNS]
    return [local_minutes(v) if isinstance(v, datetime) else v for v in values]


async def _shown(orders: Sequence[Order], tenant: str, request: Request, db: Database) -> list[OrderShown]:
    if not orders:
        return []
    calendar, now = (await street_or_404(db, tenant)).calendar, request.app.state.clock.now()
    return [
        OrderShown(
            **view(order).model_dump(), light=running.light(calendar, now) if (running := order.running) else None
        )
        for order in orders
    ]
