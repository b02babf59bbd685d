"""A load generator for HTTP/1.1 on keep-alive connections: open loop, latency from the intended time.

A closed loop would wait for slow answers and so leave out just the requests that would have been late.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self, cast

import httptools

Answered = Callable[[int, bytes], None]
"""Called with the status and the body; the status is 0 when the connection broke."""

CONNECTIONS = 96
AT_ONCE = 16
"""So many late requests are sent before the answers of earlier ones are looked at."""


class _Connection(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self, idle: Callable[[_Connection], None], lost: Callable[[_Connection], None]) -> None:
        self._idle, self._lost = idle, lost
        self._answered: Answered | None = None
        self._body = b""
        self._parser = httptools.HttpResponseParser(self)
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(self)
        if self._answered is not None:
            self._answered(0, b"")

    def send(self, request: bytes, answered: Answered) -> None:
        self._answered, self._body = answered, b""
        assert self.transport is not None
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        answered, self._answered = self._answered, None
        assert answered is not None
        answered(self._parser.get_status_code(), self._body)
        self._idle(self)


class Connections:
    """Sends on the connection that has been idle longest; what is too much at once waits its turn."""

    def __init__(self) -> None:
        self._idle = deque[_Connection]()
        self._waiting = deque[tuple[bytes, Answered]]()

    @classmethod
    async def open(cls, port: int, count: int = CONNECTIONS) -> Self:
        made = cls()
        loop = asyncio.get_running_loop()
        for _ in range(count):
            _, connection = await loop.create_connection(lambda: _Connection(made._free, made._drop), "127.0.0.1", port)
            made._idle.append(connection)
        return made

    def send(self, request: bytes, answered: Answered) -> None:
        if self._idle:
            self._idle.popleft().send(request, answered)
        else:
            self._waiting.append((request, answered))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """The status and the body of the answer."""
        answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()

        def answered(status: int, body: bytes) -> None:
            if not answer.done():  # else whoever asked was cancelled
                answer.set_result((status, body))

        self.send(request, answered)
        return await answer

    def close(self) -> None:
        for connection in list(self._idle):
            assert connection.transport is not None
            connection.transport.close()

    def _free(self, connection: _Connection) -> None:
        if self._waiting:
            connection.send(*self._waiting.popleft())
        else:
            self._idle.append(connection)

    def _drop(self, connection: _Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)


@dataclass(slots=True)
class Outcome:
    """What came of a load. Times are seconds; those of `answers` are of the clock, so that processes can compare."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    answers: list[tuple[float, bytes]] = field(default_factory=list)
    """When each request was meant to be sent, and the body of its answer."""
    late_seconds: float = 0.0
    """The most that the generator itself was late; open loop only."""

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def milliseconds(self, share: float) -> float:
        """The percentile of the latency: `share` of the requests were as fast or faster."""
        return percentile(self.latencies, share) * 1000


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


async def run(port: int, requests: list[bytes], *, rate: float | None, count: int = CONNECTIONS) -> Outcome:
    """Send the requests at `rate` a second, or as fast as they are answered when it is None."""
    outcome, finished = Outcome(), asyncio.Event()
    connections = await Connections.open(port, count)
    clock = time.time() - time.perf_counter()

    def send(request: bytes, since: float, then: Callable[[], None]) -> None:
        def answered(status: int, body: bytes) -> None:
            outcome.latencies.append(time.perf_counter() - since)
            outcome.statuses[status] = outcome.statuses.get(status, 0) + 1
            outcome.answers.append((clock + since, body))
            if len(outcome.latencies) == len(requests):
                finished.set()
            then()

        connections.send(request, answered)

    started = time.perf_counter()
    if rate is None:
        following = iter(requests)

        def proceed() -> None:
            if (request := next(following, None)) is not None:
                send(request, time.perf_counter(), proceed)

        for _ in range(count):
            proceed()
    else:
        for number, request in enumerate(requests):
            intended = started + number / rate
            if (wait := intended - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            elif number % AT_ONCE == 0:
                await asyncio.sleep(0)
            outcome.late_seconds = max(outcome.late_seconds, time.perf_counter() - intended)
            send(request, intended, lambda: None)
    await finished.wait()
    outcome.seconds = time.perf_counter() - started
    connections.close()
    return outcome


def post(path: str, body: bytes, headers: dict[str, str] | None = None) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: bench", f"Content-Length: {len(body)}", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
