"""Waits until nothing is under way any more: all facts published and consumed, every notification ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import asyncpg
import nats
import nats.errors
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError

from deploy.local.system import LocalSystem
from libs.chassis.db.database import CONNECTION_ERRORS
from libs.chassis.messaging import topology
from libs.contracts.services import SERVICES
from wangge.wiring import handled

UNPUBLISHED = {"unpublished facts": "SELECT count(*) FROM outbox WHERE sent_at IS NULL"}
WAITING = {"facts that wait to be handled again": "SELECT count(*) FROM retries WHERE due_at IS NOT NULL"}
UNSENT = {"unsent notifications": "SELECT count(*) FROM deliveries WHERE state IN ('queued', 'sending')"}


async def wait_until_at_rest(local: LocalSystem, patience_seconds: float = 180.0) -> list[str]:
    """What is still under way when the patience is over; empty when all is at rest."""
    return await wait_until_nothing(under_way, local, patience_seconds)


async def wait_until_nothing(
    look: Callable[[LocalSystem], Awaitable[list[str]]], local: LocalSystem, patience_seconds: float
) -> list[str]:
    """What the look still finds when the patience is over. An outage counts as something."""
    give_up = time.monotonic() + patience_seconds
    while True:
        try:
            left = await look(local)
        except (*CONNECTION_ERRORS, nats.errors.Error, JetStreamError, asyncpg.PostgresError) as outage:
            left = [f"no answer: {type(outage).__name__}"]
        if not left or time.monotonic() > give_up:
            return left
        await asyncio.sleep(0.2)


async def under_way(local: LocalSystem) -> list[str]:
    """One sentence for each thing."""
    left = [each for service in SERVICES for each in await _counted(local, service, WAITING)]
    return left + await _counted(local, "notify", UNSENT) + await lag(local)


async def lag(local: LocalSystem) -> list[str]:
    """What was decided and is not known everywhere. The streams come last: what is published later was a row before."""
    left = [each for service in SERVICES for each in await _counted(local, service, UNPUBLISHED)]
    return left + await _not_consumed(local)


async def _counted(local: LocalSystem, service: str, queries: Mapping[str, str]) -> list[str]:
    found = {what: await number(local, service, query) for what, query in queries.items()}
    return [f"{service}: {count} {what}" for what, count in found.items() if count]


async def number(local: LocalSystem, service: str, query: str, *about: int) -> int:
    """What the query counts in the database of the service."""
    connection = await asyncpg.connect(local.database_url(service))
    try:
        return int(await connection.fetchval(query, *about))
    finally:
        await connection.close()


@asynccontextmanager
async def jetstream(local: LocalSystem) -> AsyncIterator[JetStreamContext]:
    bus = await nats.connect(local.servers.addresses.nats_url.split(","), max_reconnect_attempts=2)
    try:
        yield bus.jetstream()
    finally:
        await bus.close()


async def _not_consumed(local: LocalSystem) -> list[str]:
    left: list[str] = []
    async with jetstream(local) as js:
        for stream, service, _ in topology.consumers(handled()):
            consumer = await js.consumer_info(stream, service)
            if count := (consumer.num_pending or 0) + (consumer.num_ack_pending or 0):
                left.append(f"{service}: {count} facts of {stream} to consume")
    return left
