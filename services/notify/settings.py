"""What an operator may set for the notify service."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from libs.chassis.settings import PostgresUrl, ServiceSettings


class Settings(ServiceSettings):
    database_url: PostgresUrl = Field(
        validation_alias="WANGGE_NOTIFY_DATABASE_URL", description="PostgreSQL database of the notify service."
    )
    notify_private_key: str = Field(
        repr=False,
        description="Private keys (32 bytes, base64) that open sealed contacts, separated by commas, the newest first.",
    )
    public_url: str = Field(
        "http://127.0.0.1:8000",
        pattern=r"^https?://",
        description="Where people reach the pages; the tracking link in a notification begins with it.",
    )
    smtp_url: str = Field(
        "smtp://127.0.0.1:1025",
        pattern=r"^smtps?://",
        repr=False,
        description="Mail server: smtp://user:password@host:port, or smtps:// for TLS from the first byte. "
        "STARTTLS is used where the server offers it.",
    )
    smtp_sender: str = Field(
        "wangge@street.example", pattern=r"^[^\s@]+@[^\s@]+$", description="Address that mails are sent from."
    )
    smtp_connections: int = Field(
        32, ge=1, le=500, description="Connections to the mail server at most; one sends one mail at a time."
    )
    webhook_connections: int = Field(256, ge=1, le=1000, description="Webhooks that are called at the same time.")
    webhook_addresses: Literal["public", "loopback", "any"] = Field(
        "public",
        description="Where webhooks may lead: `public` addresses over https; `loopback` allows this machine as well; "
        "`any` allows private networks too.",
    )
    provider_timeout_seconds: float = Field(
        10.0, gt=0, le=30, description="Time that one attempt at a mail or a webhook may take."
    )
    sending: bool = Field(
        True, description="Whether this process sends; what it queues meanwhile is sent by others, or later."
    )
    send_poll_seconds: float = Field(
        0.1,
        gt=0,
        description="How often deliveries are looked for that other processes queued or whose time has come again; "
        "what a process queues itself it takes up at once.",
    )
