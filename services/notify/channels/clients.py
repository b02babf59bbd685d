"""The channels that leave the service. To add one: a file of its own beside this one, and its line here."""

from __future__ import annotations

from collections.abc import Mapping

from libs.contracts.values import Channel
from services.notify.channels.domain import ChannelClient
from services.notify.channels.email import Mail
from services.notify.channels.webhook import Webhooks
from services.notify.settings import Settings


def clients(settings: Settings) -> Mapping[Channel, ChannelClient]:
    seconds = settings.provider_timeout_seconds
    return {
        Channel.EMAIL: Mail(settings.smtp_url, settings.smtp_sender, settings.smtp_connections, seconds),
        Channel.WEBHOOK: Webhooks(settings.webhook_addresses, settings.webhook_connections, seconds),
    }
