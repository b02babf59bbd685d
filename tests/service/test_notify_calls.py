"""Webhooks at receivers of every kind: what they answer byte by byte, and which connections are used again."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from services.notify.channels.domain import NotTaken, Outcome, Rejected, Taken
from services.notify.channels.webhook import Webhooks
from tests.support.providers import OUTGOING

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
LOCALHOST = Path(__file__).parent / "localhost.pem"
"""A certificate that nobody trusts, for `localhost`, with its key. It is good for this file only."""
HUNG_UP = b""
"""As an answer: the connection ends without one."""


class Speaker:
    """Answers each request with the bytes that a test lines up, then with 204."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.requests: list[bytes] = []
        self.connections = 0
        self.at_once = self.most_at_once = 0
        self.pause_seconds = 0.0
        self.hung_up = asyncio.Event()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                self.requests.append(await reader.readuntil(b'"}'))
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                await asyncio.sleep(self.pause_seconds)
                self.at_once -= 1
                answer = self.answers.pop(0) if self.answers else NO_CONTENT
                if answer == HUNG_UP:
                    return
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self.hung_up.set()


@asynccontextmanager
async def speaker(*answers: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[Speaker]:
    speaks = Speaker()
    speaks.answers = list(answers)
    server = await asyncio.start_server(speaks.serve, "127.0.0.1", 0, ssl=tls)
    speaks.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield speaks
    finally:
        server.close()


async def outcomes(url: str, *, calls: int = 2) -> list[Outcome]:
    """Of calls one after the other, each after what the one before has left was dealt with."""
    webhooks = Webhooks("loopback", 4, 5.0)
    said = []
    for _ in range(calls):
        said.append(await webhooks.send(url, OUTGOING))
        await asyncio.sleep(0.05)
    webhooks.close()
    return said


ORDERLY = {
    "a length": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "hints before it": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("answer", ORDERLY.values(), ids=ORDERLY.keys())
async def test_a_connection_is_used_again_after_an_orderly_answer(answer: bytes) -> None:
    async with speaker(answer) as speaks:
        assert await outcomes(speaks.url) == [Taken(), Taken()]
        assert speaks.connections == 1


LAST = {
    "says that it ends": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    "is followed by another": NO_CONTENT + b"HTTP/1.1 500 Nobody Asked\r\nContent-Length: 0\r\n\r\n",
    "is too long": b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000,
}


@pytest.mark.parametrize("answer", LAST.values(), ids=LAST.keys())
async def test_after_an_answer_that_must_be_its_last_a_connection_is_not_used_again(answer: bytes) -> None:
    async with speaker(answer) as speaks:
        assert await outcomes(speaks.url) == [Taken(), Taken()]
        assert speaks.connections == 2


async def test_an_answer_counts_whose_body_never_ends_and_its_connection_is_hung_up() -> None:
    async with speaker(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok") as speaks:
        webhooks = Webhooks("loopback", 4, 5.0)
        assert await webhooks.send(speaks.url, OUTGOING) == Taken()
        await asyncio.wait_for(speaks.hung_up.wait(), 10)
        webhooks.close()


BROKEN = {
    "no answer": HUNG_UP,
    "no HTTP": b"220 mail.example ESMTP\r\n",
    "a head without an end": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000,
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
async def test_an_answer_that_is_broken_is_not_taken_and_the_next_attempt_is(answer: bytes) -> None:
    async with speaker(answer) as speaks:
        first, second = await outcomes(speaks.url)
        assert isinstance(first, NotTaken)
        assert second == Taken()


async def test_another_protocol_is_not_switched_to() -> None:
    async with speaker(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n") as speaks:
        assert await outcomes(speaks.url) == [Rejected("HTTP 101"), Taken()]
        assert speaks.connections == 2


async def test_a_receiver_says_when_to_come_again() -> None:
    async with speaker(b"HTTP/1.1 503 Busy\r\nRetry-After: 90\r\nContent-Length: 0\r\n\r\n") as speaks:
        assert await outcomes(speaks.url) == [NotTaken("HTTP 503", timedelta(seconds=90)), Taken()]


async def test_no_more_are_called_at_once_than_there_are_connections() -> None:
    async with speaker() as speaks:
        speaks.pause_seconds = 0.02
        webhooks = Webhooks("loopback", 2, 5.0)
        assert await asyncio.gather(*(webhooks.send(speaks.url, OUTGOING) for _ in range(8))) == [Taken()] * 8
        webhooks.close()
        assert (speaks.most_at_once, speaks.connections) == (2, 2)


async def test_a_request_says_what_the_address_says() -> None:
    async with speaker() as speaks:
        url = speaks.url.replace("//", "//me:p%20w@") + '/a%20"b?c=1&d=/#part'
        assert await outcomes(url, calls=1) == [Taken()]
        head, _, body = speaks.requests[0].partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        assert first == "POST /hook/a%20%22b?c=1&d=/ HTTP/1.1"
        assert f"Host: {speaks.url.split('/')[2]}" in lines
        assert "Authorization: Basic bWU6cCB3" in lines
        assert f"Content-Length: {len(body)}" in lines
        assert json.loads(body)["delivery_id"] == str(OUTGOING.delivery_id)


@pytest.mark.parametrize("url", ["http://a\r\nX: y@127.0.0.1/", "http://127.0.0.1:99999/", "ftp://127.0.0.1/", "x"])
async def test_what_is_no_address_is_refused(url: str) -> None:
    assert await outcomes(url, calls=1) == [Rejected("the webhook has no valid address")]


async def test_a_certificate_is_checked_against_the_name_and_may_be_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(LOCALHOST)
    async with speaker(tls=tls) as speaks:
        named = speaks.url.replace("127.0.0.1", "localhost")
        assert await outcomes(named, calls=1) == [NotTaken("SSLCertVerificationError")]
        monkeypatch.setattr("certifi.where", lambda: str(LOCALHOST))
        assert await outcomes(speaks.url, calls=1) == [NotTaken("SSLCertVerificationError")]
        assert speaks.connections == 0
        assert await outcomes(named) == [Taken(), Taken()]
        assert speaks.connections == 1
