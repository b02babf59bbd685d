"""Orders, looked up over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, Field

from libs.chassis.beginning import LINES_ANSWER, as_lines
from libs.chassis.db.database import Database, Record
from libs.chassis.db.ids import made_at
from libs.chassis.http import DatabaseDep, LanguageDep, OfStreet
from libs.chassis.pages import CSV_ANSWER, Page, Total, as_csv, decode_cursor, word
from libs.contracts.message import CategoryCode, GridCode, MemberId, Moment
from libs.contracts.particulars import TITLES, Particulars
from libs.contracts.values import Level, Place
from libs.sentences import Language
from libs.street_time import local_minutes
from services.dispatch.calendar.domain import Light
from services.dispatch.order_lists import tables as list_tables
from services.dispatch.orders import tables as order_tables
from services.dispatch.orders.api import ComponentNamed, OrderView, order_or_404, view
from services.dispatch.orders.domain.escalation import within_community
from services.dispatch.orders.domain.order import MOVES, Order, State
from services.dispatch.settings import Settings
from services.dispatch.street.domain.street import Street
from services.dispatch.street.lookup import known_or_404, street_or_404, unit_or_404

router = APIRouter(tags=["orders"])


class OrderShown(OrderView):
    """With names beside ids, a link that opens a map, what was handed in last, and the light of the stage that it is
    in, when it was looked up; none where no clock runs."""

    unit_name: str
    other_unit_names: list[str] = Field(description="Of `other_units`, in its sequence.")
    org_name: str
    member_name: str | None
    offered_to_names: list[str] = Field(description="Of `offered_to`, in its sequence.")
    map_link: str | None = Field(description="Opens a map at the point; null where only a name is known.")
    note: str = Field(description="For colleagues, by the member who handed it in.")
    photos: list[str] = Field(description="Ids of the photos with which it was handed in.")
    light: Light | None


class EndedByLevel(BaseModel):
    """Orders that passed their check in the period, by the level that answered for them at the end."""

    ended: dict[Level, int]
    within_community: str | None = Field(
        description="小事不出社区: the share that did not go to the street, in percent."
    )


class OfComponent(BaseModel):
    """An order whose report named the component: what for, when, and who did it."""

    order_id: UUID
    case_no: str
    category: str
    category_name: str
    state: State
    made_at: datetime
    handled_at: datetime | None
    member_id: str | None = Field(description="Who has it, or did it; null while nobody has.")
    member_name: str | None
    result: str = Field(description="What was done, in words for the reporter.")
    component: ComponentNamed = Field(description="What it was when the order was made.")


AnyOfStates = Annotated[tuple[State, ...], Query(alias="state", description="Any of these; without it, all.")]
InUnit = Annotated[GridCode | None, Query(description="Of this grid unit and all below it.")]
AppointmentBefore = Annotated[Moment | None, Query(description="Somebody is expected before, with an offset.")]
DueBefore = Annotated[Moment | None, Query(description="To be handled before, with an offset or Z.")]


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
    street = await street_or_404(db, tenant)
    units = _units(street, unit)
    states = state or tuple(State)
    wanted = list_tables.Wanted(tenant, states, member_id, category, units, due_before, appointment_before)
    found = await list_tables.list_orders(db, wanted, decode_cursor(after), limit)
    if not found.rows:
        known_or_404(street, member_id)
    shown = await _shown(found.rows, street, request, db)
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
    *,
    language: LanguageDep,
) -> StreamingResponse:
    """The same as a file for spreadsheets, all of them."""
    street, serving = await street_or_404(db, tenant), request.app.state
    units = _units(street, unit)
    wanted = list_tables.Wanted(tenant, state or tuple(State), None, category, units, due_before, appointment_before)
    line = partial(_csv_line, street=street, template=Settings.of(serving).map_link, language=language)
    asked, name = wanted.parameters(), f"orders-{tenant}"
    return as_csv(serving.engine, list_tables.EXPORT, asked, CSV_COLUMNS, line, name, language)


@router.get("/v1/orders.jsonl", response_class=StreamingResponse, responses=LINES_ANSWER)
async def orders_as_they_are(tenant: OfStreet, request: Request, db: DatabaseDep) -> Response:
    """Every order as it is now, as JSON Lines, and from where on the stream DISPATCH tells what comes after.

    The first line says where (`stream`, `after_sequence`, `already`), each after it is an order, the last how many
    there were.
    """
    await street_or_404(db, tenant)
    asked = list_tables.Wanted(tenant, tuple(State)).parameters()
    return await as_lines(request, "dispatch", tenant, list_tables.EXPORT, asked, _as_it_is)


def _as_it_is(row: Record) -> str:
    return view(order_tables.order_of(row)).model_dump_json()


@router.get("/v1/orders/ended-by-level")
async def ended_by_level(db: DatabaseDep, tenant: OfStreet, since: Moment, until: Moment) -> EndedByLevel:
    """小事不出社区，大事不出街道: at which level orders ended that passed their check in [since, until)."""
    await street_or_404(db, tenant)
    ended = await list_tables.ended_by_level(db, tenant, since, until)
    return EndedByLevel(ended=ended, within_community=within_community(ended))


@router.get("/v1/orders/counts")
async def counts(db: DatabaseDep, tenant: OfStreet) -> dict[str, int]:
    """How many orders are in each state."""
    await street_or_404(db, tenant)
    return await list_tables.count_orders(db, tenant)


@router.get("/v1/orders/{order_id}")
async def show(order_id: UUID, tenant: OfStreet, request: Request, db: DatabaseDep) -> OrderShown:
    found = await order_or_404(db, tenant, order_id)
    [shown] = await _shown([found], await street_or_404(db, tenant), request, db)
    return shown


@router.get("/v1/components/{code:path}/orders")
async def orders_of_component(
    db: DatabaseDep,
    code: Annotated[str, Path(max_length=64)],
    tenant: OfStreet,
    after: Annotated[str | None, Query(description="`next` of the page before.", max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[OfComponent]:
    """The orders whose reports named the component (部件), the newest first. The code need not be in the inventory."""
    street = await street_or_404(db, tenant)
    if not code.isprintable():
        return Page(items=[], next=None, total=Total(count=0, more=False))
    found = await list_tables.orders_of_component(db, tenant, code, decode_cursor(after), limit)
    return Page(items=[_of_component(order, street) for order in found.rows], next=found.next, total=found.total)


def _of_component(order: Order, street: Street) -> OfComponent:
    names = {"made_at": made_at(order.order_id), "member_name": order.member_id and street.member_name(order.member_id)}
    shown = {name: names.get(name, getattr(order, name, None)) for name in OfComponent.model_fields}
    return OfComponent.model_validate(shown, from_attributes=True)


def _units(street: Street, unit: str | None) -> list[str] | None:
    """The codes of the unit and of all below it. Raises RefusedRequest (404) for one that the street does not have."""
    if unit is None:
        return None
    unit_or_404(street, unit)
    return [code for code in street.units if any(above.code == unit for above in street.ancestors(code))]


CSV_COLUMNS = {
    "case_no": "案件编号",
    "state": "状态代码",
    "state_name": "状态",
    "category": "类别代码",
    "category_name": "类别",
    "summary": "内容摘要",
    "unit": "网格代码",
    "unit_name": "网格",
    "place_name": "地点",
    "longitude": "经度",
    "latitude": "纬度",
    "accuracy_m": "精度（米）",
    "map_link": "地图",
    "component": "部件编号",
    "component_kind": "部件类别代码",
    "component_kind_name": "部件类别",
    "component_name": "部件名称",
    "org_id": "组织编号",
    "org_name": "组织",
    "member_id": "成员编号",
    "member_name": "成员",
    "claim_by": "接单时限",
    "handle_by": "处置时限",
    "check_by": "核查时限",
    "handled_at": "处置时间",
    "rework_count": "返工次数",
    "appointment_starts_at": "预约开始",
    "appointment_ends_at": "预约结束",
    **TITLES,
}
"""Chinese titles by name."""


def _csv_line(row: Record, street: Street, template: str, language: Language) -> list[object]:
    """The state in words beside its code; times as the street reads them."""
    place, component = Place.model_validate(row.place), row.component or {}
    point = place.point
    named = {
        **Particulars.model_validate(row.particulars).cells(),
        "state_name": word(MOVES.states, row.state, language),
        "unit_name": street.units[row.unit].name,
        "place_name": place.name,
        "longitude": point and point.longitude,
        "latitude": point and point.latitude,
        "accuracy_m": point and point.accuracy_m,
        "map_link": place.map_link(template),
        "component": component.get("code"),
        "component_kind": component.get("kind"),
        "component_kind_name": component.get("kind_name"),
        "component_name": component.get("name"),
        "org_name": street.org_name(row.org_id, row.unit),
        "member_name": row.member_id and street.member_name(row.member_id),
    }
    values = [named[name] if name in named else getattr(row, name) for name in CSV_COLUMNS]
    return [local_minutes(v) if isinstance(v, datetime) else v for v in values]


async def _shown(orders: Sequence[Order], street: Street, request: Request, db: Database) -> list[OrderShown]:
    if not orders:
        return []
    state = request.app.state
    evidence = await order_tables.evidence_of(db, [order.order_id for order in orders])
    now = state.clock.now()
    return [_order(order, street, evidence[order.order_id], now, Settings.of(state).map_link) for order in orders]


def _order(order: Order, street: Street, handed_in: order_tables.HandedIn, now: datetime, template: str) -> OrderShown:
    note, photos = handed_in
    unit, running = street.units[order.unit], order.running
    return OrderShown(
        **view(order).model_dump(),
        unit_name=unit.name,
        other_unit_names=[street.units[code].name for code in order.other_units],
        org_name=street.org_name(order.org_id, order.unit),
        member_name=street.member_name(order.member_id) if order.member_id else None,
        offered_to_names=[street.member_name(member_id) for member_id in order.offered_to],
        map_link=order.place.map_link(template),
        note=note,
        photos=photos,
        light=running.light(street.calendar, now) if running else None,
    )
