"""The limits that figures stand beside: the same publishes, rows and commits with nats-py and asyncpg alone."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import nats
from asyncpg.pool import PoolConnectionProxy
from nats.aio.client import Client

from libs.chassis.ids import new_id

BATCH = 200
RELAY_BATCH = 500

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
    pool = await asyncpg.create_pool(database_url, min_size=3, max_size=3)
    subscription = await connection.jetstream().pull_subscribe_bind(consumer="scoring", stream=stream)
    woken, consumed = asyncio.Event(), asyncio.Event()

    async def pull() -> None:
        handled = 0
        while handled < count:
            handled += await handle_batch(subscription, pool, write)
            woken.set()
        consumed.set()
        woken.set()

    async def publish() -> None:
        while True:
            await woken.wait()
            woken.clear()
            last = consumed.is_set()
            while await relay_turn(pool, connection):
                pass
            if last:
                return

    started = time.perf_counter()
    await asyncio.gather(pull(), publish())
    seconds = time.perf_counter() - started
    await connection.close()
    await pool.close()
    return count / seconds


async def handle_batch(subscription: Any, pool: asyncpg.Pool[Any], write: Write) -> int:
    """Pull once, write, commit, ack; the number of messages."""
    try:
        messages = await subscription.fetch(BATCH, timeout=1)
    except TimeoutError:
        return 0
    async with pool.acquire() as db, db.transaction():
        await write(db, messages)
    for m in messages:
        await m.ack()
    return len(messages)


async def drain(nats_url: str, database_url: str) -> float:
    """Facts a second from an outbox that is full to one where all are marked as sent."""
    connection = await nats.connect(nats_url)
    pool = await asyncpg.create_pool(database_url, min_size=1, max_size=1)
    total, started = 0, time.perf_counter()
    while sent := await relay_turn(pool, connection):
        total += sent
    seconds = time.perf_counter() - started
    await connection.close()
    await pool.close()
    return total / seconds


async def relay_turn(pool: asyncpg.Pool[Any], connection: Client) -> int:
    async with pool.acquire() as db, db.transaction():
        rows = await db.fetch(UNSENT)
        if rows:
            await _publish(connection, rows)
            await db.execute(SENT, [r["position"] for r in rows])
    return len(rows)


async def _publish(connection: Client, rows: list[Any]) -> None:
    """One atomic batch (ADR-50)."""
    batch = new_id().hex
    for n, row in enumerate(rows, 1):
        headers = {
            **json.loads(row["headers"]),
            "Nats-Msg-Id": str(row["message_id"]),
            "Nats-Batch-Id": batch,
            "Nats-Batch-Sequence": str(n),
        }
        if n < len(rows):
            await connection.publish(row["subject"], row["body"], headers=headers)
        else:
            headers["Nats-Batch-Commit"] = "1"
            reply = await connection.request(row["subject"], row["body"], headers=headers, timeout=10)
            if "error" in (ack := json.loads(reply.data)):
                raise ValueError(f"the batch was not taken: {ack['error']}")
