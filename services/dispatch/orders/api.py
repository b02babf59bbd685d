"""What members do with orders over HTTP."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from libs.chassis.db.database import Database
from libs.chassis.http import Body, CommandsDep, not_found
from libs.contracts.dispatch import RaiseReason
from libs.contracts.message import GridCode, MemberId, Tenant
from libs.contracts.particulars import Particulars
from libs.contracts.reasons import ReasonView
from libs.contracts.values import Answer, Documents, Level, Place, Reach, RequestKind
from libs.sentences import none_in_street
from services.dispatch.orders import tables as order_tables
from services.dispatch.orders.domain.commands import (
    AssignOrder,
    CheckOrder,
    ClaimOrder,
    GiveBackOrder,
    HandInOrder,
    PassOrderOn,
    RaiseOrder,
    ResumeOrder,
    SendOrderDown,
    StartOrder,
    SuperviseOrder,
)
from services.dispatch.orders.domain.help import HelpState
from services.dispatch.orders.domain.order import Order, State

router = APIRouter(tags=["orders"])


class HelpView(BaseModel):
    """Who helps with an order (协办), with what, and how far they are."""

    model_config = ConfigDict(from_attributes=True)

    help_id: UUID
    unit: str
    task: str
    share: int = Field(description="Percent of the points of the order.")
    due_at: datetime | None = Field(description="null: by the order's own deadline.")
    state: HelpState
    asked_by: str | None = Field(description="null: the responsibility list or a campaign asks.")
    member_id: str | None
    done_at: datetime | None
    on_time: bool | None
    note: str


class ComponentNamed(BaseModel):
    """The component that the report names, as it was when the order was made."""

    model_config = ConfigDict(from_attributes=True)

    code: str
    kind: str | None = Field(description="A category; null: the code was not in the inventory.")
    kind_name: str | None
    name: str | None
    org_id: str | None = Field(description="Who looked after it.")
    org_name: str | None


class AnswerView(BaseModel):
    """What the reporter said when the desk asked, without anything like a contact."""

    model_config = ConfigDict(from_attributes=True)

    question: str
    words: str
    photos: list[str] = Field(description="Ids of photos.")


class OrderView(Particulars):
    """An order as staff see it, with what its report says for whoever does it."""

    order_id: UUID
    case_id: UUID
    case_no: str
    category: str
    category_name: str
    request_kind: RequestKind = Field(description="A proposal is handed in with an answer.")
    summary: str
    place: Place
    component: ComponentNamed | None
    state: State
    unit: str
    other_units: list[str] = Field(
        description="Where it may lie as well, since its point is only good to some metres: pass_on leads there."
    )
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
    paused_at: datetime | None = Field(description="Since then the reporter is asked for more, and no clock runs.")
    reporter_answers: list[AnswerView]
    in_kpis: bool
    rework_count: int
    result: str = Field(description="What was done, in words for the reporter.")
    answer: Answer | None = Field(description="To a proposal, whose `result` says why.")
    planned_for: date | None
    opening: int
    because: list[ReasonView]
    appointment_starts_at: datetime | None
    appointment_ends_at: datetime | None
    responsibility_version: int | None
    helpers: list[HelpView]


_OF_ORDER = OrderView.model_fields.keys() - Particulars.model_fields.keys()

Result = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=r"^[^\x00]*$")]
Photos = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=9, description="Ids of photos.")]


class ByMember(Body):
    tenant: Tenant = Field(examples=["370784004"])
    member_id: MemberId = Field(examples=["M0001"])


class ClaimBody(ByMember):
    """Who claims."""


class StartBody(ByMember):
    """Who begins."""


class HandInBody(ByMember):
    """What was done, with the evidence that the responsibility list asks for."""

    note: str = Field("", max_length=2000, description="For colleagues.", examples=["Lamp replaced, works"])
    photos: Photos = Field([])
    documents_returned: Documents = Field((), description="Every document of the order: the resident has them again.")
    result: Result = Field("", description="What was done, in words that the reporter reads.", examples=["灯已换新"])
    answer: Answer | None = Field(None, description="To a proposal (采纳, 列入计划, 不采纳), with why in `result`.")
    planned_for: date | None = Field(None, description="Where it is planned: the day by which.")


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


class PassOnBody(ByMember):
    """Who of an answering organisation passes the order on, where to, and why."""

    unit: GridCode = Field(examples=["37078400420103"], description="One of the order's `other_units`.")
    reason: str = Field(min_length=1, max_length=500, examples=["灯在路的另一侧"])


class CheckBody(ByMember):
    """What somebody else found when they looked."""

    passed: StrictBool
    note: str = Field("", max_length=500, description="Needed where it did not pass: what is missing.")
    photos: Photos = Field([])
    result: Result | None = Field(None, description="Better words for the reporter; null leaves the member's.")


@router.post("/v1/orders/{order_id}/claim")
async def claim(order_id: UUID, body: ClaimBody, commands: CommandsDep) -> OrderView:
    """接单. Exactly one member has it; who is first. The same member may ask again."""
    return view(await commands.send(ClaimOrder(body.tenant, order_id, body.member_id)))


@router.post("/v1/orders/{order_id}/start")
async def start(order_id: UUID, body: StartBody, commands: CommandsDep) -> OrderView:
    """开始处置. The member begins."""
    return view(await commands.send(StartOrder(body.tenant, order_id, body.member_id)))


@router.post("/v1/orders/{order_id}/hand_in")
async def hand_in(order_id: UUID, body: HandInBody, commands: CommandsDep) -> OrderView:
    """处置反馈. It is done, and waits to be checked."""
    photos, returned = tuple(body.photos), body.documents_returned
    done = (body.note, photos, returned, body.result, body.answer, body.planned_for)
    return view(await commands.send(HandInOrder(body.tenant, order_id, body.member_id, *done)))


@router.post("/v1/orders/{order_id}/give_back")
async def give_back(order_id: UUID, body: GiveBackBody, commands: CommandsDep) -> OrderView:
    """回退. The next candidates hear of it, or the level above."""
    return view(await commands.send(GiveBackOrder(body.tenant, order_id, body.member_id, body.reason)))


@router.post("/v1/orders/{order_id}/assign")
async def assign(order_id: UUID, body: AssignBody, commands: CommandsDep) -> OrderView:
    """指派. An organisation that answers for the order gives it to a member, from whoever has it."""
    return view(await commands.send(AssignOrder(body.tenant, order_id, body.member_id, body.to_member, body.reason)))


@router.post("/v1/orders/{order_id}/raise")
async def raise_order(order_id: UUID, body: RaiseBody, commands: CommandsDep) -> OrderView:
    """上交. An organisation that answers for the order hands it to the level above."""
    return view(await commands.send(RaiseOrder(body.tenant, order_id, body.member_id, body.reason)))


@router.post("/v1/orders/{order_id}/send_down")
async def send_down(order_id: UUID, body: SendDownBody, commands: CommandsDep) -> OrderView:
    """下派. An organisation that answers for the order hands it to a unit below."""
    return view(await commands.send(SendOrderDown(body.tenant, order_id, body.member_id, body.unit, body.reason)))


@router.post("/v1/orders/{order_id}/pass_on")
async def pass_on(order_id: UUID, body: PassOnBody, commands: CommandsDep) -> OrderView:
    """转派. An organisation that answers for the order hands it to another unit in which it may lie."""
    return view(await commands.send(PassOrderOn(body.tenant, order_id, body.member_id, body.unit, body.reason)))


@router.post("/v1/orders/{order_id}/check")
async def check(order_id: UUID, body: CheckBody, commands: CommandsDep) -> OrderView:
    """核查. Who was asked to look, or another of an answering organisation, says: done, or rework."""
    found = CheckOrder(body.tenant, order_id, body.member_id, body.passed, body.note, tuple(body.photos), body.result)
    return view(await commands.send(found))


async def order_or_404(db: Database, tenant: str, order_id: UUID) -> Order:
    """Raises RefusedRequest (404) when the street has none of this id."""
    found = (await order_tables.orders_by_id(db, [order_id], lock=False)).get(order_id)
    if found is None or found.tenant != tenant:
        raise not_found(none_in_street(tenant, f"工单 {order_id}", f"order {order_id}"))
    return found


def view(order: Order) -> OrderView:
    shown = {name: getattr(order, name) for name in _OF_ORDER}
    return OrderView.model_validate({**shown, **dict(order.particulars)}, from_attributes=True)


class ResumeBody(ByMember):
    """Who goes on."""


class SuperviseBody(ByMember):
    """What the higher level wants."""

    note: str = Field(min_length=1, max_length=500, examples=["请今天内处置并反馈"])


@router.post("/v1/orders/{order_id}/resume")
async def resume(order_id: UUID, body: ResumeBody, commands: CommandsDep) -> OrderView:
    """恢复. The handler goes on with a suspended order, and its clock with what was left."""
    return view(await commands.send(ResumeOrder(body.tenant, order_id, body.member_id)))


@router.post("/v1/orders/{order_id}/supervise")
async def supervise(order_id: UUID, body: SuperviseBody, commands: CommandsDep) -> OrderView:
    """督办. A higher level wants it done; those whose turn it is are told."""
    return view(await commands.send(SuperviseOrder(body.tenant, order_id, body.member_id, body.note)))
