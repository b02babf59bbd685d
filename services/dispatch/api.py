"""Orders over HTTP: what members do with them, and what others may look up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, Field, WithJsonSchema

from libs.chassis.database import Database, Record
from libs.chassis.http import Asking, Reading, not_found
from libs.chassis.pages import CSV_ANSWER, Page, as_csv, position
from libs.contracts.dispatch import RaiseReason
from libs.contracts.message import CategoryCode, GridCode, MemberId, Tenant
from libs.contracts.words import STREET_ZONE, Documents, Level, Reach
from services.dispatch import absence_api, campaign_api, coverage_api, routing_api, visit_api
from services.dispatch.domain.calendar import Light
from services.dispatch.domain.commands import (
    AssignOrder,
    CheckOrder,
    ClaimOrder,
    GiveBackOrder,
    HandInOrder,
    RaiseOrder,
    SendOrderDown,
    StartOrder,
)
from services.dispatch.domain.escalation import within_community
from services.dispatch.domain.order import Order, State
from services.dispatch.streets_asked import street_asked
from services.dispatch.tables import orders as order_tables

router = APIRouter(tags=["orders"])
router.include_router(absence_api.router)
router.include_router(campaign_api.router)
router.include_router(visit_api.router)
router.include_router(coverage_api.router)
router.include_router(routing_api.router)


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
    reach: Reach
    evidence: str
    claim_by: datetime
    handle_by: datetime
    check_by: datetime
    handled_at: datetime | None
    extended_times: int
    suspended_until: datetime | None
    in_kpis: bool
    rework_count: int
    opening: int
    because: list[str]
    appointment_starts_at: datetime | None
    appointment_ends_at: datetime | None
    documents: list[str] = Field(description="Papers that the resident hands over, or that the member must bring.")
    responsibility_version: int | None


class OrderShown(OrderView):
    """With the light of the stage that it is in, when it was looked up; none where no clock runs."""

    light: Light | None


Photos = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=9, description="Ids of photos.")]


class ByMember(BaseModel):
    tenant: Tenant = Field(examples=["370784004"])
    member_id: MemberId = Field(examples=["M0001"])


class ClaimBody(ByMember):
    """Who claims."""


class StartBody(ByMember):
    """Who begins."""


class HandInBody(ByMember):
    """What was done, with the evidence that the responsibility list asks for."""

    note: str = Field("", max_length=2000, examples=["Lamp replaced, works"])
    photos: Photos = Field([])
    documents_returned: Documents = Field((), description="Every document of the order: the resident has them again.")


class GiveBackBody(ByMember):
    """Why the member cannot do it."""

    reason: str = Field(min_length=1, max_length=500, examples=["A crane is needed"])


class AssignBody(ByMember):
    """Who of an answering organisation gives the order to whom, and why."""

    to_member: MemberId = Field(examples=["M0002"])
    reason: str = Field(min_length=1, max_length=500, examples=["The member who had it is absent"])


class RaiseBody(ByMember):
    """Who of an answering organisation raises the order, and why."""

    reason: RaiseReason


class SendDownBody(ByMember):
    """Who of an answering organisation sends the order down, where to, and why."""

    unit: GridCode = Field(examples=["370784004201"])
    reason: str = Field(
        min_length=1, max_length=500, examples=["The village can do it with the equipment of the street"]
    )


class EndedByLevel(BaseModel):
    """Orders that passed their check in the period, by the level that answered for them at the end."""

    ended: dict[Level, int]
    within_community: str | None = Field(
        description="小事不出社区: the share that did not go to the street, in percent."
    )


class CheckBody(ByMember):
    """What somebody else found when they looked."""

    passed: bool
    note: str = Field("", max_length=500, description="Needed where it did not pass: what is missing.")
    photos: Photos = Field([])


ClockTime = Annotated[time, WithJsonSchema({"type": "string", "pattern": r"^\d\d:\d\d:\d\d$"})]
"""In the street's zone: what JSON Schema calls a time has an offset."""


class HoursView(BaseModel):
    opens: ClockTime
    closes: ClockTime


class YearView(BaseModel):
    """`known` is false while nobody has published the holidays of the year: then Monday to Friday are worked.

    `holidays` are Mondays to Fridays off, `workdays` Saturdays and Sundays worked (调休).
    """

    year: int
    known: bool
    hours: list[HoursView]
    holidays: list[date]
    workdays: list[date]


@router.post("/v1/orders/{order_id}/claim")
async def claim(order_id: UUID, body: ClaimBody, desk: Asking) -> OrderView:
    """接单. Exactly one member has it; who is first. The same member may ask again."""
    return view(await desk.ask(ClaimOrder(body.tenant, order_id, body.member_id)))


@router.post("/v1/orders/{order_id}/start")
async def start(order_id: UUID, body: StartBody, desk: Asking) -> OrderView:
    """开始处置. The member begins."""
    return view(await desk.ask(StartOrder(body.tenant, order_id, body.member_id)))


@router.post("/v1/orders/{order_id}/hand-in")
async def hand_in(order_id: UUID, body: HandInBody, desk: Asking) -> OrderView:
    """处置反馈. It is done, and waits to be checked."""
    photos, returned = tuple(body.photos), body.documents_returned
    return view(await desk.ask(HandInOrder(body.tenant, order_id, body.member_id, body.note, photos, returned)))


@router.post("/v1/orders/{order_id}/give-back")
async def give_back(order_id: UUID, body: GiveBackBody, desk: Asking) -> OrderView:
    """回退. The next candidates hear of it, or the level above."""
    return view(await desk.ask(GiveBackOrder(body.tenant, order_id, body.member_id, body.reason)))


@router.post("/v1/orders/{order_id}/assign")
async def assign(order_id: UUID, body: AssignBody, desk: Asking) -> OrderView:
    """指派. An organisation that answers for the order gives it to a member, from whoever has it."""
    return view(await desk.ask(AssignOrder(body.tenant, order_id, body.member_id, body.to_member, body.reason)))


@router.post("/v1/orders/{order_id}/raise")
async def raise_order(order_id: UUID, body: RaiseBody, desk: Asking) -> OrderView:
    """上交. An organisation that answers for the order hands it to the level above."""
    return view(await desk.ask(RaiseOrder(body.tenant, order_id, body.member_id, body.reason)))


@router.post("/v1/orders/{order_id}/send-down")
async def send_down(order_id: UUID, body: SendDownBody, desk: Asking) -> OrderView:
    """下派. An organisation that answers for the order hands it to a unit below."""
    return view(await desk.ask(SendOrderDown(body.tenant, order_id, body.member_id, body.unit, body.reason)))


@router.post("/v1/orders/{order_id}/check")
async def check(order_id: UUID, body: CheckBody, desk: Asking) -> OrderView:
    """核查. Who was asked to look, or another of an answering organisation, says: done, or rework."""
    found = CheckOrder(body.tenant, order_id, body.member_id, body.passed, body.note, tuple(body.photos))
    return view(await desk.ask(found))


AnyOfStates = Annotated[tuple[State, ...], Query(alias="state", description="Any of these; without it, all.")]
InUnit = Annotated[GridCode | None, Query(description="Of this grid unit and all below it.")]
AppointmentBefore = Annotated[AwareDatetime | None, Query(description="Somebody is expected before, with an offset.")]
DueBefore = Annotated[AwareDatetime | None, Query(description="To be handled before, with an offset or Z.")]


@router.get("/v1/orders")
async def list_orders(
    request: Request,
    db: Reading,
    tenant: Tenant,
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
    wanted = order_tables.Wanted(tenant, states, member_id, category, units, due_before, appointment_before)
    found = await order_tables.list_orders(db, wanted, position(after), limit)
    shown = await _shown(found.rows, tenant, request, db)
    return Page(items=shown, next=found.next, total=found.total)


@router.get("/v1/orders.csv", response_class=StreamingResponse, responses=CSV_ANSWER)
async def orders_as_csv(
    request: Request,
    db: Reading,
    tenant: Tenant,
    state: AnyOfStates = (),
    category: CategoryCode | None = None,
    unit: InUnit = None,
    due_before: DueBefore = None,
    appointment_before: AppointmentBefore = None,
) -> StreamingResponse:
    """The same as a file for spreadsheets, all of them."""
    units = await _units(db, tenant, unit)
    wanted = order_tables.Wanted(tenant, state or tuple(State), None, category, units, due_before, appointment_before)
    engine = request.app.state.engine
    return as_csv(engine, order_tables.EXPORT, wanted.parameters(), CSV_COLUMNS, _csv_line, f"orders-{tenant}")


@router.get("/v1/orders/ended-by-level")
async def ended_by_level(db: Reading, tenant: Tenant, since: AwareDatetime, until: AwareDatetime) -> EndedByLevel:
    """小事不出社区，大事不出街道: at which level orders ended that passed their check in [since, until)."""
    ended = await order_tables.ended_by_level(db, tenant, since, until)
    return EndedByLevel(ended=ended, within_community=within_community(ended))


@router.get("/v1/orders/counts")
async def counts(db: Reading, tenant: Tenant) -> dict[str, int]:
    """How many orders are in each state."""
    return await order_tables.count_orders(db, tenant)


@router.get("/v1/orders/{order_id}")
async def show(order_id: UUID, tenant: Tenant, request: Request, db: Reading) -> OrderShown:
    found = (await order_tables.orders_by_id(db, [order_id], lock=False)).get(order_id)
    if found is None or found.tenant != tenant:
        raise not_found(f"there is no order {order_id} in {tenant}")
    [shown] = await _shown([found], tenant, request, db)
    return shown


@router.get("/v1/calendar/{year}")
async def calendar(year: Annotated[int, Path(ge=2004, le=2099)], tenant: Tenant, db: Reading) -> YearView:
    """When the street works: hours, the days on which it differs from Monday to Friday, and whether that is certain."""
    works = (await street_asked(db, tenant)).calendar
    days = [date(year, 1, 1) + timedelta(days=n) for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days)]
    return YearView(
        year=year,
        known=works.is_known(year),
        hours=[HoursView(opens=opens, closes=closes) for opens, closes in works.hours],
        holidays=[day for day in days if day.weekday() < 5 and not works.is_worked(day)],
        workdays=[day for day in days if day.weekday() >= 5 and works.is_worked(day)],
    )


async def _units(db: Database, tenant: str, unit: str | None) -> list[str] | None:
    """The codes of the unit and of all below it; none for a unit that the street does not have."""
    if unit is None:
        return None
    street = await street_asked(db, tenant)
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
    return [f"{v.astimezone(STREET_ZONE):%Y-%m-%d %H:%M}" if isinstance(v, datetime) else v for v in values]


async def _shown(orders: Sequence[Order], tenant: str, request: Request, db: Database) -> list[OrderShown]:
    if not orders:
        return []
    calendar, now = (await street_asked(db, tenant)).calendar, request.app.state.clock.now()
    return [
        OrderShown(
            **view(order).model_dump(), light=running.light(calendar, now) if (running := order.running) else None
        )
        for order in orders
    ]


def view(order: Order) -> OrderView:
    return OrderView.model_validate(order, from_attributes=True)
