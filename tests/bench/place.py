"""Where scenarios run: the whole system in one folder, of which each scenario starts what it measures.

The tables may be full of data already: a scenario measures what it adds, and asks nothing that takes longer for it.
"""

from __future__ import annotations

import asyncio
import csv
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import islice
from pathlib import Path
from uuid import UUID

import asyncpg
import nats
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from deploy.local.linghe.street import RESPONSIBILITY
from deploy.local.servers.guarded_process import Process, spawn_guarded
from deploy.local.servers.machine import free_port
from deploy.local.servers.nats_and_postgres import Servers
from deploy.local.system import TENANT, LocalSystem
from libs.chassis.messaging import topology
from libs.contracts import cloudevents
from libs.contracts.message import Event, Message
from tests.bench import load
from tests.support import probe
from tests.support.stage import fresh_streams
from wangge.wiring import handled

PATIENCE_SECONDS = 180.0
POLL_SECONDS = 0.05
WAVE = 500
QUIET = {"WANGGE_LOG_LEVEL": "WARNING", "WANGGE_SENDING": "false", "WANGGE_REQUEST_SECONDS": "60"}
"""What services run with unless a scenario wants otherwise: their senders rest."""

FORGET_STREAMS = """
TRUNCATE stream_seen, stream_losses;
UPDATE outbox SET sequence = NULL WHERE sequence IS NOT NULL
"""

Prepare = Callable[[str], Awaitable[None]]


async def nothing(database_url: str) -> None:
    """A new database stays as it is."""


class Place:
    """The servers of a running street, its services, and databases of the bench's own."""

    def __init__(self, street: LocalSystem, prepare: Prepare = nothing) -> None:
        """`prepare` is called with the address of each database that a scenario makes, to fill its tables."""
        self.street = street
        self._prepare = prepare
        """Tells the requests of this run from those of another."""
        self._running: dict[str, dict[str, str]] = {name: {} for name in street.services}
        self._streams_are_foreign = False

    @property
    def servers(self) -> Servers:
        return self.street.servers

    @property
    def folder(self) -> Path:
        return self.street.folder

    @property
    def nats_url(self) -> str:
        return self.servers.addresses.nats_url

    @property
    def engines(self) -> dict[str, int]:
        """The processes of the two servers, by name."""
        return {"PostgreSQL": self.servers.postgres.pid, "NATS": self.servers.nats.pid}

    @property
    def processes(self) -> dict[str, int]:
        """The processes of the services that run and of the two servers, by name."""
        return {**{name: self.street.services[name].pid for name in self._running}, **self.engines}

    def port(self, service: str) -> int:
        return self.street.services[service].port

    async def run(self, *names: str, **settings: str) -> None:
        """From now on exactly these services run, with these settings beside the usual ones."""
        wanted = dict.fromkeys(names, settings)
        for name in [n for n, present in self._running.items() if wanted.get(n) != present]:
            self.street.services[name].stop()
            del self._running[name]
        if names and self._streams_are_foreign:
            await self._fresh_streams(handled())
            self._streams_are_foreign = False
        await self.go_on(*names, **settings)
        if names:
            await self.settled()
            await self._check_that_nothing_was_lost()

    async def go_on(self, *names: str, **settings: str) -> None:
        """These services run too, and find in the streams what the scenario has put there."""
        new = [self.street.services[name] for name in names if name not in self._running]
        for service in new:
            service.env.update({**self.street.environment, **QUIET, "WANGGE_HTTP_PORT": str(service.port), **settings})
            service.spawn()
        for service in new:
            service.wait_until_answering()
        self._running.update(dict.fromkeys(names, settings))

    async def only_servers(self, consumed: dict[str, list[type[Message]]]) -> None:
        """No service runs, and the streams are empty, with the consumers of what is named."""
        await self.run()
        await self._fresh_streams(consumed)
        self._streams_are_foreign = True

    async def _fresh_streams(self, consumed: dict[str, list[type[Message]]]) -> None:
        """The services do not take it for a loss: they would publish again all that they have ever said."""
        await fresh_streams(self.nats_url, consumed)
        for name in self.street.services:
            db = await asyncpg.connect(self.street.database_url(name))
            await db.execute(FORGET_STREAMS)
            await db.close()

    async def _check_that_nothing_was_lost(self) -> None:
        for name in self._running:
            db = await asyncpg.connect(self.street.database_url(name))
            lost = await db.fetchval("SELECT count(*) FROM stream_losses")
            await db.close()
            if lost:
                raise ValueError(
                    f"{name} has found its stream without messages, and publishes them while it is measured"
                )

    async def forget_streams(self) -> None:
        """No service runs; what is in the streams is not for services, which find fresh ones when they run again."""
        await self.run()
        self._streams_are_foreign = True

    async def database(self, name: str) -> str:
        """A fresh database of the bench's probe; its address."""
        self.servers.create_database("admin")
        url = await probe.database(self.servers, name)
        await self._prepare(url)
        return url

    @asynccontextmanager
    async def jetstream(self) -> AsyncIterator[JetStreamContext]:
        connection = await nats.connect(self.nats_url)
        try:
            yield connection.jetstream()
        finally:
            await connection.close()

    async def settled(self, patience_seconds: float = PATIENCE_SECONDS) -> float:
        """Wait until the services that run have nothing left to publish or to consume; when they had come to that,
        on the clock of time.perf_counter()."""
        consumers = [(s, c) for s, c, _ in topology.consumers(handled()) if c in self._running]
        urls = {name: self.street.database_url(name) for name in self._running}
        return await settled(self.nats_url, consumers, urls, patience_seconds)


async def settled(
    nats_url: str,
    consumers: Sequence[tuple[str, str]],
    database_urls: Mapping[str, str],
    patience_seconds: float = PATIENCE_SECONDS,
) -> float:
    """Wait until no outbox has anything left to publish, and no (stream, consumer) anything to consume; when it had
    come to that, on the clock of time.perf_counter()."""
    databases = {name: await asyncpg.connect(url) for name, url in database_urls.items()}
    connection = await nats.connect(nats_url)
    deadline, calm_since = time.monotonic() + patience_seconds, None
    try:
        while True:
            seen = time.perf_counter()
            left = await _left(connection.jetstream(), consumers, databases)
            if not left and calm_since is not None:
                return calm_since
            calm_since = None if left else seen
            if time.monotonic() > deadline:
                raise TimeoutError(f"not settled in {patience_seconds:.0f} s: {left}")
            await asyncio.sleep(POLL_SECONDS)
    finally:
        await connection.close()
        for db in databases.values():
            await db.close()


async def _left(
    js: JetStreamContext, consumers: Sequence[tuple[str, str]], databases: dict[str, asyncpg.Connection]
) -> str:
    """Something that is not done yet."""
    for stream, consumer in consumers:
        info = await js.consumer_info(stream, consumer)
        if info.num_pending or info.num_ack_pending:
            return f"{info.num_pending} pending and {info.num_ack_pending} unacknowledged of {consumer} in {stream}"
    for name, db in databases.items():
        if await unsent(db):
            return f"unsent facts of {name}"
    return ""


async def unsent(db: asyncpg.Connection) -> bool:
    return bool(await db.fetchval("SELECT EXISTS (SELECT FROM outbox WHERE sent_at IS NULL)"))


async def all_sent(database_url: str) -> None:
    """Wait until an outbox has nothing left to publish."""
    db = await asyncpg.connect(database_url)

    async def none_left() -> bool:
        return not await unsent(db)

    await until(none_left, "the last fact")
    await db.close()


async def published(js: JetStreamContext, stream: str) -> int:
    """Messages in a stream that was empty when the scenario began."""
    return int((await js.stream_info(stream)).state.messages)


async def until(reached: Callable[[], Awaitable[bool]], what: str, patience_seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + patience_seconds
    while not await reached():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen in {patience_seconds:.0f} s")
        await asyncio.sleep(0.02)


@contextmanager
def process(module: str, *arguments: str, log: Path, **environment: str) -> Iterator[Process]:
    """A program of the bench's own, ended with the block."""
    running = spawn_guarded(
        [sys.executable, "-m", module, *arguments],
        cwd=Path.cwd(),
        env={**os.environ, **environment},
        log=log,
        stop_signal=signal.SIGTERM,
    )
    try:
        yield running
    finally:
        running.stop()


@asynccontextmanager
async def listening(module: str, *arguments: str, log: Path, **environment: str) -> AsyncIterator[tuple[int, Process]]:
    """A server of the bench's own, which takes its port as its first argument: the port, and its process."""
    port = free_port()
    with process(module, str(port), *arguments, log=log, **environment) as running:
        await until(lambda: _listens(port), module)
        yield port, running


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def publish(nats_url: str, events: Iterable[Event]) -> None:
    """Put facts on the bus, as many in flight as one wave holds."""
    connection = await nats.connect(nats_url)
    js = connection.jetstream()
    envelopes = map(cloudevents.encode, events)
    while wave := list(islice(envelopes, WAVE)):
        acks = [await js.publish_async(e.subject, e.body, headers=e.headers) for e in wave]
        await asyncio.gather(*acks)
    await connection.close()


async def consume_anew(place: Place, stream: str, consumed: dict[str, list[type[Message]]]) -> None:
    """The consumer of scoring there has read nothing yet."""
    async with place.jetstream() as js:
        with suppress(NotFoundError):
            await js.delete_consumer(stream, "scoring")
    await topology.apply(place.nats_url, consumed, service_replicas=1)


def ids_from_now_on() -> UUID:
    """Less than every id that is made from now on (UUID version 7 begins with the milliseconds)."""
    return UUID(int=time.time_ns() // 1_000_000 << 80)


def categories() -> list[str]:
    """What is registered without anybody's decision."""
    with RESPONSIBILITY.open(encoding="utf-8") as file:
        return [row["category"] for row in csv.DictReader(file) if row["registration"] == "automatic"]


def reports(count: int, run: str, **more: object) -> list[bytes]:
    """Requests that differ in their key, of every category, at points all over the street."""
    known, made = categories(), []
    for n in range(count):
        body = {
            "tenant": TENANT,
            "category": known[n % len(known)],
            "text": f"路灯不亮，第 {n} 盏",
            "place": {"point": {"longitude": 119.01 + (n % 97) * 0.0018, "latitude": 36.27 + (n % 89) * 0.0018}},
            **more,
        }
        data = json.dumps(body, ensure_ascii=False).encode()
        made.append(load.post("/v1/reports", data, {"Idempotency-Key": f"{run}-{n}"}))
    return made


def all_created(outcome: load.Outcome) -> load.Outcome:
    if set(outcome.statuses) != {201}:
        raise ValueError(f"not every report was taken: {outcome.statuses}")
    return outcome
