"""What the notify service tells: how each notification ended. Recipients are ids, never addresses."""

from __future__ import annotations

from uuid import UUID

from libs.contracts.message import Event
from libs.contracts.values import Channel


class _Ended(Event):
    delivery_id: UUID
    cause_id: UUID
    case_id: UUID | None = None
    recipient_id: str
    channel: Channel


class NotificationDelivered(_Ended, fact="delivered", aggregate="delivery_id"):
    """The channel took it."""


class NotificationFailed(_Ended, fact="failed", aggregate="delivery_id"):
    """The channel refused it for good, or every attempt was used up."""

    reason: str


class NotificationSuppressed(_Ended, fact="suppressed", aggregate="delivery_id"):
    """It was not sent, because the recipient wants it so or has no address for it."""

    reason: str
