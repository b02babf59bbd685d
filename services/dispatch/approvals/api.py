"""Approvals over HTTP: what a handler asks for, what the organisation above decides, and how a higher level pushes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from libs.chassis.http import CommandsDep, DatabaseDep, OfStreet
from libs.contracts.dispatch import ApprovalKind
from libs.contracts.message import OrgId
from services.dispatch.approvals import tables
from services.dispatch.approvals.domain import REASONS, ApprovalRequest, AskApproval, DecideApproval, State
from services.dispatch.orders.api import ByMember, order_or_404
from services.dispatch.street.lookup import known_or_404, street_or_404

router = APIRouter(tags=["approvals"])


class ApprovalView(BaseModel):
    """What was asked, by whom, of which organisation, and what it said."""

    model_config = ConfigDict(from_attributes=True)

    approval_id: UUID
    order_id: UUID
    case_no: str
    kind: ApprovalKind
    state: State
    reason: str
    note: str
    amount: int
    asked_by: str
    asked_at: datetime
    org_id: str
    decided_by: str | None
    decided_at: datetime | None
    answer: str


class ReasonView(BaseModel):
    reason: str
    zh: str
    en: str


class AskBody(ByMember):
    """What the handler asks for, with a reason from the list and a note that explains it."""

    kind: ApprovalKind
    reason: str = Field(max_length=40, examples=["materials"])
    note: str = Field(max_length=500, examples=["灯杆需定制，厂家周五发货"])
    amount: int = Field(
        0, ge=0, le=1000, description="More units of the handling clock (extension), or natural days (suspension)."
    )


class DecideBody(ByMember):
    """What the organisation above says; a refusal says why."""

    approve: StrictBool
    note: str = Field("", max_length=500)


@router.get("/v1/approvals/reasons")
async def reasons() -> dict[ApprovalKind, list[ReasonView]]:
    """The lists of reasons to choose from."""
    return {
        kind: [ReasonView(reason=reason, zh=words.zh, en=words.en) for reason, words in listed.items()]
        for kind, listed in REASONS.items()
    }


@router.get("/v1/approvals")
async def pending(
    db: DatabaseDep,
    tenant: OfStreet,
    org_id: Annotated[OrgId, Query(description="The organisation that has to decide.")],
    after: Annotated[UUID | None, Query(description="The last approval id of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[ApprovalView]:
    """待审批. What an organisation has to decide, the oldest first."""
    street = await street_or_404(db, tenant)
    found = await tables.pending(db, tenant, org_id, after, limit)
    if not found:
        known_or_404(street, org_id=org_id)
    return [_approval(each) for each in found]


@router.get("/v1/orders/{order_id}/approvals")
async def of_order(order_id: UUID, tenant: OfStreet, db: DatabaseDep) -> list[ApprovalView]:
    """Everything that was asked about an order, with the answers."""
    await order_or_404(db, tenant, order_id)
    return [_approval(found) for found in await tables.of_orders(db, [order_id])]


@router.post("/v1/orders/{order_id}/approvals")
async def ask(order_id: UUID, body: AskBody, commands: CommandsDep) -> ApprovalView:
    """延期、挂账、申诉. The handler asks; asking again while it is undecided is answered alike."""
    wish = ApprovalRequest(body.kind, body.reason, body.note, body.amount)
    return _approval(await commands.send(AskApproval(body.tenant, order_id, body.member_id, wish)))


@router.post("/v1/orders/{order_id}/approvals/{approval_id}/decide")
async def decide(order_id: UUID, approval_id: UUID, body: DecideBody, commands: CommandsDep) -> ApprovalView:
    """审批. A member of the organisation above, or of one above that, approves or refuses."""
    wanted = DecideApproval(body.tenant, order_id, body.member_id, approval_id, body.approve, body.note)
    return _approval(await commands.send(wanted))


def _approval(found: object) -> ApprovalView:
    return ApprovalView.model_validate(found)
