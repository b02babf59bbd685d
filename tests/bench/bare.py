"""The limits that figures stand beside: the same publishes, rows and commits with nats-py and asyncpg alone."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import nats
from asyncpg.pool import PoolConnectionProxy
from nats.aio.client import Client

from libs.chassis.db.ids import new_id

KEEP_ALIVE_SECONDS = 75
"""Of an idle connection, as the services have it."""
BATCH = 200
RELAY_BATCH = 500
FEW = 8
"""Up to so many facts are published one by one: for an atomic batch the server takes 5 ms, however small it is."""

INBOX = "INSERT INTO inbox (message_id) SELECT * FROM unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING message_id"
OUTBOX = (
    "INSERT INTO outbox (partition, message_id, subject, headers, body) "
    "SELECT * FROM unnest($1::smallint[], $2::uuid[], $3::text[], $4::jsonb[], $5::bytea[])"
)
UNSENT = (
    "SELECT position, message_id, subject, headers, body FROM outbox "
    f"WHERE sent_at IS NULL ORDER BY position LIMIT {RELAY_BATCH}"
)
SENT = "UPDATE outbox SET sent_at = now() WHERE position = ANY($1)"

Write = Callable[[PoolConnectionProxy, list[Any]], Awaitable[None]]
"""Writes what a batch of messages leads to, in the transaction that is open."""


async def consume(nats_url: str, database_url: str, count: int, write: Write, *, stream: str = "INCIDENT") -> float:
    """Events a second: pull, write, commit, ack, and publish what was written, in as few round trips as possible."""
    connection = await nats.connect(nats_url)
    pool, outbox = await connections(database_url, 2), await relay_pool(database_url)
    subscription = await connection.jetstream().pull_subscribe_bind(consumer="scoring", stream=stream)
    woken, consumed = asyncio.Event(), asyncio.Event()

    async def pull() -> None:
        handled = 0
        async for messages in batches(subscription):
            await handle(messages, pool, write)
            woken.set()
            if (handled := handled + len(messages)) >= count:
                break
        consumed.set()
        woken.set()

    async def publish() -> None:
        while True:
            await woken.wait()
            woken.clear()
            last = consumed.is_set()
            await relay(outbox, connection)
            if last:
                return

    started = time.perf_counter()
    await asyncio.gather(pull(), publish())
    seconds = time.perf_counter() - started
    await connection.close()
    await pool.close()
    await outbox.close()
    return count / seconds


async def batches(subscription: Any) -> AsyncIterator[list[Any]]:
    """What there is, `BATCH` messages at most; a lone one at once.

    `fetch` waits for as many as it is asked for, up to its timeout: it is asked for those that are known to be there.
    """
    there = 0
    while True:
        try:
            messages = await subscription.fetch(min(there, BATCH) or 1, timeout=1)
        except TimeoutError:
            there = 0
            continue
        there = messages[-1].metadata.num_pending
        yield messages


async def handle(messages: list[Any], pool: asyncpg.Pool[Any], write: Write) -> None:
    """Write, commit, ack."""
    async with pool.acquire() as db, db.transaction():
        await write(db, messages)
    for m in messages:
        await m.ack()


async def drain(nats_url: str, database_url: str) -> float:
    """Facts a second from an outbox that is full to one where all are marked as sent."""
    connection = await nats.connect(nats_url)
    pool = await relay_pool(database_url)
    total, started = 0, time.perf_counter()
    while sent := await relay_turn(pool, connection):
        total += sent
    seconds = time.perf_counter() - started
    await connection.close()
    await pool.close()
    return total / seconds


async def connections(database_url: str, count: int, **server_settings: str) -> asyncpg.Pool[Any]:
    """A pool of so many, which are given back as they are: asyncpg would ask the server to reset each."""

    async def as_it_is(_: Any) -> None:
        return

    return await asyncpg.create_pool(
        database_url, min_size=count, max_size=count, reset=as_it_is, server_settings=server_settings
    )


async def relay_pool(database_url: str) -> asyncpg.Pool[Any]:
    """One connection, whose commits do not wait for the disk: what a crash undoes is published again."""
    return await connections(database_url, 1, synchronous_commit="off")


async def relay(pool: asyncpg.Pool[Any], connection: Client) -> None:
    """Publish what there is; who writes more while this runs calls again."""
    while await relay_turn(pool, connection) == RELAY_BATCH:
        pass


async def relay_turn(pool: asyncpg.Pool[Any], connection: Client) -> int:
    async with pool.acquire() as db, db.transaction():
        rows = await db.fetch(UNSENT)
        if rows:
            await _publish(connection, rows)
            await db.execute(SENT, [r["position"] for r in rows])
    return len(rows)


async def _publish(connection: Client, rows: list[Any]) -> None:
    """One atomic batch (ADR-50), or a few at the same time."""
    if len(rows) <= FEW:
        await asyncio.gather(*(_request(connection, row, {}) for row in rows))
        return
    batch = new_id().hex
    for n, row in enumerate(rows, 1):
        more = {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(n)}
        if n < len(rows):
            await connection.publish(row["subject"], row["body"], headers=_headers(row, more))
        else:
            await _request(connection, row, {**more, "Nats-Batch-Commit": "1"})


async def _request(connection: Client, row: Any, more: dict[str, str]) -> None:
    reply = await connection.request(row["subject"], row["body"], headers=_headers(row, more), timeout=10)
    if "error" in (ack := json.loads(reply.data)):
        raise ValueError(f"not taken: {ack['error']}")


def _headers(row: Any, more: dict[str, str]) -> dict[str, str]:
    return {**json.loads(row["headers"]), "Nats-Msg-Id": str(row["message_id"]), **more}
