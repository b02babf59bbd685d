"""Facts of the notify service: how each notification ended. Recipients are ids, never addresses."""

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
    """The channel has accepted the notification."""


class NotificationFailed(_Ended, fact="failed", aggregate="delivery_id"):
    """The channel has refused the notification for good, or every attempt has failed."""

    reason: str


class NotificationSuppressed(_Ended, fact="suppressed", aggregate="delivery_id"):
    """The notification was not sent: the recipient does not want it, or has no address for the channel."""

    reason: str
