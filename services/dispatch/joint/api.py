"""Joint handling over HTTP: an organisation asks others to help with its order, and they say when they are done."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from libs.chassis.http import CommandsDep, DatabaseDep, OfStreet
from libs.chassis.pages import Page, decode_cursor
from libs.contracts.message import GridCode, MemberId, Moment
from libs.contracts.values import Place
from services.dispatch.joint import tables
from services.dispatch.joint.domain import AskHelp, AssignHelp, CallHelpOff, FinishHelp, HelpWish
from services.dispatch.orders.api import ByMember, HelpView, OrderView, view
from services.dispatch.orders.domain.help import USUAL_SHARE
from services.dispatch.orders.domain.helping import due
from services.dispatch.street.lookup import known_or_404, street_or_404, unit_or_404

router = APIRouter(tags=["joint handling"])


class AskHelpBody(ByMember):
    """Who of an answering organisation asks whom, and for what."""

    unit: GridCode = Field(description="Of the organisation that shall help.", examples=["37078400402"])
    task: str = Field(min_length=1, max_length=500, examples=["出动清障车，配合封闭路口"])
    share: int = Field(USUAL_SHARE, ge=0, le=50, description="Percent of the points of the order.")
    due_at: Moment | None = Field(
        None, description="Not after the order's own deadline; null: together with the order, also when that is later."
    )


class AssignHelpBody(ByMember):
    """Who of the helping organisation gives the task to whom; the same member twice takes it."""

    to_member: MemberId = Field(examples=["M0002"])


class FinishHelpBody(ByMember):
    """What was done."""

    note: str = Field(min_length=1, max_length=2000, examples=["清障车已到场，路口已放行"])


class CallHelpOffBody(ByMember):
    """Why the helper is not needed."""

    reason: str = Field(min_length=1, max_length=500, examples=["现场已无积水，不再需要抽水车"])


class HelpWanted(HelpView):
    """A helper's task, with what the order is about."""

    order_id: UUID
    case_no: str
    category_name: str
    summary: str
    place: Place
    unit_name: str
    member_name: str | None
    answering_unit: str
    answering_unit_name: str


@router.get("/v1/helpers")
async def wanted(
    db: DatabaseDep,
    tenant: OfStreet,
    unit: Annotated[GridCode | None, Query(description="Whose organisation is to help.")] = None,
    member_id: Annotated[MemberId | None, Query(description="Who has the task.")] = None,
    after: Annotated[str | None, Query(description="`next` of the page before.", max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[HelpWanted]:
    """待协办. What is still to be helped with, by a unit or a member or both; without either, all; the oldest first."""
    street = await street_or_404(db, tenant)
    if unit is not None:
        unit_or_404(street, unit)
    found = await tables.helped(db, tenant, unit, member_id, decode_cursor(after), limit)
    if not found.rows:
        known_or_404(street, member_id)
    items = [
        HelpWanted(
            **HelpView.model_validate(help, from_attributes=True).model_dump(exclude={"due_at"}),
            due_at=due(order, help),
            order_id=order.order_id,
            case_no=order.case_no,
            category_name=order.category_name,
            summary=order.summary,
            place=order.place,
            unit_name=street.units[help.unit].name,
            member_name=street.member_name(help.member_id) if help.member_id else None,
            answering_unit=order.unit,
            answering_unit_name=street.units[order.unit].name,
        )
        for order in found.rows
        for help in order.open_helpers
        if unit in (None, help.unit) and member_id in (None, help.member_id)
    ]
    return Page(items=items, next=found.next, total=found.total)


@router.post("/v1/orders/{order_id}/helpers")
async def ask(order_id: UUID, body: AskHelpBody, commands: CommandsDep) -> OrderView:
    """请求协办. The organisation that answers for the order asks that of any unit of the street to help with it."""
    wish = HelpWish(body.unit, body.task, body.share, body.due_at)
    return view(await commands.send(AskHelp(body.tenant, order_id, body.member_id, wish)))


@router.post("/v1/orders/{order_id}/helpers/{help_id}/assign")
async def assign(order_id: UUID, help_id: UUID, body: AssignHelpBody, commands: CommandsDep) -> OrderView:
    """指派协办人. The helping organisation gives the task to a member, or a member takes it."""
    return view(await commands.send(AssignHelp(body.tenant, order_id, body.member_id, help_id, body.to_member)))


@router.post("/v1/orders/{order_id}/helpers/{help_id}/finish")
async def finish(order_id: UUID, help_id: UUID, body: FinishHelpBody, commands: CommandsDep) -> OrderView:
    """协办办结. The task is done; the check of the order waits for the last one."""
    return view(await commands.send(FinishHelp(body.tenant, order_id, body.member_id, help_id, body.note)))


@router.post("/v1/orders/{order_id}/helpers/{help_id}/call_off")
async def call_off(order_id: UUID, help_id: UUID, body: CallHelpOffBody, commands: CommandsDep) -> OrderView:
    """取消协办. The organisation that answers for the order does without."""
    return view(await commands.send(CallHelpOff(body.tenant, order_id, body.member_id, help_id, body.reason)))
