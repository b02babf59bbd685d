"""Waits until nothing is under way any more: all facts published and consumed, every notification ended."""

import asyncio
import time

import asyncpg
import nats
import nats.errors
from nats.js.errors import Error as JetStreamError

from deploy.local.local_street import LocalStreet
from libs.chassis import topology
from libs.cli.settings import SERVICES
from libs.cli.wiring import handled

UNDER_WAY = {
    "unpublished facts": "SELECT count(*) FROM outbox WHERE sent_at IS NULL",
    "facts that wait to be handled again": "SELECT count(*) FROM retries WHERE due_at IS NOT NULL",
}
UNSENT = "SELECT count(*) FROM deliveries WHERE state IN ('queued', 'sending')"


async def wait_until_at_rest(local: LocalStreet, patience_seconds: float = 180.0) -> list[str]:
    """What is still under way when the patience is over; empty when all is at rest."""
    give_up = time.monotonic() + patience_seconds
    while True:
        try:
            left = await under_way(local)
        except (nats.errors.Error, JetStreamError, asyncpg.PostgresError, OSError) as outage:
            left = [f"no answer: {type(outage).__name__}"]
        if not left or time.monotonic() > give_up:
            return left
        await asyncio.sleep(0.2)


async def under_way(local: LocalStreet) -> list[str]:
    """One sentence for each thing. The streams come last: a fact that is published later was an outbox row before."""
    left: list[str] = []
    for service in SERVICES:
        connection = await asyncpg.connect(local.database_url(service))
        try:
            queries = {**UNDER_WAY, "unsent notifications": UNSENT} if service == "notify" else UNDER_WAY
            for what, query in queries.items():
                if count := await connection.fetchval(query):
                    left.append(f"{service}: {count} {what}")
        finally:
            await connection.close()
    return left + await _not_consumed(local)


async def _not_consumed(local: LocalStreet) -> list[str]:
    bus = await nats.connect(local.servers.addresses.nats_url.split(","), max_reconnect_attempts=2)
    left: list[str] = []
    try:
        for stream, service, _ in topology.consumers(handled()):
            consumer = await bus.jetstream().consumer_info(stream, service)
            if count := (consumer.num_pending or 0) + (consumer.num_ack_pending or 0):
                left.append(f"{service}: {count} facts of {stream} to consume")
    finally:
        await bus.close()
    return left
