"""What recipients, and staff for them, may ask of notify over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class EraseRecipient:
    tenant: str
    recipient_id: str


@dataclass(frozen=True, slots=True)
class SetPreferences:
    """None: the default of the recipient's kind."""

    tenant: str
    recipient_id: str
    in_app: bool | None
    email: bool | None
    webhook: bool | None
    language: str | None


@dataclass(frozen=True, slots=True)
class ReadMessage:
    tenant: str
    recipient_id: str
    delivery_id: UUID
