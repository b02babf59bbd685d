"""The inbox of a member or an organisation."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from libs.chassis.db.database import Record
from libs.chassis.http import CommandsDep, DatabaseDep, OfStreet
from services.notify.inbox import tables as inbox
from services.notify.inbox.domain import TELLS_REPORTER, ReadMessage
from services.notify.recipients import vault
from services.notify.recipients.api import RecipientId, recipient_or_404
from services.notify.settings import Settings
from services.notify.wording.rendering import render, tracking_link, values

router = APIRouter(tags=["notifications"])


class Message(BaseModel):
    """A notification in the app, in the recipient's language."""

    delivery_id: UUID
    template: str = Field(examples=["offered"])
    case_id: UUID | None
    case_no: str | None = Field(examples=["20261123-000042"])
    occurred_at: datetime
    subject: str
    text: str
    link: str | None
    read_at: datetime | None


class Read(BaseModel):
    read_at: datetime


@router.get("/v1/recipients/{recipient_id}/inbox")
async def show_inbox(
    recipient_id: RecipientId,
    request: Request,
    db: DatabaseDep,
    tenant: OfStreet,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[Message]:
    """Messages of a member or an organisation, the newest first."""
    rows = await inbox.messages(db, tenant, recipient_id, limit)
    if not rows:
        await recipient_or_404(db, tenant, recipient_id)
    return [_message(row, Settings.of(request.app.state)) for row in rows]


@router.post("/v1/recipients/{recipient_id}/inbox/{delivery_id}/read")
async def read(recipient_id: RecipientId, delivery_id: UUID, tenant: OfStreet, commands: CommandsDep) -> Read:
    """The recipient has seen it. Said again, the first time counts."""
    return Read(read_at=await commands.send(ReadMessage(tenant, recipient_id, delivery_id)))


def _message(row: Record, settings: Settings) -> Message:
    tracking = vault.decrypt(row.key, row.tracking)
    link = tracking_link(settings.public_url, tracking.get("tracking_code")) if row.template in TELLS_REPORTER else None
    case_no = row.parameters.get("case_no") or row.case_no
    known = values(row.parameters, case_no=case_no, link=link, map_template=settings.map_link)
    said = render(row.language, row.template, known)
    return Message(
        delivery_id=row.delivery_id,
        template=row.template,
        case_id=row.case_id,
        case_no=case_no,
        occurred_at=row.occurred_at,
        subject=said.subject,
        text=said.text,
        link=link,
        read_at=row.read_at,
    )
