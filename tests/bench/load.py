"""A load generator for HTTP/1.1 on keep-alive connections: open loop, latency from the intended time.

A closed loop would wait for slow answers and so leave out just the requests that would have been late.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import httptools


class Connection(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self, idle: deque[Connection], done: Callable[[int, float], None]) -> None:
        self._idle = idle
        self._done = done
        self._intended = 0.0
        self._parser = httptools.HttpResponseParser(self)
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def send(self, request: bytes, intended: float) -> None:
        self._intended = intended
        assert self.transport is not None
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._done(self._parser.get_status_code(), time.perf_counter() - self._intended)
        self._idle.append(self)


@dataclass(slots=True)
class Outcome:
    """What came of a load: seconds that it took, latencies in seconds, answers by status."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


async def run(port: int, requests: list[bytes], *, rate: float | None, connections: int = 96) -> Outcome:
    """Send the requests at `rate` a second, or as fast as they are answered when it is None."""
    outcome, idle = Outcome(), deque[Connection]()
    finished = asyncio.Event()

    def done(status: int, latency: float) -> None:
        outcome.latencies.append(latency)
        outcome.statuses[status] = outcome.statuses.get(status, 0) + 1
        if len(outcome.latencies) == len(requests):
            finished.set()

    loop = asyncio.get_running_loop()
    made = [
        (await loop.create_connection(lambda: Connection(idle, done), "127.0.0.1", port))[1] for _ in range(connections)
    ]
    idle.extend(made)
    started = time.perf_counter()
    for number, request in enumerate(requests):
        intended = started + number / rate if rate else time.perf_counter()
        while (wait := intended - time.perf_counter()) > 0 or not idle:  # noqa: ASYNC110  the loop is the clock
            await asyncio.sleep(max(wait, 0) if idle else 0)
        idle.popleft().send(request, intended if rate else time.perf_counter())
    await finished.wait()
    outcome.seconds = time.perf_counter() - started
    for connection in made:
        assert connection.transport is not None
        connection.transport.close()
    return outcome


def post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: bench", f"Content-Length: {len(body)}", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
