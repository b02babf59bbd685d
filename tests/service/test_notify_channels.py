"""Mail and webhooks against real servers on this machine; other tests of notify borrow the servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from services.notify.channels.domain import NotTaken, Rejected, Taken
from services.notify.channels.email import Mail
from services.notify.channels.webhook import Webhooks
from tests.support.providers import DELIVERY, OUTGOING, SAID, MailServer, mail_server, receiver


@asynccontextmanager
async def mail_to(server: MailServer, timeout_seconds: float = 5.0) -> AsyncIterator[Mail]:
    mail = Mail(server.url, "wangge@street.example", 4, timeout_seconds)
    try:
        yield mail
    finally:
        mail.close()


async def test_a_mail_says_what_it_should_and_has_the_same_message_id_each_time() -> None:
    async with mail_server() as server, mail_to(server) as mail:
        for _ in range(2):
            assert await mail.send("zhang@mail.example", OUTGOING) == Taken()
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
        assert await mail.send("zhang@mail.example", OUTGOING) == Rejected("SMTP 550")
        assert await mail.send("zhang@mail.example", OUTGOING) == NotTaken("SMTP 450")
        assert await mail.send("zhang@mail.example", OUTGOING) == Rejected("SMTP 554")
        assert await mail.send("zhang@mail.example", OUTGOING) == NotTaken("SMTP 451")
        assert await mail.send("zhang@mail.example", OUTGOING) == Taken()


async def test_a_mail_server_that_hangs_or_is_away_is_tried_again() -> None:
    async with mail_server() as server, mail_to(server, 0.2) as mail:
        server.data_replies = ["hang"]
        assert isinstance(await mail.send("zhang@mail.example", OUTGOING), NotTaken)
    async with mail_to(server) as mail:
        assert isinstance(await mail.send("zhang@mail.example", OUTGOING), NotTaken)


async def test_a_webhook_is_called_with_the_id_of_the_delivery() -> None:
    async with receiver() as calls:
        webhooks = Webhooks("loopback", 4, 5.0)
        for _ in range(2):
            assert await webhooks.send(calls.url, OUTGOING) == Taken()
        webhooks.close()
        body = {
            "delivery_id": str(DELIVERY),
            "template": "registered",
            "case_id": str(UUID(int=8)),
            "case_no": "20261123-000001",
            "occurred_at": "2026-11-23T04:00:00+00:00",
            "subject": SAID.subject,
            "text": SAID.text,
            "link": "https://street.example",
        }
        assert calls.calls == [(str(DELIVERY), body)] * 2
        assert calls.connections == 1


async def test_a_redirect_is_not_followed() -> None:
    async with receiver() as calls:
        calls.statuses = [302]
        webhooks = Webhooks("loopback", 4, 5.0)
        assert await webhooks.send(calls.url, OUTGOING) == Rejected("HTTP 302")
        webhooks.close()


async def test_a_webhook_that_hangs_or_is_away_is_tried_again() -> None:
    async with receiver() as calls:
        calls.statuses = [0]
        webhooks = Webhooks("loopback", 4, 0.2)
        assert isinstance(await webhooks.send(calls.url, OUTGOING), NotTaken)
    assert isinstance(await webhooks.send(calls.url, OUTGOING), NotTaken)
    assert isinstance(await webhooks.send("http://nowhere.example/", OUTGOING), NotTaken)
    webhooks.close()


async def test_a_webhook_into_this_machine_is_refused_unless_allowed() -> None:
    async with receiver() as calls:
        webhooks = Webhooks("public", 4, 5.0)
        secure = calls.url.replace("http:", "https:")
        assert await webhooks.send(calls.url, OUTGOING) == Rejected("a webhook needs https")
        for url in (secure, secure.replace("127.0.0.1", "localhost"), secure.replace("127.0.0.1", "2130706433")):
            refused = await webhooks.send(url, OUTGOING)
            assert refused == Rejected("the webhook leads to an address that is not allowed")
        webhooks.close()
        assert calls.connections == 0


async def test_an_address_that_is_none_is_refused() -> None:
    webhooks = Webhooks("any", 4, 5.0)
    assert await webhooks.send("http://", OUTGOING) == Rejected("the webhook has no valid address")
    webhooks.close()
