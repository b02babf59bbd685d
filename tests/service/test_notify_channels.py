"""Mail and webhooks against real servers on this machine; other tests of notify borrow the servers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any
from uuid import UUID

from aiosmtpd.smtp import SMTP

from services.notify.channels.email import Mail
from services.notify.channels.webhook import Webhooks
from services.notify.domain.attempt import NotTaken, Rejected, Taken
from services.notify.domain.wording import Said

DELIVERY = UUID(int=7)
SAID = Said("路灯已立案", "您好：\n\n案件 20261123-000001 已立案。\n")


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


@asynccontextmanager
async def mail_to(server: MailServer, timeout_seconds: float = 5.0) -> AsyncIterator[Mail]:
    mail = Mail(server.url, "wangge@street.example", timeout_seconds)
    try:
        yield mail
    finally:
        mail.close()


async def test_a_mail_says_what_it_should_and_has_the_same_message_id_each_time() -> None:
    async with mail_server() as server, mail_to(server) as mail:
        for _ in range(2):
            assert await mail.send(DELIVERY, "zhang@mail.example", SAID) == Taken()
        first, second = server.mails
        assert server.recipients == ["zhang@mail.example"] * 2
        assert (first["Subject"], first["From"]) == (SAID.subject, "wangge@street.example")
        assert first.get_content().split() == SAID.text.split()
        assert first["Message-ID"] == second["Message-ID"] == f"<{DELIVERY}@street.example>"
        assert server.connections == 1


async def test_an_unknown_mailbox_is_final_and_a_busy_one_is_not() -> None:
    async with mail_server() as server, mail_to(server) as mail:
        server.rcpt_replies = ["550 <zhang@mail.example> unknown", "450 busy"]
        server.data_replies = ["554 no", "451 later"]
        assert await mail.send(DELIVERY, "zhang@mail.example", SAID) == Rejected("SMTP 550")
        assert await mail.send(DELIVERY, "zhang@mail.example", SAID) == NotTaken("SMTP 450")
        assert await mail.send(DELIVERY, "zhang@mail.example", SAID) == Rejected("SMTP 554")
        assert await mail.send(DELIVERY, "zhang@mail.example", SAID) == NotTaken("SMTP 451")
        assert await mail.send(DELIVERY, "zhang@mail.example", SAID) == Taken()


async def test_a_mail_server_that_hangs_or_is_away_is_tried_again() -> None:
    async with mail_server() as server, mail_to(server, 0.2) as mail:
        server.data_replies = ["hang"]
        assert isinstance(await mail.send(DELIVERY, "zhang@mail.example", SAID), NotTaken)
    async with mail_to(server) as mail:
        assert isinstance(await mail.send(DELIVERY, "zhang@mail.example", SAID), NotTaken)


async def test_a_webhook_is_called_with_the_id_of_the_delivery() -> None:
    async with receiver() as calls:
        webhooks = Webhooks("loopback", 4, 5.0)
        for _ in range(2):
            assert await webhooks.send(DELIVERY, calls.url, {"subject": "路灯"}) == Taken()
        webhooks.close()
        assert calls.calls == [(str(DELIVERY), {"subject": "路灯"})] * 2
        assert calls.connections == 1


async def test_a_redirect_is_not_followed() -> None:
    async with receiver() as calls:
        calls.statuses = [302]
        webhooks = Webhooks("loopback", 4, 5.0)
        assert await webhooks.send(DELIVERY, calls.url, {}) == Rejected("HTTP 302")
        webhooks.close()


async def test_a_webhook_that_hangs_or_is_away_is_tried_again() -> None:
    async with receiver() as calls:
        calls.statuses = [0]
        webhooks = Webhooks("loopback", 4, 0.2)
        assert isinstance(await webhooks.send(DELIVERY, calls.url, {}), NotTaken)
    assert isinstance(await webhooks.send(DELIVERY, calls.url, {}), NotTaken)
    assert isinstance(await webhooks.send(DELIVERY, "http://nowhere.example/", {}), NotTaken)
    webhooks.close()


async def test_a_webhook_into_this_machine_is_refused_unless_allowed() -> None:
    async with receiver() as calls:
        webhooks = Webhooks("public", 4, 5.0)
        secure = calls.url.replace("http:", "https:")
        assert await webhooks.send(DELIVERY, calls.url, {}) == Rejected("a webhook needs https")
        for url in (secure, secure.replace("127.0.0.1", "localhost"), secure.replace("127.0.0.1", "2130706433")):
            refused = await webhooks.send(DELIVERY, url, {})
            assert refused == Rejected("the webhook leads to an address that is not allowed")
        webhooks.close()
        assert calls.connections == 0


async def test_an_address_that_is_none_is_refused() -> None:
    webhooks = Webhooks("any", 4, 5.0)
    assert await webhooks.send(DELIVERY, "http://", {}) == Rejected("the webhook has no valid address")
    webhooks.close()
