"""Tests on real parts: a service on its own database and on real streams, driven as its neighbours drive it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import asyncpg
import httpx
import nats
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from sqlalchemy import text

from libs import sealing
from libs.chassis.db import migrations
from libs.chassis.db.database import Database, transaction
from libs.chassis.db.ids import new_id
from libs.chassis.messaging import topology
from libs.chassis.service import Service
from libs.contracts import cloudevents, services, streams
from libs.contracts.message import UNSTAMPED, Event, Message

E = TypeVar("E", bound=Message)
T = TypeVar("T")

PATIENCE_SECONDS = 20.0
NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
"""A Monday, 12:00 in the street: the time of tests that need one."""


async def left_in(js: JetStreamContext, stream: str, consumer: str, published: int = 0) -> str:
    """What the consumer has not acknowledged of the stream, whose last message has the sequence `published`."""
    try:
        info = await js.consumer_info(stream, consumer)
    except TimeoutError:
        return f"NATS does not say what is left in {stream}"
    # The counts of a consumer lag behind its stream: what was published last must be acknowledged too.
    done = info.ack_floor.stream_seq if info.ack_floor else 0
    if info.num_pending or info.num_ack_pending or done < published:
        return f"{info.num_pending} pending and {info.num_ack_pending} unacknowledged in {stream}"
    return ""


UNTRIED = text(
    """
    SELECT count(*) FROM retries r
    JOIN unnest(CAST(:ids AS uuid[]), CAST(:attempts AS int[])) AS b (id, attempts)
        ON b.id = r.id AND b.attempts = r.attempts
    WHERE r.due_at IS NOT NULL
    """
)


class NotSettled(AssertionError):
    """The service did not come to rest in time; the message says what was left."""


async def until(condition: Callable[[], Awaitable[T | None]]) -> T:
    """What the condition gives as soon as it gives anything."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := await condition()):
        assert time.monotonic() < deadline, f"waited in vain for {condition}"
        await asyncio.sleep(0.02)
    return found


async def fresh_database(admin_url: str, service: str, name: str) -> str:
    """A migrated, empty database of a service, copied from a template that is migrated once per server; its address."""
    template = f"template_{service}"
    connection = await asyncpg.connect(admin_url)
    try:
        if not await connection.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", template):
            url = await empty_database(admin_url, template)
            await migrations.migrate(url, service)
    finally:
        await connection.close()
    return await empty_database(admin_url, name, f'TEMPLATE "{template}" STRATEGY FILE_COPY')


async def empty_database(admin_url: str, name: str, options: str = "") -> str:
    """Made anew; its address."""
    connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await connection.execute(f'CREATE DATABASE "{name}" {options}')
    finally:
        await connection.close()
    return f"{admin_url.rpartition('/')[0]}/{name}"


async def fresh_streams(nats_url: str, handled: Mapping[str, Sequence[type[Message]]]) -> None:
    """Empty streams, and the consumers of the services that are tested."""
    connection = await nats.connect(nats_url)
    try:
        for service in services.SERVICES:
            try:
                await connection.jetstream().delete_stream(streams.stream_name(service))
            except NotFoundError:
                continue
    finally:
        await connection.close()
    await topology.apply(nats_url, handled, service_replicas=1)


def stamped(event: E, correlation_id: object = None) -> E:
    """The event as its producer would publish it, with an id of its own unless it has one."""
    if event.id != UNSTAMPED:
        return event
    return event.stamped(new_id(), getattr(event, "case_id", None) or new_id())


class Stage:
    """A running service, its HTTP client, and what it hears and says."""

    def __init__(self, service: Service, client: httpx.AsyncClient) -> None:
        self.service = service
        self.http = client
        self._published: dict[str, int] = {}

    async def publish(self, *events: Event) -> None:
        """Put facts on the bus as their producers do, without waiting for what comes of them."""
        js = (await self.service.broker.connect()).jetstream()
        for event in map(stamped, events):
            envelope = cloudevents.encode(event)
            # No Nats-Msg-Id: a test that sends an event twice wants it delivered twice.
            ack = await js.publish(envelope.subject, envelope.body, headers=envelope.headers)
            if type(event) in self.service.router.events:
                self._published[ack.stream] = ack.seq

    async def hear(self, *events: Event) -> None:
        """Publish facts and wait until the service has done with them."""
        await self.publish(*events)
        await self.settled()

    async def settled(self) -> None:
        """Wait until nothing is delivered, due, or unsent. Messages that wait for a later retry do not count."""
        deadline, calm = time.monotonic() + PATIENCE_SECONDS, 0
        while calm < 2:
            left = await self._left()
            calm = 0 if left else calm + 1
            if time.monotonic() > deadline:
                raise NotSettled(f"{self.service.name}: {left}")
            await asyncio.sleep(0.01)

    async def _left(self) -> str:
        js = (await self.service.broker.connect()).jetstream()
        for stream in {streams.stream_name(e.service) for e in self.service.router.events}:
            if left := await left_in(js, stream, self.service.name, self._published.get(stream, 0)):
                return left
        async with self.database() as db:
            unsent = await db.one(text("SELECT count(*) FROM outbox WHERE sent_at IS NULL"))
        return f"{unsent[0]} unsent" if unsent is not None and unsent[0] else ""

    async def retry_now(self) -> None:
        """Make everything that was kept for later due, and wait until each has been tried once more."""
        async with self.database() as db:
            rows = await db.rows(
                text("UPDATE retries SET due_at = now() WHERE due_at IS NOT NULL RETURNING id, attempts")
            )
        before = {"ids": [r.id for r in rows], "attempts": [r.attempts for r in rows]}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while await self._untried(before):
            if time.monotonic() > deadline:
                raise NotSettled(f"{self.service.name}: retries were not tried")
            await self.service.processor.process_due(limit=200)
        await self.settled()

    async def _untried(self, before: Mapping[str, Any]) -> int:
        async with self.database() as db:
            row = await db.one(UNTRIED, before)
        return int(row[0]) if row is not None else 0

    async def fire_timers(self) -> None:
        """Fire what is due, and wait for what the service's own sweep has in hand: no other sweep sees that any more,
        and what comes of it is there only when that sweep commits."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while await self._has_due_timers():
            if time.monotonic() > deadline:
                raise NotSettled(f"{self.service.name}: timers are still due")
            await self.service.timers.fire_due(200)

    async def _has_due_timers(self) -> bool:
        due = text("SELECT 1 FROM timers WHERE due_at <= :now LIMIT 1")
        async with self.database() as db:
            return await db.one(due, {"now": self.service.clock.now()}) is not None

    async def said(self, kind: type[E]) -> list[E]:
        """Every fact of a type that the service has recorded, in order."""
        async with self.database() as db:
            rows = await db.rows(text("SELECT subject, headers, body FROM outbox ORDER BY position"))
        messages = [cloudevents.decode(r.subject, r.headers, bytes(r.body)) for r in rows]
        return [m for m in messages if isinstance(m, kind)]

    async def kept(self) -> list[tuple[str, bool]]:
        """(reason, given up) of the messages that could not be handled."""
        async with self.database() as db:
            rows = await db.rows(
                text("SELECT reason, parked_at IS NOT NULL AS parked FROM retries ORDER BY recorded_at")
            )
        return [(r.reason, r.parked) for r in rows]

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        async with transaction(self.service.engine) as db:
            yield db


@asynccontextmanager
async def on_stage(service: Service) -> AsyncIterator[Stage]:
    """Run a service in this process until the block ends; its consumers are bound when it begins."""
    async with service.app.router.lifespan_context(service.app):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not all(s.subscription for s in service.subscribers):
            if time.monotonic() > deadline:
                raise NotSettled(f"{service.name} did not subscribe")
            await asyncio.sleep(0.01)
        transport = httpx.ASGITransport(service.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            yield Stage(service, client)


KEYS = sealing.new_key_pair()

MakeStage = Callable[..., Awaitable[Stage]]
