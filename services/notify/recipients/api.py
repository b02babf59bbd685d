"""A recipient's wishes, and their erasure."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field, StrictBool

from libs.chassis.db.database import Database
from libs.chassis.http import Body, CommandsDep, DatabaseDep, OfStreet, not_found
from libs.contracts.values import Channel
from libs.sentences import none_in_street, unknown_street
from services.notify.recipients import tables as people
from services.notify.recipients.domain.reach import EraseRecipient, SetPreferences, channels_of, kind
from services.notify.wording.domain import DEFAULT_LANGUAGE, Language

router = APIRouter(tags=["notifications"])

RecipientId = Annotated[
    str,
    Path(pattern=r"^(member|reporter|org):[A-Za-z0-9_-]{1,36}$", examples=["member:M0001"]),
]


class Preferences(BaseModel):
    """Which channels a recipient wants, as they hold now."""

    in_app: bool
    email: bool
    webhook: bool
    language: Language


class Wishes(Body):
    """What a recipient says. Null or left out: as is usual for their kind, and in the language of their contact."""

    in_app: StrictBool | None = None
    email: StrictBool | None = Field(None, examples=[False])
    webhook: StrictBool | None = None
    language: Language | None = Field(None, examples=["en"])


async def recipient_or_404(db: Database, tenant: str, recipient_id: str) -> None:
    """Raises RefusedRequest (404) for a recipient of whom nobody has told, or a street."""
    if not await people.known(db, tenant, recipient_id):
        await street_or_404(db, tenant)
        raise not_found(none_in_street(tenant, f"接收人 {recipient_id}", f"recipient {recipient_id}"))


async def street_or_404(db: Database, tenant: str) -> None:
    """Raises RefusedRequest (404) for a street of which nobody has told a recipient."""
    if not await people.knows_street(db, tenant):
        raise not_found(unknown_street(tenant))


@router.get("/v1/recipients/{recipient_id}/preferences")
async def show_preferences(recipient_id: RecipientId, tenant: OfStreet, db: DatabaseDep) -> Preferences:
    """What holds for a recipient, whether they have said it or not."""
    await recipient_or_404(db, tenant, recipient_id)
    row = await people.preferences_of(db, tenant, recipient_id)
    channels = channels_of(people.recipient_like(kind(recipient_id), row.wishes))
    wanted = {str(channel): channel in channels for channel in Channel}
    return Preferences.model_validate({**wanted, "language": row.language or DEFAULT_LANGUAGE})


@router.put("/v1/recipients/{recipient_id}/preferences", status_code=204)
async def set_preferences(
    recipient_id: RecipientId, tenant: OfStreet, wishes: Wishes, db: DatabaseDep, commands: CommandsDep
) -> None:
    """Replaces what the recipient has said before. It holds for what is queued from now on."""
    await recipient_or_404(db, tenant, recipient_id)
    said = wishes.model_dump(exclude={"language"}, exclude_none=True)
    await commands.send(SetPreferences(tenant, recipient_id, said, wishes.language))


@router.delete("/v1/recipients/{recipient_id}", status_code=204)
async def erase(recipient_id: RecipientId, tenant: OfStreet, commands: CommandsDep) -> None:
    """Forget a person: their key, and with it every address and tracking code, and their preferences.

    What waits to be sent to them is suppressed. A contact that they give later is kept under a new key.
    """
    await commands.send(EraseRecipient(tenant, recipient_id))
