"""The channels that leave the service. To add one: a file of its own beside this one, and its line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from libs.contracts.values import Channel
from services.notify.channels.domain import Address, ChannelClient
from services.notify.channels.email import Mail
from services.notify.channels.webhook import Webhooks
from services.notify.settings import Settings

CHANNELS: Mapping[Channel, tuple[Address, Callable[[Settings], ChannelClient]]] = {
    Channel.EMAIL: (
        Mail.address,
        lambda s: Mail(s.smtp_url, s.smtp_sender, s.smtp_connections, s.provider_timeout_seconds),
    ),
    Channel.WEBHOOK: (
        Webhooks.address,
        lambda s: Webhooks(s.webhook_addresses, s.webhook_connections, s.provider_timeout_seconds),
    ),
}

ADDRESSES = {channel: address for channel, (address, _) in CHANNELS.items()}


def clients(settings: Settings) -> Mapping[Channel, ChannelClient]:
    return {channel: client(settings) for channel, (_, client) in CHANNELS.items()}
