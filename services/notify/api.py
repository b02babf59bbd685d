"""Recipients over HTTP: their inbox and wishes, their erasure, and how deliveries go."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from libs.chassis.database import Record
from libs.chassis.http import Asking, Reading
from libs.contracts.message import Tenant
from libs.contracts.words import Channel
from services.notify import vault
from services.notify.domain.audience import RULES, Reporter
from services.notify.domain.commands import EraseRecipient, ReadMessage, SetPreferences
from services.notify.domain.recipient import DEFAULT_LANGUAGE, Language, channels_of, kind
from services.notify.rendering import render, tracking_link
from services.notify.tables import inbox, people

router = APIRouter(tags=["notifications"])

RecipientId = Annotated[
    str,
    Path(pattern=r"^(member|reporter|org):[A-Za-z0-9_-]{1,36}$", examples=["member:M0001"]),
]

TELLS_REPORTER = frozenset(rule.template for rule in RULES.values() if isinstance(rule.audience, Reporter))


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


class Preferences(BaseModel):
    """Which channels a recipient wants, as they hold now."""

    in_app: bool
    email: bool
    webhook: bool
    language: Language


class Wishes(BaseModel):
    """What a recipient says. Null or left out: as is usual for their kind, and in the language of their contact."""

    in_app: bool | None = None
    email: bool | None = Field(None, examples=[False])
    webhook: bool | None = None
    language: Language | None = Field(None, examples=["en"])


class Read(BaseModel):
    read_at: datetime


class Latency(BaseModel):
    """Seconds from a report until the first notification about its case is queued, and until it is first sent."""

    cases: int
    queued_p50_seconds: float | None
    queued_p99_seconds: float | None
    attempted_p50_seconds: float | None
    attempted_p99_seconds: float | None


@router.get("/v1/recipients/{recipient_id}/inbox")
async def show_inbox(
    recipient_id: RecipientId,
    request: Request,
    db: Reading,
    tenant: Tenant,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[Message]:
    """Messages of a member or an organisation, the newest first."""
    rows = await inbox.messages(db, tenant, recipient_id, limit)
    return [_message(row, request.app.state.settings.public_url) for row in rows]


@router.post("/v1/recipients/{recipient_id}/inbox/{delivery_id}/read")
async def read(recipient_id: RecipientId, delivery_id: UUID, tenant: Tenant, desk: Asking) -> Read:
    """The recipient has seen it. Said again, the first time counts."""
    return Read(read_at=await desk.ask(ReadMessage(tenant, recipient_id, delivery_id)))


@router.get("/v1/recipients/{recipient_id}/preferences")
async def show_preferences(recipient_id: RecipientId, tenant: Tenant, db: Reading) -> Preferences:
    """What holds for a recipient, whether they have said it or not."""
    row = await people.preferences_of(db, tenant, recipient_id)
    channels = channels_of(people.recipient_like(kind(recipient_id), row.in_app, row.email, row.webhook))
    return Preferences(
        in_app=Channel.IN_APP in channels,
        email=Channel.EMAIL in channels,
        webhook=Channel.WEBHOOK in channels,
        language=row.language or DEFAULT_LANGUAGE,
    )


@router.put("/v1/recipients/{recipient_id}/preferences", status_code=204)
async def set_preferences(recipient_id: RecipientId, tenant: Tenant, wishes: Wishes, desk: Asking) -> None:
    """Replaces what the recipient has said before. It holds for what is queued from now on."""
    await desk.ask(SetPreferences(tenant, recipient_id, **wishes.model_dump()))


@router.delete("/v1/recipients/{recipient_id}", status_code=204)
async def erase(recipient_id: RecipientId, tenant: Tenant, desk: Asking) -> None:
    """Forget a person: their key, and with it every address and tracking code, and their preferences.

    What waits to be sent to them is suppressed. A contact that they give later is kept under a new key.
    """
    await desk.ask(EraseRecipient(tenant, recipient_id))


@router.get("/v1/deliveries/counts")
async def counts(db: Reading, tenant: Tenant) -> dict[Channel, dict[str, int]]:
    """How many deliveries are in each state, by channel."""
    return {Channel(channel): states for channel, states in (await inbox.counts(db, tenant)).items()}


@router.get("/v1/deliveries/latency")
async def latency(db: Reading, tenant: Tenant) -> Latency:
    """How long people wait to hear of a report, over all cases of a street, in the time of the domain."""
    return Latency(**await inbox.latency(db, tenant))


def _message(row: Record, public_url: str) -> Message:
    tracking = vault.decrypt(row.key, row.tracking)
    link = tracking_link(public_url, tracking.get("tracking_code")) if row.template in TELLS_REPORTER else None
    case_no = row.parameters.get("case_no") or row.case_no
    said = render(row.language, row.template, {"case_no": case_no or "", "link": link or "", **row.parameters})
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
