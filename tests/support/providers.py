"""A mail server and an HTTP receiver that write down what they are sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any
from uuid import UUID

from aiosmtpd.smtp import SMTP

from services.notify.channels.domain import Outgoing
from services.notify.wording.domain import RenderedMessage

DELIVERY = UUID(int=7)
SAID = RenderedMessage("路灯已立案", "您好：\n\n案件 20261123-000001 已立案。\n")
OUTGOING = Outgoing(
    DELIVERY,
    "registered",
    UUID(int=8),
    "20261123-000001",
    datetime(2026, 11, 23, 4, 0, tzinfo=UTC),
    SAID,
    "https://street.example",
)


class MailServer:
    """Answers RCPT and DATA with the replies that a test lines up, and with 250 after them. `hang`: says nothing."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.connections = 0
        self.rcpt_replies: list[str] = []
        self.data_replies: list[str] = []
        self.url = ""

    async def handle_RCPT(self, _: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        reply = self.rcpt_replies.pop(0) if self.rcpt_replies else "250 OK"
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, _: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        reply = self.data_replies.pop(0) if self.data_replies else "250 OK"
        if reply == "hang":
            await asyncio.sleep(60)
        if reply.startswith("250"):
            self.mails.append(message_from_bytes(envelope.content, policy=default))
            self.recipients += envelope.rcpt_tos
        return reply

    def protocol(self) -> SMTP:
        self.connections += 1
        return SMTP(self, enable_SMTPUTF8=True, loop=asyncio.get_running_loop())


@asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    mails = MailServer()
    server = await asyncio.get_running_loop().create_server(mails.protocol, "127.0.0.1", 0)
    mails.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield mails
    finally:
        server.close()


class Receiver:
    """Takes webhooks: answers with the statuses that a test lines up, then 204. Status 0: says nothing."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.statuses: list[int] = []
        self.connections = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        self.calls.append((headers["wangge-delivery"], body))
        status = self.statuses.pop(0) if self.statuses else 204
        if status == 0:
            await asyncio.sleep(60)
        location = "location: http://127.0.0.1:1/\r\n" if 300 <= status < 400 else ""
        writer.write(f"HTTP/1.1 {status} X\r\n{location}content-length: 0\r\n\r\n".encode())
        await writer.drain()
        return True


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    calls = Receiver()
    server = await asyncio.start_server(calls.serve, "127.0.0.1", 0)
    calls.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield calls
    finally:
        server.close()
