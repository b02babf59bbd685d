"""HTTP/1.1 calls to many hosts: a connection makes one call at a time and is used again for what follows soon.

One POST and its status is all that a webhook needs; a general client takes several times the CPU for it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import httptools

READ_AT_MOST_BYTES = 64 * 1024
READ_AT_MOST_SECONDS = 1.0
IDLE_SECONDS = 5.0


class Unreadable(ConnectionError):
    """What answers speaks no HTTP, or its head does not end."""


@dataclass(frozen=True, slots=True)
class Origin:
    secure: bool
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    retry_after: str | None


class Connections:
    """Connections that are open; at most `most` of them wait for the next call."""

    def __init__(self, most: int, tls: ssl.SSLContext) -> None:
        self._most = most
        self._tls = tls
        self._idle: defaultdict[Origin, list[_Connection]] = defaultdict(list)
        self._open: set[_Connection] = set()

    def idle(self, origin: Origin) -> _Connection | None:
        """The one that was used last."""
        if not (idle := self._idle.get(origin)):
            return None
        connection = idle[-1]
        self._leave(connection)
        return connection

    async def open(self, origin: Origin, addresses: Sequence[str]) -> _Connection:
        """To the first of the addresses that takes it. OSError when none does."""
        failed: OSError | None = None
        for address in addresses:
            try:
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: _Connection(origin, self._rest, self._lost),
                    address,
                    origin.port,
                    ssl=self._tls if origin.secure else None,
                    server_hostname=origin.host if origin.secure else None,
                )
            except OSError as error:
                failed = error
            else:
                self._open.add(connection)
                return connection
        raise failed or OSError("no address")

    def close(self) -> None:
        for connection in list(self._open):
            connection.hang_up()

    def _rest(self, connection: _Connection) -> None:
        if sum(map(len, self._idle.values())) >= self._most:
            connection.hang_up()
        else:
            self._idle[connection.origin].append(connection)

    def _leave(self, connection: _Connection) -> None:
        idle = self._idle.get(connection.origin, [])
        if connection in idle:
            idle.remove(connection)
            if not idle:
                del self._idle[connection.origin]

    def _lost(self, connection: _Connection) -> None:
        self._leave(connection)
        self._open.discard(connection)


class _Connection(asyncio.Protocol):
    """The status is known with the head of the answer. The body is read for the sake of the next call alone."""

    def __init__(
        self, origin: Origin, rest: Callable[[_Connection], None], lost: Callable[[_Connection], None]
    ) -> None:
        self.origin = origin
        self._rest, self._lost = rest, lost
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[Answer] | None = None
        self._retry_after: str | None = None
        self._received = 0
        self._busy = False
        self._hang_up_later: asyncio.TimerHandle | None = None

    async def call(self, request: bytes) -> Answer:
        """OSError when the connection breaks before the answer. Who waits no longer hangs up."""
        loop = asyncio.get_running_loop()
        self._answer, self._retry_after, self._received, self._busy = loop.create_future(), None, 0, True
        self._hang_up_in(None)
        self._transport.write(request)
        try:
            return await self._answer
        except asyncio.CancelledError:
            self.hang_up()
            raise

    def hang_up(self) -> None:
        self._lost(self)
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def eof_received(self) -> None:
        self._lost(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._hang_up_in(None)
        self._lost(self)
        self._fail(exc if isinstance(exc, OSError) else ConnectionResetError())

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse()
            return
        if self._busy and self._received > READ_AT_MOST_BYTES:
            self._refuse()
        elif self._busy and self._answer is None and self._hang_up_later is None:
            self._hang_up_in(READ_AT_MOST_SECONDS)

    def on_message_begin(self) -> None:
        if not self._busy:
            # An answer that nobody asked for would be taken for that of the next call.
            self._refuse()

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self._retry_after = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status in (100, 102, 103) or self._answer is None:
            return
        if not self._answer.done():
            self._answer.set_result(Answer(status, self._retry_after))
        self._answer = None

    def on_message_complete(self) -> None:
        if self._answer is not None or not self._busy:
            return
        self._busy = False
        if self._parser.should_keep_alive():
            self._hang_up_in(IDLE_SECONDS)
            self._rest(self)
        else:
            self._transport.close()

    def _hang_up_in(self, seconds: float | None) -> None:
        if self._hang_up_later is not None:
            self._hang_up_later.cancel()
        loop = asyncio.get_running_loop()
        self._hang_up_later = None if seconds is None else loop.call_later(seconds, self.hang_up)

    def _refuse(self) -> None:
        self.hang_up()
        self._fail(Unreadable())

    def _fail(self, error: OSError) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        self._answer = None
