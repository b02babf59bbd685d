"""A provider of webhooks as a process of its own: it answers after a while, and keeps when it was asked what.

POST takes a delivery; GET /count answers how many there were, GET /received `[[seconds of the clock, body], …]`, and
DELETE forgets them.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import ClassVar, cast

import httptools
import uvloop

ANSWER = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"


class _Provider(asyncio.Protocol):
    received: ClassVar[list[tuple[float, bytes]]] = []
    delay_seconds: ClassVar[float] = 0.0

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_message_begin(self) -> None:
        self._body = b""

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        match self._parser.get_method(), self._url:
            case b"POST", _:
                self.received.append((time.time(), self._body))
                asyncio.get_running_loop().call_later(self.delay_seconds, self._transport.write, ANSWER)
            case b"GET", b"/count":
                self._answer(str(len(self.received)).encode())
            case b"GET", _:
                self._answer(json.dumps([[at, json.loads(body)] for at, body in self.received]).encode())
            case _:
                self.received.clear()
                self._transport.write(ANSWER)

    def _answer(self, body: bytes) -> None:
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


async def main(port: int, delay_seconds: float) -> None:
    _Provider.delay_seconds = delay_seconds
    server = await asyncio.get_running_loop().create_server(_Provider, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), float(sys.argv[2])))
